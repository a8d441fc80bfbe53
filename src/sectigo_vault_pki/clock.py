"""The time of day, as something that is passed in."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day; durations are measured by the event loop."""

    def now(self) -> datetime:
        """Return the current time, in UTC."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
