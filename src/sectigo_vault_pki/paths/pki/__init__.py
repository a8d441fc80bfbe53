"""Paths that ask and answer like Vault's own pki engine."""
