"""Orders: one runner, one journal, five operations."""
