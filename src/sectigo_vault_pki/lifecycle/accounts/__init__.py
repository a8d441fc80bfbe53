"""SCM's accounts: their clients, logins, clocks and budgets."""
