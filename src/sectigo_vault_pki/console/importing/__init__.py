"""`sectigo-vault-pki import`."""
