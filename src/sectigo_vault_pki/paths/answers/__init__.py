"""How answers look, shared by several paths."""
