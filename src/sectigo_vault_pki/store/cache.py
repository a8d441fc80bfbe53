"""A cache of parsed records: bounded, and never older than what storage is known to hold."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel

MAX_BYTES = 16 * 2**20
"""Limit in stored bytes; a parsed record takes about twice as much memory."""


@dataclass(frozen=True, slots=True)
class Cached:
    """A record and its size in storage, in bytes."""

    record: BaseModel
    size: int


class RecordCache:
    """The most recently used records, by storage key.

    A reader reserves the key with `reserve` before it reads storage, and the record is cached only if the key has not
    changed since. If two readers reserve a key at once, the later one's record is cached.

    Args:
        is_disabled: asks whether the host forbids caching.
        max_bytes: above this, the least recently used records are dropped.
    """

    def __init__(self, is_disabled: Callable[[], Awaitable[bool]], *, max_bytes: int = MAX_BYTES) -> None:
        self._is_disabled = is_disabled
        self._max_bytes = max_bytes
        self._size = 0
        self._cached: OrderedDict[str, Cached] = OrderedDict()
        self._reserved: dict[str, object] = {}

    def get(self, key: str) -> BaseModel | None:
        """Return the record if it is cached."""
        cached = self._cached.get(key)
        if cached is None:
            return None
        self._cached.move_to_end(key)
        return cached.record

    def reserve(self, key: str) -> object:
        """Reserve a key that is about to be read; return the token for `add` and `release`."""
        self._reserved[key] = token = object()
        return token

    async def add(self, key: str, token: object, cached: Cached) -> None:
        """Cache the record unless the key changed since `reserve`; the reservation ends either way."""
        try:
            if not await self._is_disabled() and self._reserved.get(key) is token:
                self._put(key, cached)
        finally:
            self.release(key, token)

    def release(self, key: str, token: object) -> None:
        """End a reservation, if it is still the newest."""
        if self._reserved.get(key) is token:
            del self._reserved[key]

    def drop(self, key: str) -> None:
        """Drop a key from the cache, and the reservation of a read in progress."""
        self._reserved.pop(key, None)
        if (cached := self._cached.pop(key, None)) is not None:
            self._size -= cached.size

    def __len__(self) -> int:
        return len(self._cached)

    def _put(self, key: str, cached: Cached) -> None:
        self.drop(key)
        self._cached[key] = cached
        self._size += cached.size
        while self._size > self._max_bytes:
            _, dropped = self._cached.popitem(last=False)
            self._size -= dropped.size
