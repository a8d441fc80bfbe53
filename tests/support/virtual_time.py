"""An event loop whose time passes only while nothing else is to be done, and a clock that goes with it."""

import asyncio
import selectors
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


class _JumpingSelector(selectors.DefaultSelector):
    """Answers at once, and lets the waiting time pass on its own clock."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self.passed += max(timeout, 0.0)
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Sleeps and timeouts take no time; whatever is ready runs first."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        # After years a nanosecond is less than what a float tells apart, and a timer would never be due.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        return self._jumping.passed


class LoopClock:
    """A clock that follows the running loop's time, and can be advanced."""

    def __init__(self) -> None:
        self._advanced = timedelta(0)

    def now(self) -> datetime:
        return START + self._advanced + timedelta(seconds=asyncio.get_running_loop().time())

    def advance(self, **duration: float) -> None:
        """Let time pass, named as for `timedelta`."""
        self._advanced += timedelta(**duration)


class WrongClock(LoopClock):
    """A clock that may be wrong, beside the time that really passes.

    Attributes:
        offset: how far it is ahead.
    """

    def __init__(self) -> None:
        super().__init__()
        self.offset = timedelta(0)

    def now(self) -> datetime:
        return self.true_now() + self.offset

    def true_now(self) -> datetime:
        """Return what a clock that is right says."""
        return super().now()


def virtual_loop_factories() -> Mapping[str, type[VirtualTimeLoop]]:
    """What `pytest_asyncio_loop_factories` returns where tests run in virtual time."""
    return {"virtual-time": VirtualTimeLoop}
