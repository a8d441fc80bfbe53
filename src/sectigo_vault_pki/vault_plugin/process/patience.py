"""How long the process stays where no host is connected: one that has forgotten us would leave us behind."""

import asyncio
from collections.abc import Callable


class Patience:
    """A timer that runs while nobody is connected; made on a running loop."""

    def __init__(self, seconds: float, give_up: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._give_up = give_up
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def begin(self) -> None:
        """Nobody is connected, or nobody any more."""
        self.end()
        if not self._over:
            self._timer = self._loop.call_later(self._seconds, self._give_up)

    def end(self) -> None:
        """Somebody is."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """It does not matter any more."""
        self._over = True
        self.end()
