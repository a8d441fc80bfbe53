"""What SCM knows: the tenant, its orders, the book of them, and the CA that signs. Nothing of HTTP."""
