"""Secrets engine for HashiCorp Vault and OpenBao: certificates from Sectigo Certificate Manager."""

__version__ = "0.1.0"
