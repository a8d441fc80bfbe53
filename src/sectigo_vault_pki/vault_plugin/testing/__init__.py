"""What an engine is tested with: a host in memory, and one that runs the plugin as Vault or OpenBao does.

For storage of one's own there is `testing.storage_contract`, which needs pytest. The checks are assertions: have pytest
show what they compare by `pytest.register_assert_rewrite("sectigo_vault_pki.vault_plugin.testing")`.
"""

from sectigo_vault_pki.vault_plugin.testing.memory import ACTIVE, STANDBY, FakeSystem, InmemStorage
from sectigo_vault_pki.vault_plugin.testing.plugin_host import Mount, PluginHost

__all__ = ["ACTIVE", "STANDBY", "FakeSystem", "InmemStorage", "Mount", "PluginHost"]
