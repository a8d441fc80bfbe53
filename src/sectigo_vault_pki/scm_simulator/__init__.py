"""A Sectigo Certificate Manager you can run: real X.509, in memory only, written from the SCM document alone.

It shares no code and no model with the engine, so that a mistake on one side cannot hide one on the other. `simulator`
has the object that tests work with and a transport that needs no socket; `__main__` serves it.
"""
