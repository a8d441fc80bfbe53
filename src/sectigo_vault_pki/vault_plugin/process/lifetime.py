"""Who the process lives for: its parent, and a host that is connected (plugin-protocol.md 1.3)."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

_POLL_SECONDS = 1.0


def watch_parent(on_death: Callable[[], None]) -> AbstractContextManager[object]:
    """Call `on_death` on the running loop once the parent process has ended; leaving the context ends the watch."""
    stack = ExitStack()
    loop = asyncio.get_running_loop()
    parent = os.getppid()
    try:
        descriptor = os.pidfd_open(parent)
    except OSError:  # an old kernel, or a sandbox that forbids it
        poll = loop.create_task(_poll(parent, on_death))
        stack.callback(poll.cancel)
        return stack
    stack.callback(os.close, descriptor)

    def died() -> None:
        loop.remove_reader(descriptor)
        on_death()

    loop.add_reader(descriptor, died)
    stack.callback(loop.remove_reader, descriptor)
    if os.getppid() != parent:  # it died before we looked, and the number may be somebody else's by now
        loop.call_soon(died)
    return stack


async def _poll(parent: int, on_death: Callable[[], None]) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110  there is no event for it here
        await asyncio.sleep(_POLL_SECONDS)
    on_death()


class Patience:
    """A timer that runs while no host is connected; made on a running loop."""

    def __init__(self, seconds: float, give_up: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._give_up = give_up
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def begin(self) -> None:
        """Start the timer: no host is connected."""
        self.end()
        if not self._over:
            self._timer = self._loop.call_later(self._seconds, self._give_up)

    def end(self) -> None:
        """Stop the timer: a host is connected."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Stop the timer for good."""
        self._over = True
        self.end()
