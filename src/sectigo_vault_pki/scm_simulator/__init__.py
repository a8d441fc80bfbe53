"""A Sectigo Certificate Manager you can run: real X.509, in memory only, written from the SCM document alone.

It shares no code and no model with the engine, so that a mistake on one side cannot hide one on the other. `simulator`
holds the object that tests work with, `in_process` drives it without a socket, `__main__` serves it.
"""
