"""The tokens of OAuth2 logins, and the URLs that SCM named for them: kept as long as a client may ask with them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from pydantic import SecretStr

EARLY = 30.0
"""Seconds before its end that a token is fetched anew; at most a third of its life."""
SHORTEST_LIFE, LONGEST_LIFE = 1.0, 86_400.0
"""Seconds that a token is taken to live, whatever is said of it."""


@dataclass(frozen=True, slots=True)
class _Token:
    value: SecretStr
    fresh_until: float


@dataclass(slots=True, weakref_slot=True)
class TokenState:
    """What is known of one login at one SCM.

    Attributes:
        now: the time in seconds, from any moment on.
        named_url: the token URL that SCM named.
        lock: held by who reads or changes the rest; one request for a token at a time.
    """

    now: Callable[[], float]
    token: _Token | None = None
    named_url: str | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def fresh(self) -> SecretStr | None:
        """The token, unless it ends soon."""
        return self.token.value if self.token is not None and self.now() < self.token.fresh_until else None

    def keep(self, value: SecretStr, life: float) -> None:
        """Keep a token that lives so many seconds from now on."""
        life = min(max(life, SHORTEST_LIFE), LONGEST_LIFE)
        self.token = _Token(value, self.now() + life - min(EARLY, life / 3))

    def drop(self, value: SecretStr) -> None:
        """Forget a token that SCM did not take, unless another one has come since."""
        if self.token is not None and self.token.value == value:
            self.token = None


class Tokens:
    """The tokens of one mount: one for each login at an SCM, whatever config entries have it.

    A token is sent to the SCM that it was fetched for, and to no other.
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        """Prepare.

        Args:
            now: the time in seconds, from any moment on; None: the running loop's.
        """
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._states: WeakValueDictionary[tuple[str, object], TokenState] = WeakValueDictionary()

    def state(self, base_url: str, login: object) -> TokenState:
        """Return what is known of a login at an SCM; it is forgotten when nobody holds it any more.

        Args:
            base_url: the SCM.
            login: equal ones are one login.
        """
        return self._states.setdefault((base_url, login), TokenState(self._now))

    def secrets(self, base_url: str, login: object) -> tuple[SecretStr, ...]:
        """Return the token that requests of a login carry now."""
        state = self._states.get((base_url, login))
        return () if state is None or state.token is None else (state.token.value,)
