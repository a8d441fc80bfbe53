"""Storage in memory, for tests and for hosts that lend none; it passes the contract test of the real one."""

from bisect import insort
from collections.abc import Callable, Sequence

from sectigo_vault_pki.vault_plugin.logical.errors import StorageError
from sectigo_vault_pki.vault_plugin.logical.storage import StorageEntry


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
