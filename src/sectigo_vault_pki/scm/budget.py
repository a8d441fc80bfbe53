"""How many calls a piece of work may make at SCM."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_in_force: ContextVar["CallBudget | None"] = ContextVar("sectigo_vault_pki_call_budget", default=None)


class CallBudget:
    """So many HTTP calls, repetitions included; whatever is called beyond them is not sent.

    Args:
        limit: how many.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._made = 0

    @property
    def made(self) -> int:
        """The calls made so far."""
        return self._made

    @property
    def left(self) -> int:
        """The calls that may still be made."""
        return max(0, self._limit - self._made)

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Let the calls of this block count, and those of the tasks that it creates, for as long as these run."""
        token = _in_force.set(self)
        try:
            yield
        finally:
            _in_force.reset(token)

    def refill(self, limit: int) -> None:
        """Begin to count anew."""
        self._limit = limit
        self._made = 0

    def count(self) -> None:
        """Note that a call is made."""
        self._made += 1


def budget_in_force() -> CallBudget | None:
    """Return what the running code's calls count on, or None where nothing limits them."""
    return _in_force.get()
