"""Parsed records in memory: bounded, and never older than what storage is known to hold."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pydantic import BaseModel

MAX_BYTES = 16 * 2**20
"""Stored bytes of what is remembered; parsed, a record takes about twice as much."""


@dataclass(frozen=True, slots=True)
class Cached:
    """A record, and how many bytes it has in storage."""

    record: BaseModel
    size: int


class RecordCache:
    """The records used last, by storage key.

    Whoever reads from storage announces it with `expect`, and what was read is only remembered if nothing has
    happened to the key meanwhile. Where two read a key at once, the later one's record is remembered.

    Args:
        is_disabled: asks whether the host wants nothing to be remembered.
        max_bytes: what is used least recently is dropped beyond this.
    """

    def __init__(self, is_disabled: Callable[[], Awaitable[bool]], *, max_bytes: int = MAX_BYTES) -> None:
        self._is_disabled = is_disabled
        self._max_bytes = max_bytes
        self._size = 0
        self._cached: OrderedDict[str, Cached] = OrderedDict()
        self._expected: dict[str, object] = {}

    def get(self, key: str) -> BaseModel | None:
        """Return the record, if it is remembered."""
        cached = self._cached.get(key)
        if cached is None:
            return None
        self._cached.move_to_end(key)
        return cached.record

    def expect(self, key: str) -> object:
        """Announce that the key is going to be read; return what `remember` and `withdraw` want."""
        self._expected[key] = token = object()
        return token

    async def remember(self, key: str, token: object, cached: Cached) -> None:
        """Remember what was read, unless something has happened to the key since `expect`, whose word ends here."""
        try:
            if not await self._is_disabled() and self._expected.get(key) is token:
                self._put(key, cached)
        finally:
            self.withdraw(key, token)

    def withdraw(self, key: str, token: object) -> None:
        """Take an announcement back, if it is still the newest."""
        if self._expected.get(key) is token:
            del self._expected[key]

    def forget(self, key: str) -> None:
        """Remember nothing of a key, nor what somebody is reading of it right now."""
        self._expected.pop(key, None)
        if (cached := self._cached.pop(key, None)) is not None:
            self._size -= cached.size

    def __len__(self) -> int:
        return len(self._cached)

    def _put(self, key: str, cached: Cached) -> None:
        self.forget(key)
        self._cached[key] = cached
        self._size += cached.size
        while self._size > self._max_bytes:
            _, dropped = self._cached.popitem(last=False)
            self._size -= dropped.size
