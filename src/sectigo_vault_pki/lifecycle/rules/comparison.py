"""Comparing what SCM says of its entries with what is stored. Pure functions."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sectigo_vault_pki.lifecycle.rules.evidence import is_same_serial
from sectigo_vault_pki.scm import Reported
from sectigo_vault_pki.store import CertificateRecord, Difference, SyncRequest

LONGEST_LIFE = timedelta(days=3660)
"""No certificate that SCM sells is valid for longer; private ones live for some years (scm-api.md 7)."""
TIME_ZONES = timedelta(days=1)
"""SCM tells days, in a time zone of its own."""

FIRST_WINDOW = 32
LONGEST_WINDOW = 1024
"""Days that one report is asked for, at first and at most."""
FEW_ROWS = 200
"""A window with fewer rows than that is followed by one of twice its days."""


def difference(row: Reported, record: CertificateRecord, asked_at: datetime) -> Difference | None:
    """Return how an entry at SCM differs from the stored certificate of its id.

    Args:
        row: what SCM said.
        record: what is stored.
        asked_at: when SCM was asked: what was collected since then says more than the row.
    """
    current = record.current
    if current is None or record.order is not None:  # the collector asks for it
        return None
    if current.collected_at > asked_at or record.revoked_at is not None:
        return None
    is_newer = _is_newer(row, record)
    if row.is_revoked:
        is_of_current = not row.serial_number or is_same_serial(row.serial_number, current.serial_number)
        return Difference.REVOKED if is_of_current or is_newer else None
    return Difference.REPLACED if is_newer and record.submitting is None else None  # else that is settled first


def _is_newer(row: Reported, record: CertificateRecord) -> bool:
    """Whether SCM has another certificate under the id than the one in hand and those before it."""
    current = record.current
    if current is None:
        return False
    if row.serial_number:
        serials = (held.serial_number for held in (current, *record.earlier))
        return not any(is_same_serial(row.serial_number, known) for known in serials)
    return row.expires is not None and abs(row.expires - current.not_after.date()) > TIME_ZONES


def is_not_at_scm(record: CertificateRecord, request: SyncRequest, began_at: datetime) -> bool:
    """Whether a certificate that SCM has not named would have to be among those that were asked for."""
    current = record.current
    if current is None or current.collected_at > began_at:
        return False
    if record.order is not None or record.submitting is not None or record.revoked_at is not None:
        return False
    return request.first + TIME_ZONES <= current.not_after.date() <= request.last - TIME_ZONES


@dataclass(frozen=True, slots=True)
class Window:
    """Some days, both ends of which belong to it, up to a last day.

    Attributes:
        days: how many, if `until` does not end it earlier.
    """

    first: date
    until: date
    days: int = FIRST_WINDOW

    @property
    def last(self) -> date:
        return min(self.first + timedelta(days=self.days - 1), self.until)

    @property
    def is_one_day(self) -> bool:
        return self.first == self.last

    def halved(self) -> "Window":
        """Return its first half, of a day at least."""
        shown = (self.last - self.first).days + 1
        return Window(self.first, self.until, max(1, shown // 2))

    def following(self, rows: int) -> "Window | None":
        """Return the window behind it, for which the number of its rows decides the days; None: it was the last."""
        if self.last >= self.until:
            return None
        days = min(self.days * 2, LONGEST_WINDOW) if rows < FEW_ROWS else self.days
        return Window(self.last + timedelta(days=1), self.until, days)
