"""Counting what is stored: by status, by config entry, by the time that is left. It costs nothing once it was done."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import Condition, EntryTally, StoredPage, Tally, UniqueId, condition_of

PAGE = 1000
HORIZONS = (7, 30, 90)
"""Days within which the ends of certificates are counted."""
NOT_READ = Condition("", None, needs_attention=False)
"""Of a certificate that cannot be read."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Certificates, of a config entry or of all.

    Attributes:
        by_status: how many have each newest status.
        expired: how many have ended that were neither renewed nor revoked.
        expiring: how many in use end within so many days, for each of `HORIZONS`.
    """

    certificates: int = 0
    by_status: Mapping[str, int] = field(default_factory=dict)
    expired: int = 0
    expiring: Mapping[int, int] = field(default_factory=lambda: dict.fromkeys(HORIZONS, 0))


async def tally_of(resources: Resources) -> Mapping[str, EntryTally]:
    """Return the counts of every config entry with certificates; they are counted once, by whoever asks first.

    Raises:
        StorageError: they cannot be counted.
    """
    tally = resources.repository.tally
    if not tally.is_counted:
        await resources.tasks.join(("tally", id(tally)), lambda: _count(resources, tally), name="tally")
    return tally.entries


async def _count(resources: Resources, tally: Tally) -> None:
    await tally.count(
        resources.repository.configs_with_certificates, lambda name, after: _next_page(resources, name, after)
    )


async def _next_page(resources: Resources, config_name: str, after: str) -> StoredPage:
    """Return how the next certificates stand: by the keys of their summaries, or by their records."""
    repository = resources.repository
    ids = await repository.unique_ids_page(config_name, after=after, limit=PAGE)
    if not ids:
        return StoredPage((), is_last=True)
    known = {
        entry.unique_id: entry.condition for entry in await repository.summaries.between(config_name, ids[0], ids[-1])
    }
    conditions = []
    for unique_id in ids:
        condition = known.get(unique_id) or await _by_record(resources, config_name, unique_id)
        if condition is not None:
            conditions.append((unique_id, condition))
    return StoredPage(conditions, is_last=len(ids) < PAGE)


async def _by_record(resources: Resources, config_name: str, unique_id: UniqueId) -> Condition | None:
    try:
        record = await resources.repository.certificate_once(config_name, unique_id)
    except RecordError:
        return NOT_READ
    return None if record is None else condition_of(record)


def counts_of(entries: Iterable[EntryTally], today: date) -> Counts:
    """Return the counts of some config entries together."""
    by_status: Counter[str] = Counter()
    expired, expiring = 0, dict.fromkeys(HORIZONS, 0)
    certificates = 0
    for entry in entries:
        certificates += entry.certificates
        by_status.update({status: number for status, number in entry.by_status.items() if status and number})
        for day, number in entry.by_end.items():
            if day < today:
                expired += number
            for horizon in HORIZONS:
                if today <= day <= today + timedelta(days=horizon):
                    expiring[horizon] += number
    return Counts(certificates, dict(sorted(by_status.items())), expired, expiring)


def soonest_days(entries: Iterable[EntryTally], today: date, number: int) -> timedelta:
    """Return how many days ahead so many certificates in use end, or all of them."""
    by_end: Counter[date] = Counter()
    for entry in entries:
        by_end.update({day: ending for day, ending in entry.by_end.items() if day >= today})
    seen = 0
    for day in sorted(by_end):
        seen += by_end[day]
        if seen >= number:
            return day - today
    return max(by_end, default=today) - today
