"""Single records in a mount's storage, typed, with a cache of those that are read often."""

from typing import TypeVar

from sectigo_vault_pki.store import layout
from sectigo_vault_pki.store.base import EmptyEntry, Record, encoded, parsed
from sectigo_vault_pki.store.cache import Cached, RecordCache
from sectigo_vault_pki.vault_plugin.logical import Storage, StorageEntry

R = TypeVar("R", bound=Record)

_EMPTY = encoded(EmptyEntry())


class RecordStore:
    """Reads and writes records by their keys. Storage errors pass through with the host's text."""

    def __init__(self, storage: Storage, cache: RecordCache | None = None) -> None:
        self._storage = storage
        self._cache = RecordCache(_always) if cache is None else cache

    def invalidate(self, key: str) -> None:
        """Drop a key from the cache that another node has changed."""
        self._cache.drop(key)

    async def _get(self, key: str, record_type: type[R]) -> R | None:
        entry = await self._storage.get(key)
        return None if entry is None else parsed(entry, record_type)

    async def _get_cached(self, key: str, record_type: type[R]) -> R | None:
        cached = self._cache.get(key)
        if isinstance(cached, record_type):
            return cached
        reservation = self._cache.reserve(key)
        try:
            entry = await self._storage.get(key)
            if entry is None:
                return None
            record = parsed(entry, record_type)
            await self._cache.add(key, reservation, Cached(record, len(entry.value)))
        finally:
            self._cache.release(key, reservation)
        return record

    async def _put(self, key: str, record: Record) -> int:
        value = encoded(record)
        await self._put_value(key, value)
        return len(value)

    async def _put_empty(self, key: str) -> None:
        await self._put_value(key, _EMPTY)

    async def _put_value(self, key: str, value: bytes) -> None:
        await self._storage.put(StorageEntry(key, value, seal_wrap=key.startswith(layout.SEAL_WRAPPED)))

    async def _put_cached(self, key: str, record: Record) -> None:
        try:
            size = await self._put(key, record)
        finally:
            self._cache.drop(key)  # also what another read got while it was being written
        await self._cache.add(key, self._cache.reserve(key), Cached(record, size))

    async def _delete_cached(self, key: str) -> None:
        try:
            await self._storage.delete(key)
        finally:
            self._cache.drop(key)


async def _always() -> bool:
    return True
