"""The commands for people: `sectigo-vault-pki doctor`, `import`, `register` and `report`.

They talk to a server over its HTTP API, as `bao` and `vault` do, with the caller's own token. Nothing here is imported
when a host starts the plugin, and nothing here knows the engine.
"""
