"""`sectigo-vault-pki doctor`."""
