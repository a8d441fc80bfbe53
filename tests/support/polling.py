"""Waiting for what happens elsewhere: in another process, which sends no event to a test."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_PAUSE_SECONDS = 0.02


def until(look: Callable[[], T], *, what: str, seconds: float = 20.0) -> T:
    """Look until there is something to see, and return it.

    Raises:
        AssertionError: nothing was there within `seconds`; says `what` was expected.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(_PAUSE_SECONDS)
    return seen
