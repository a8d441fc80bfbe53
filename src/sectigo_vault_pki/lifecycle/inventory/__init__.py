"""What is stored, looked at."""
