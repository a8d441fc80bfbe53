"""Comparing what is stored under a config entry with what SCM has."""
