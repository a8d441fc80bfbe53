"""From an order in flight to the certificate in hand."""
