"""`sectigo-vault-pki register`."""
