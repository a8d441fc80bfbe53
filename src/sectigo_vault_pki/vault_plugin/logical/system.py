"""What the host tells an engine about itself."""

from dataclasses import dataclass
from datetime import timedelta
from enum import IntFlag
from typing import Protocol


class ReplicationState(IntFlag):
    """The node's roles, as the host's bits (plugin-protocol.md 5.7)."""

    UNKNOWN = 0
    PERFORMANCE_PRIMARY = 32
    PERFORMANCE_SECONDARY = 64
    DR_PRIMARY = 256
    DR_SECONDARY = 512
    PERFORMANCE_BOOTSTRAPPING = 1024
    DR_BOOTSTRAPPING = 2048
    PERFORMANCE_DISABLED = 4096
    DR_DISABLED = 8192
    PERFORMANCE_STANDBY = 16384

    @property
    def is_read_only(self) -> bool:
        """Whether a write must be forwarded to another node."""
        return bool(self & (self.PERFORMANCE_STANDBY | self.PERFORMANCE_SECONDARY | self.DR_SECONDARY))

    @property
    def writes_local_mounts(self) -> bool:
        """Whether the node writes at least what is not replicated: a performance secondary's active node does."""
        return bool(self & self.PERFORMANCE_SECONDARY) and not self & (self.PERFORMANCE_STANDBY | self.DR_SECONDARY)


@dataclass(frozen=True, slots=True)
class PluginEnvironment:
    """The host's version, for the OpenAPI document."""

    vault_version: str = ""
    vault_version_prerelease: str = ""
    vault_version_metadata: str = ""


class SystemView(Protocol):
    """Questions to the host; none may be asked while a backend is built (plugin-protocol.md 5.8).

    Each raises `LogicalError` when the host does not answer.
    """

    async def default_lease_ttl(self) -> timedelta: ...

    async def max_lease_ttl(self) -> timedelta: ...

    async def caching_disabled(self) -> bool: ...

    async def local_mount(self) -> bool: ...

    async def replication_state(self) -> ReplicationState: ...

    async def plugin_environment(self) -> PluginEnvironment: ...
