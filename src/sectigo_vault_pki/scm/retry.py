"""How long to wait before a call is made again."""

from random import SystemRandom

ATTEMPTS = 3
LONGEST_PAUSE = 30.0

_FIRST_PAUSE = 0.5


def pause_before(attempt: int, retry_after: float | None) -> float | None:
    """Return the seconds to wait before attempt number 2, 3 and so on; None where SCM asks for more than anybody waits.

    Doubles from attempt to attempt. Jitter sees to it that clients which failed together do not come back together.
    """
    if retry_after is not None:
        return None if retry_after > LONGEST_PAUSE else retry_after * SystemRandom().uniform(1.0, 1.1)
    ceiling = min(_FIRST_PAUSE * 2 ** (attempt - 2), LONGEST_PAUSE)
    return SystemRandom().uniform(ceiling / 2, ceiling)
