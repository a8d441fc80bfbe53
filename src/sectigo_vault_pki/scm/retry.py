"""How long to wait before a call is made again."""

from random import SystemRandom

ATTEMPTS = 3
LONGEST_PAUSE = 30.0

_FIRST_PAUSE = 0.5


def pause_before(attempt: int, retry_after: float | None) -> float:
    """Return the seconds to wait before attempt number 2, 3 and so on.

    Doubles from attempt to attempt, with jitter of its whole length, so that clients which failed together do not come
    back together. A server's own wish is kept up to the longest pause.
    """
    if retry_after is not None:
        return min(retry_after, LONGEST_PAUSE)
    ceiling = min(_FIRST_PAUSE * 2 ** (attempt - 2), LONGEST_PAUSE)
    return SystemRandom().uniform(ceiling / 2, ceiling)
