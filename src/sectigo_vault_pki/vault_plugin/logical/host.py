"""What the host lends an engine: storage, and a view of the system."""

from collections.abc import Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class StorageEntry:
    """One stored value.

    Attributes:
        key: `/`-separated, relative to the mount, without a leading `/`; visible to operators, so never a secret.
        value: the bytes, encrypted by the host's barrier.
        seal_wrap: ask the host for its extra wrapping, where it has one.
    """

    key: str
    value: bytes = field(repr=False)
    seal_wrap: bool = False


class Storage(Protocol):
    """Key-value storage of one mount.

    Every method raises `ReadOnlyError` where this node may not write, and `StorageError` with the host's own text
    for any other failure: the host decides by that text whether to forward a request (plugin-protocol.md 5.7).
    """

    async def get(self, key: str) -> StorageEntry | None:
        """Return the entry, or None where the key holds nothing."""

    async def put(self, entry: StorageEntry) -> None:
        """Write the entry over whatever its key holds."""

    async def delete(self, key: str) -> None:
        """Remove the key; one that holds nothing is no error."""

    async def list(self, prefix: str) -> Sequence[str]:
        """Return the names one level below `prefix` (empty, or ending in `/`), sorted; folders end in `/`."""

    async def list_page(self, prefix: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
        """Return at most `limit` names of `list(prefix)` that sort after `after`; a limit of 0 means all of them."""
