"""`sectigo-vault-pki report`."""
