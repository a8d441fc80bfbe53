"""Storage in memory that lists quickly, for tests with very many keys."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence

from sectigo_vault_pki.vault_plugin.logical import StorageEntry
from sectigo_vault_pki.vault_plugin.testing import InmemStorage

_BEHIND = chr(0x10FFFF)


class SortedStorage(InmemStorage):
    """Keeps its keys in order, so that a list costs what it answers."""

    def __init__(self, entries: Iterable[tuple[str, bytes]] = ()) -> None:
        super().__init__()
        self._entries = {key: StorageEntry(key, value) for key, value in entries}
        self._sorted = sorted(self._entries)

    async def put(self, entry: StorageEntry) -> None:
        if entry.key not in self._entries:
            insort(self._sorted, entry.key)
        await super().put(entry)
        self.writes.clear()

    async def delete(self, key: str) -> None:
        if key in self._entries:
            del self._sorted[bisect_left(self._sorted, key)]
        await super().delete(key)
        self.writes.clear()

    async def list(self, prefix: str) -> Sequence[str]:
        self._check("list", prefix)
        names, at = [], bisect_left(self._sorted, prefix)
        while at < len(self._sorted) and self._sorted[at].startswith(prefix):
            name, slash, _ = self._sorted[at].removeprefix(prefix).partition("/")
            names.append(name + slash)
            at = bisect_left(self._sorted, prefix + name + slash + _BEHIND, at) if slash else at + 1
        return names

    def holds(self, key: str) -> bool:
        return key in self._entries

    def restore(self, snapshot: Mapping[str, bytes]) -> None:
        """Go back to an earlier state."""
        self._entries = {key: StorageEntry(key, value) for key, value in snapshot.items()}
        self._sorted = sorted(self._entries)
