"""A plugin SDK for Vault and OpenBao in Python: the vocabulary, the framework and the process. Knows no Sectigo."""
