"""Work that outlives the request which began it, and locks for what must happen to one thing at a time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable
from contextlib import asynccontextmanager
from contextvars import Context
from typing import Any, TypeVar

from sectigo_vault_pki.errors import SectigoVaultPkiError

T = TypeVar("T")

_log = logging.getLogger(__name__)

CLOSING_GRACE = 1.5
"""Seconds that writes under way get when the backend closes; the host kills the process after 2 s."""


class OwnedTasks:
    """The tasks of one backend: a request waits for them, and its end is not theirs."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writes: set[asyncio.Task[Any]] = set()
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}

    def start(self, work: Coroutine[Any, Any, T], *, name: str, context: Context | None = None) -> asyncio.Task[T]:
        """Begin some work; its failure is logged when nobody is there to see it."""
        task = asyncio.get_running_loop().create_task(work, name=name, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def join(
        self,
        key: Hashable,
        work: Callable[[], Coroutine[Any, Any, T]],
        *,
        name: str,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        """Return the task that already runs under this key, or begin one.

        Args:
            key: equal for equal work.
            work: begins it.
            name: the task's.
            context: where its log lines take their values from; None: it is the work of the request at hand.
        """
        running = self._flights.get(key)
        if running is not None:
            return running
        task = self.start(work(), name=name, context=context)
        self._flights[key] = task
        task.add_done_callback(lambda _: self._flights.pop(key, None))
        return task

    def running(self, key: Hashable) -> bool:
        """Whether a joined task runs under this key."""
        return key in self._flights

    async def finish(self, write: Coroutine[Any, Any, T]) -> T:
        """Await a write that is carried to its end, even when the awaiting task is cancelled."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()
        task = loop.create_task(_carry_out(write, outcome))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)
        return await outcome

    async def aclose(self) -> None:
        """End all waiting, and let the writes under way finish for a moment."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        pending: list[Awaitable[object]] = [*tasks, *self._writes]
        if pending:
            await asyncio.wait({asyncio.ensure_future(waiter) for waiter in pending}, timeout=CLOSING_GRACE)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, SectigoVaultPkiError):  # that is who awaits it told
            _log.debug("a task ended in an error", extra={"kv": {"task": task.get_name(), "error": error}})


async def _carry_out(write: Coroutine[Any, Any, T], outcome: "asyncio.Future[T]") -> None:
    """Tell the outcome from within: `asyncio.shield` would take one more turn of the loop for it."""
    try:
        result = await write
    except asyncio.CancelledError:
        outcome.cancel()
        raise
    except Exception as error:  # noqa: BLE001  who awaits the write gets it
        if not outcome.done():
            outcome.set_exception(error)
    else:
        if not outcome.done():
            outcome.set_result(result)


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
