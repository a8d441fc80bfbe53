"""Background work, on the host's tick."""
