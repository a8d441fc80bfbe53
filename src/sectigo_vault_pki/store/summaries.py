"""Summaries: what lists show of a certificate, without its PEM and its key.

A certificate at rest has one, and only then: what changes often is read from its record, and `PENDING` names it. The
key of an entry tells a certificate's condition, so that lists of keys count and filter. It has no names of hosts or
people: operators see keys.

A summary says nothing that its record does not say. It is written behind the record and deleted before the record
changes, and meanwhile `PENDING` names the certificate, so that a crash leaves no summary that is wrong, and no
certificate that nothing leads to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Self, TypeAlias

from pydantic import AwareDatetime

from sectigo_vault_pki.store import layout
from sectigo_vault_pki.store.base import CertificateType, Record, encoded
from sectigo_vault_pki.store.certificate_records import CertificateRecord, Status
from sectigo_vault_pki.store.layout import UniqueId
from sectigo_vault_pki.store.record_store import RecordStore

_SEPARATOR = ","
_BEHIND = f"{_SEPARATOR}~"
"""Behind the names of all entries of an id."""
_ATTENTION = "attention"
_PAGE = 1000
"""Names that are listed at once."""


class Condition(NamedTuple):
    """How a certificate stands.

    Attributes:
        status: the newest one; empty before anything happened.
        ends: the day of its end, if it is in use; see `CertificateRecord.is_in_use`.
        needs_attention: somebody should look at it: its renewal is held, or it is not what was ordered.
    """

    status: str
    ends: date | None
    needs_attention: bool


def condition_of(record: CertificateRecord) -> Condition:
    """Return how a certificate stands, by its record alone."""
    current = record.current
    ends = current.not_after.date() if current is not None and record.is_in_use else None
    status = "" if record.newest_status is None else record.newest_status.value
    return Condition(status, ends, _needs_attention(record))


def _needs_attention(record: CertificateRecord) -> bool:
    current, renewed = record.current, record.renewed
    if record.renewal_deleted_at is not None:
        return True
    if current is None or not record.is_in_use:
        return False
    gains_nothing = renewed is not None and current.not_after <= renewed.not_after
    is_odd = bool(current.missing_names or current.other_names or current.lacks_issuers)
    return is_odd or record.refused_renewal is not None or gains_nothing


class CertificateSummary(Record):
    """What is shown of a certificate; of one that is not collected yet, what is known.

    Attributes:
        subject_alt_names: host names, IP addresses and e-mail addresses.
        issuer: RFC 4514.
        key_bits: 0 where it is not known.
    """

    unique_id: UniqueId
    certificate_type: CertificateType
    common_name: str
    subject_alt_names: tuple[str, ...] = ()
    issuer: str = ""
    key_type: str = ""
    key_bits: int = 0
    serial_number: str = ""
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None
    status: Status | None = None
    revoked_at: AwareDatetime | None = None
    renewed_to: UniqueId | None = None
    renewed_from: UniqueId | None = None
    requested_by: str = ""


Summarise: TypeAlias = Callable[[CertificateRecord], CertificateSummary | None]
"""Returns a record's summary; None where its certificate cannot be read."""


@dataclass(frozen=True, slots=True)
class SummaryEntry:
    """One entry, as its key tells it."""

    config_name: str
    unique_id: UniqueId
    condition: Condition

    @property
    def key(self) -> str:
        status, ends, needs_attention = self.condition
        parts = (self.unique_id, status, ends.isoformat() if ends else "", _ATTENTION if needs_attention else "")
        return layout.summaries_prefix(self.config_name) + _SEPARATOR.join(parts)

    @classmethod
    def of(cls, config_name: str, record: CertificateRecord) -> Self:
        """Return the entry that a record has while it is at rest."""
        return cls(config_name, record.unique_id, condition_of(record))

    @classmethod
    def named(cls, config_name: str, name: str) -> Self:
        """Return the entry with this name below its config entry's prefix.

        A name that is none of ours is taken for the id of a certificate, which is not stored.
        """
        try:
            unique_id, status, ends, attention = name.split(_SEPARATOR)
            condition = Condition(status, date.fromisoformat(ends) if ends else None, attention == _ATTENTION)
        except ValueError:
            return cls(config_name, UniqueId(name), Condition("", None, needs_attention=False))
        return cls(config_name, UniqueId(unique_id), condition)


class Summaries(RecordStore):
    """The summaries of one mount. Storage errors pass through with the host's text."""

    async def page(self, config_name: str, *, after: str = "", limit: int) -> Sequence[SummaryEntry]:
        """Return the next entries of a config entry, ascending by their ids."""
        names = await self._names(config_name, f"{after}{_BEHIND}" if after else "", limit)
        return [SummaryEntry.named(config_name, name) for name in names]

    async def entry(self, config_name: str, unique_id: UniqueId) -> SummaryEntry | None:
        """Return the entry of a certificate; None where it has none now."""
        for name in await self._names(config_name, unique_id, 1):
            entry = SummaryEntry.named(config_name, name)
            return entry if entry.unique_id == unique_id else None
        return None

    async def between(self, config_name: str, first: str, last: str) -> Sequence[SummaryEntry]:
        """Return the entries of the ids from the first to the last, both included, ascending by their ids."""
        found: list[SummaryEntry] = []
        # A name behind the first id's own, which begins with it and goes on with the separator.
        after = first
        while page := await self._names(config_name, after, _PAGE):
            found += [entry for name in page if (entry := SummaryEntry.named(config_name, name)).unique_id <= last]
            if len(page) < _PAGE or SummaryEntry.named(config_name, page[-1]).unique_id >= last:
                break
            after = page[-1]
        return found

    async def read(self, entry: SummaryEntry) -> CertificateSummary | None:
        """Return a summary; None where it has been deleted meanwhile."""
        return await self._get(entry.key, CertificateSummary)

    async def _names(self, config_name: str, after: str, limit: int) -> Sequence[str]:
        return await self._storage.list_page(layout.summaries_prefix(config_name), after=after, limit=limit)

    async def put(self, entry: SummaryEntry, summary: CertificateSummary) -> None:
        await self._put_value(entry.key, encoded(summary))

    async def delete(self, entry: SummaryEntry) -> None:
        await self._storage.delete(entry.key)
