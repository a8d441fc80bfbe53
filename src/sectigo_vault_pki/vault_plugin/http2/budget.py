"""A token bucket: so many at once, so many a second."""

from collections.abc import Callable


class Budget:
    """Counts what a peer makes us do."""

    def __init__(self, burst: int, per_second: float, *, clock: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._clock = clock
        self._left = self._burst
        self._at = clock()

    def spend(self) -> bool:
        """Take one; say whether there was one."""
        if self._left < 1:
            now = self._clock()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return False
        self._left -= 1
        return True
