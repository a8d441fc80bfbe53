"""What a host lends an engine, in memory: storage that keeps the contract of the real one, and a system view."""

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sectigo_vault_pki.vault_plugin.logical import PluginEnvironment, ReplicationState, StorageEntry, StorageError

ACTIVE = ReplicationState.PERFORMANCE_DISABLED | ReplicationState.DR_DISABLED
STANDBY = ReplicationState.DR_DISABLED | ReplicationState.PERFORMANCE_STANDBY


class InmemStorage:
    """A mount's storage in a dict. Set `failures[method]` to make that method raise until it is taken out again."""

    def __init__(self) -> None:
        self._entries: dict[str, StorageEntry] = {}
        self.failures: dict[str, StorageError] = {}
        self.writes: list[str] = []
        """`put KEY` and `delete KEY`, in the order in which they were done."""
        self.on_write: Callable[[list[str]], None] = lambda _writes: None
        """Called with `writes` after each write."""

    async def get(self, key: str) -> StorageEntry | None:
        self._check("get", key)
        return self._entries.get(key)

    async def put(self, entry: StorageEntry) -> None:
        self._check("put", entry.key)
        self.writes.append(f"put {entry.key}")
        self._entries[entry.key] = entry
        self.on_write(self.writes)

    async def delete(self, key: str) -> None:
        self._check("delete", key)
        self.writes.append(f"delete {key}")
        self._entries.pop(key, None)
        self.on_write(self.writes)

    async def list(self, prefix: str) -> Sequence[str]:
        self._check("list", prefix)
        names: list[str] = []
        for key in self._entries:
            if not key.startswith(prefix):
                continue
            name, slash, _ = key.removeprefix(prefix).partition("/")
            if (entry := name + slash) not in names:
                insort(names, entry)
        return names

    async def list_page(self, prefix: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
        names = [name for name in await self.list(prefix) if name > after]
        return names[:limit] if limit > 0 else names

    def snapshot(self) -> dict[str, bytes]:
        """Return every key with its value."""
        return {key: entry.value for key, entry in self._entries.items()}

    def _check(self, method: str, key: str) -> None:
        if method in self.failures:
            raise self.failures[method]
        if any(segment in {".", ".."} for segment in key.split("/")):
            raise StorageError("relative paths not supported")


@dataclass
class FakeSystem:
    """The system view of one node; change its answers at any time."""

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
