"""Issuing under roles: policy apart from credentials."""
