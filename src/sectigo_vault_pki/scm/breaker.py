"""What holds an account's calls back: a circuit breaker, and the budget of background work.

An SCM that does not answer is left alone for a while, and callers are told so at once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum, auto
from random import SystemRandom

_in_force: ContextVar["CallBudget | None"] = ContextVar("sectigo_vault_pki_call_budget", default=None)

FAILURES = 10
"""Calls in a row without an answer before the breaker opens: three failed questions with their repetitions."""

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 60.0
"""Seconds; the host's tick comes once in so many, and each finds out whether SCM is back."""

SMALLEST_HOLD = 0.01
LONGEST_HOLD = 300.0
"""Seconds for which SCM's own `Retry-After` is obeyed at most."""


class State(Enum):
    """What a breaker lets through."""

    CLOSED = auto()
    """Every call."""
    OPEN = auto()
    """None, until the pause is over."""
    PROBING = auto()
    """None beside the one that finds out."""


@dataclass(frozen=True, slots=True)
class Availability:
    """How SCM answers an account.

    Attributes:
        breaker: what is let through.
        trouble: what became of the last call that got no answer; empty while SCM answers.
    """

    breaker: State
    trouble: str


def random_share() -> float:
    """Draw from a half to one, so that plugins that lost SCM together do not come back together."""
    return SystemRandom().uniform(0.5, 1.0)


class Breaker:
    """Counts what becomes of the calls of one account.

    Args:
        now: the time, in seconds.
        share: draws how much of each pause counts.
    """

    def __init__(self, now: Callable[[], float], share: Callable[[], float] = random_share) -> None:
        self._now = now
        self._share = share
        self._state = State.CLOSED
        self._failures = 0
        self._pauses = 0
        self._opens_until = 0.0
        self._held_until = 0.0

    @property
    def state(self) -> State:
        return State.OPEN if self._state is State.CLOSED and self.held() else self._state

    def hold(self, seconds: float) -> None:
        """Let nothing through for as long as SCM asks for (RFC 9110 10.2.3)."""
        self._held_until = max(self._held_until, self._now() + min(seconds, LONGEST_HOLD))

    def held(self) -> float:
        """Return the seconds that are left of what SCM asked for; 0.0 where nothing is."""
        left = self._held_until - self._now()
        return left if left > SMALLEST_HOLD else 0.0

    def refuses(self) -> float | None:
        """Return the seconds after which a call may be made, or None: then this one may, and its end is to be told."""
        left = self._opens_until - self._now()
        match self._state:
            case State.CLOSED:
                return None
            case State.OPEN if left <= 0:
                self._state = State.PROBING
                return None
            case State.OPEN:
                return left
            case State.PROBING:
                return FIRST_PAUSE

    def answered(self) -> None:
        """Note that SCM is there: it gave an answer, whichever."""
        self._state, self._failures, self._pauses = State.CLOSED, 0, 0

    def failed(self) -> None:
        """Note that a call got no answer that says anything."""
        self._failures += 1
        if self._state is State.PROBING or (self._state is State.CLOSED and self._failures >= FAILURES):
            self._open()

    def abandoned(self) -> None:
        """Note that a call was given up by its caller, which says nothing of SCM."""
        if self._state is State.PROBING:
            self._state = State.OPEN

    def _open(self) -> None:
        pause = min(FIRST_PAUSE * 2**self._pauses, LONGEST_PAUSE)
        self._state, self._pauses = State.OPEN, self._pauses + 1
        self._opens_until = self._now() + pause * self._share()


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
