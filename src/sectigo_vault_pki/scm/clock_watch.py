"""The plugin's clock beside SCM's: where they are far apart, nothing is renewed automatically.

A clock that is wrong makes every certificate due at once, or none. SCM tells its own time with each answer (RFC 9110
6.6.1).
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sectigo_vault_pki.clock import Clock
from sectigo_vault_pki.lifecycle.rules.renewal_rule import Hold, shown_length

_log = logging.getLogger(__name__)

LARGEST_DIFFERENCE = timedelta(hours=1)
ASK_AGAIN = 60.0
"""Seconds after which one caller finds out whether the clocks agree again."""


@dataclass(slots=True)
class _Seen:
    difference: timedelta
    at: float


class ClockWatch:
    """Compares the clock with the time that each SCM tells."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, _Seen] = {}

    def told(self, base_url: str, date: datetime) -> None:
        """Note what time SCM has just told."""
        before = self.apart(base_url)
        self._seen[base_url] = _Seen(self._clock.now() - date, asyncio.get_running_loop().time())
        if (before is None) is not ((apart := self.apart(base_url)) is None):
            words = "the plugin's clock and SCM's agree again" if apart is None else apart.reason
            _log.warning(words, extra={"kv": {"scm": base_url, "scm_time": date.isoformat()}})

    def difference(self, base_url: str) -> timedelta | None:
        """Return by how much the plugin's clock was ahead of SCM's when it was told last."""
        seen = self._seen.get(base_url)
        return None if seen is None else seen.difference

    def apart(self, base_url: str) -> Hold | None:
        """Return why nothing is renewed automatically, if the clocks were far apart when they were compared last."""
        difference = self.difference(base_url)
        if difference is None or abs(difference) <= LARGEST_DIFFERENCE:
            return None
        direction = "ahead of" if difference > timedelta(0) else "behind"
        return Hold(
            f"the plugin's clock is {shown_length(abs(difference))} {direction} SCM's: nothing is renewed "
            "automatically until they agree"
        )

    def hold(self, base_url: str) -> Hold | None:
        """Return the same, but let one caller pass now and then, to find out whether they agree again."""
        apart, now = self.apart(base_url), asyncio.get_running_loop().time()
        if apart is None or now - self._seen[base_url].at < ASK_AGAIN:
            return apart
        self._seen[base_url].at = now
        return None
