"""Every back-off and every limit to a doubt: how long something is left alone, and when it is tried again.

Pure functions of records and time. A moment that lies further away than any pause lasts was written by a clock that was
wrong, and holds nothing back.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sectigo_vault_pki.store import CertificateRecord, CurrentCertificate, RefusedRenewal

FIRST_PAUSE = 1.0
"""Seconds between an order and the second time that it is asked for."""
LONGEST_EARLY_PAUSE = 5.0
"""Seconds; the longest pause as long as a caller has waited for less than `EARLY`."""
EARLY = 60.0
"""Seconds from the beginning of a caller's wait."""

FIRST_RETRY = timedelta(hours=1)
LAST_RETRY = timedelta(hours=24)

SETTLE_AFTER = timedelta(minutes=10)
"""Age from which an order that SCM does not list was not booked; before, another process may still be sending it."""

LONGEST_DOUBT = timedelta(days=3)
"""After which a renewal whose fate cannot be found out does not stop another."""

LONGEST_REST = timedelta(hours=1)
"""Between two times that background work asks for an order that is open for long."""


class Pauses(Iterator[float]):
    """The seconds between one collect and the next: 1 s, doubling up to the loop period.

    In the first minute of a caller's wait they are 5 s at most: SCM issues most certificates within it.
    """

    def __init__(self, loop_period: float) -> None:
        self._loop_period = loop_period
        self._next = min(FIRST_PAUSE, loop_period)
        self._waited = 0.0

    def __next__(self) -> float:
        """Return the next pause, which never ends."""
        pause = self._next
        self._waited += pause
        longest = self._loop_period if self._waited >= EARLY else min(LONGEST_EARLY_PAUSE, self._loop_period)
        self._next = min(pause * 2, longest)
        return pause

    def begin_again(self) -> None:
        """Begin another minute, for another caller that waits for the same order."""
        self._waited = 0.0
        self._next = min(self._next, LONGEST_EARLY_PAUSE)


def rest_between_ticks(age: timedelta) -> timedelta:
    """Return how long background work leaves an order alone after asking for it: the longer it is open, the longer.

    One of the last hour is asked for at every tick, one of yesterday every half hour or so.
    """
    hour = timedelta(hours=1)
    return timedelta(0) if age < hour else min(age / 60, LONGEST_REST)


def is_in_force(until: datetime, now: datetime, *, longest: timedelta) -> bool:
    """Whether a pause still holds; one that ends further away than any lasts was written by a clock that was wrong."""
    return now < until <= now + longest


def refused_again(earlier: RefusedRenewal | None, text: str, now: datetime) -> RefusedRenewal:
    """Return the pause after one more renewal that SCM refused: an hour, doubling up to a day."""
    times = 1 if earlier is None else earlier.times + 1
    return RefusedRenewal(times=times, at=now, retry_at=now + pause_after(times), text=text)


def pause_after(times: int) -> timedelta:
    """Return how long nothing is tried after so many refusals in a row."""
    return min(FIRST_RETRY * (1 << min(times - 1, 10)), LAST_RETRY)


def may_conclude_not_booked(age: timedelta) -> bool:
    """Whether an order of this age that SCM does not list was certainly never taken."""
    return age >= SETTLE_AFTER


def may_give_up(age: timedelta, current: CurrentCertificate) -> bool:
    """Whether a renewal that can be neither found nor excluded stands in the way of another for long enough."""
    return age >= longest_doubt(current)


def longest_doubt(current: CurrentCertificate) -> timedelta:
    """Return for how long an order that can be neither found nor excluded stands in the way of another.

    Half of the longest window that a certificate can have, and three days at most: the other half is for the next one.
    """
    return max(SETTLE_AFTER, min(LONGEST_DOUBT, current.life / 6))


def may_be_awaited(record: CertificateRecord, now: datetime) -> bool:
    """Whether a due certificate is left alone because an order of its name, which shows no key yet, may renew it."""
    return now < doubt_ends(record, now)


def doubt_ends(record: CertificateRecord, now: datetime) -> datetime:
    """Return when orders of which that cannot be told do not stop another renewal any more."""
    since = min(record.doubted_at or now, now)  # in the future: a clock was wrong
    return now if record.current is None else doubt_about_renewal_ends(record.current, since)


def doubt_about_renewal_ends(current: CurrentCertificate, since: datetime) -> datetime:
    """Return when what cannot be told does not stop another renewal any more: with time left for that one.

    Half of what is left, because a certificate may have become due late, or in a window of its own that is short.
    """
    return since + min(longest_doubt(current), (current.not_after - since) / 2)
