"""What is decided: pure functions of records, wishes and time. No I/O and no clock."""
