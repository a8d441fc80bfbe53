"""Being a go-plugin process: what Vault or OpenBao starts, talks to and stops."""

from sectigo_vault_pki.vault_plugin.process.serve import is_launched_by_host, serve

__all__ = ["is_launched_by_host", "serve"]
