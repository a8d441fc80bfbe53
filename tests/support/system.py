"""A host that says of itself what a test wants it to say."""

from dataclasses import dataclass
from datetime import timedelta

from sectigo_vault_pki.vault_plugin.logical import PluginEnvironment, ReplicationState

ACTIVE = ReplicationState.PERFORMANCE_DISABLED | ReplicationState.DR_DISABLED
STANDBY = ReplicationState.DR_DISABLED | ReplicationState.PERFORMANCE_STANDBY


@dataclass
class FakeSystem:
    """The system view of one node."""

    state: ReplicationState = ACTIVE
    local: bool = False
    caching_is_disabled: bool = False

    async def default_lease_ttl(self) -> timedelta:
        return timedelta(days=32)

    async def max_lease_ttl(self) -> timedelta:
        return timedelta(days=32)

    async def caching_disabled(self) -> bool:
        return self.caching_is_disabled

    async def local_mount(self) -> bool:
        return self.local

    async def replication_state(self) -> ReplicationState:
        return self.state

    async def plugin_environment(self) -> PluginEnvironment:
        return PluginEnvironment(vault_version="2.7.2")
