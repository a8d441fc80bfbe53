"""What is decided: pure functions of records, requests and time. No I/O and no clock."""
