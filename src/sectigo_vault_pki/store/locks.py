"""Locks by name, for what must happen to one record one after the other."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class NamedLocks:
    """One lock for each name in use; a name that nobody holds or awaits takes no memory."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, asyncio.Lock] = {}
        self._users: dict[Hashable, int] = {}

    @asynccontextmanager
    async def hold(self, *name: Hashable) -> AsyncIterator[None]:
        """Hold the name's lock for the length of the block."""
        lock = self._locks.setdefault(name, asyncio.Lock())
        self._users[name] = self._users.get(name, 0) + 1
        try:
            async with lock:
                yield
        finally:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name], self._locks[name]

    def in_use(self, *name: Hashable) -> bool:
        """Whether somebody holds or awaits the name's lock."""
        return name in self._locks

    def __len__(self) -> int:
        """Count the names in use."""
        return len(self._locks)
