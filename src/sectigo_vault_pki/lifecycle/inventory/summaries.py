"""Looking at what is stored without touching it: summaries, by page, by their end, by serial number.

Nothing here calls SCM, writes, or returns a key. A certificate that has no summary, as something is open, is read.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, TypeVar

from sectigo_vault_pki.errors import ChainError, RecordError
from sectigo_vault_pki.lifecycle.answers import ORDER_ID_PREFIX, order_id
from sectigo_vault_pki.lifecycle.inventory.stored import ids_of_orders
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateSummary,
    Condition,
    CurrentCertificate,
    Ending,
    OrderRecord,
    Status,
    SummaryEntry,
    UniqueId,
)

T = TypeVar("T")
S = TypeVar("S")

MAX_PAGE = 1000
"""Certificates in one answer."""
MAX_LOOKED_AT = 20_000
"""Certificates that one answer looks at, for those that a filter lets through."""
READ_TOGETHER = 50

Row = tuple[str, CertificateSummary]
"""A certificate's config entry and its summary."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which certificates are wanted.

    Attributes:
        status: the newest one; None: any.
        name: the beginning of one of its names, or `*.` and the end of one; None: any.
    """

    status: Status | None = None
    name: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether it lets everything through."""
        return self.status is None and self.name is None

    def may_take(self, condition: Condition) -> bool:
        """Whether a certificate may be wanted, as far as its condition tells."""
        return self.status is None or condition.status == self.status.value

    def takes(self, summary: CertificateSummary) -> bool:
        if self.status is not None and summary.status is not self.status:
            return False
        if self.name is None:
            return True
        wanted = self.name.lower()
        names = (name.lower() for name in (summary.common_name, *summary.subject_alt_names))
        if wanted.startswith("*."):
            return any(name.endswith(wanted[1:]) for name in names)
        return any(name.startswith(wanted) for name in names)


ANY = Filter()


@dataclass(frozen=True, slots=True)
class SummaryPage:
    """Some certificates, in the order of their list.

    Attributes:
        goes_on_after: where the next page begins, if there may be one and the last key does not tell; None otherwise.
    """

    rows: Sequence[Row]
    goes_on_after: str | None = None


def summary_of(record: CertificateRecord) -> CertificateSummary | None:
    """Return a record's summary; None where its certificate cannot be read."""
    if record.current is None:
        return _facts_of(record)
    try:
        return _with_certificate(_facts_of(record), record.current)
    except ChainError:
        return None


def _facts_of(record: CertificateRecord) -> CertificateSummary:
    asked = record.requested.ssl
    return CertificateSummary(
        unique_id=record.unique_id,
        certificate_type=record.certificate_type,
        common_name=record.common_name,
        subject_alt_names=() if asked is None else asked.subject_alt_names,
        key_type=record.key_type.lower(),
        status=record.newest_status,
        revoked_at=record.revoked_at,
        renewed_to=record.renewed_to,
        renewed_from=record.renewed_from,
        requested_by=record.requested_by,
    )


def _with_certificate(facts: CertificateSummary, held: CurrentCertificate) -> CertificateSummary:
    chain = CertificateChain.from_pem(held.bundle)
    return facts.model_copy(
        update={
            "common_name": chain.common_name or facts.common_name,
            "subject_alt_names": chain.subject_alt_names,
            "issuer": chain.issuer,
            "key_type": chain.key_type,
            "key_bits": chain.key_size,
            "serial_number": held.serial_number,
            "not_before": held.not_before,
            "not_after": held.not_after,
        }
    )


def summary_as_far_as_known(record: CertificateRecord) -> CertificateSummary:
    """Return what can be shown of a record, whatever its certificate is."""
    return summary_of(record) or _facts_of(record)


def summary_of_order(order: OrderRecord) -> CertificateSummary:
    """Return what can be shown of an order that SCM has not named."""
    return CertificateSummary(
        unique_id=UniqueId(order_id(order.uuid)),
        certificate_type=order.certificate_type,
        common_name=order.common_name,
        subject_alt_names=order.subject_alt_names,
        key_type=order.key_type.lower(),
        status=Status.UNSETTLED,
        requested_by=order.requested_by,
    )


async def certificates_page(
    resources: Resources, config_name: str, wanted: Filter = ANY, *, after: str = "", limit: int = 0
) -> SummaryPage:
    """Return the next certificates of a config entry, and behind them the orders that SCM has not named.

    Args:
        resources: with the storage to read.
        config_name: the config entry, which may be deleted.
        wanted: which ones.
        after: a unique id, or an order's; empty: from the first one on.
        limit: how many; 0: as many as there may be.
    """
    size = _size_of(limit)
    order_uuids = await resources.repository.order_uuids(config_name)  # first: one that is named meanwhile is found
    rows: list[Row] = []
    seen: set[str] = set()
    begin, step = after, size if wanted.is_open else MAX_PAGE
    while True:
        ids = await resources.repository.unique_ids_page(config_name, after=after, limit=step)
        rows += await _rows(resources, config_name, ids, wanted, enough=size + 1 - len(rows))
        seen.update(ids)
        if len(ids) < step:
            rows += await _of_orders(resources, config_name, order_uuids, wanted, begin=begin, seen=seen)
            return _cut(rows, limit, is_last=len(rows) <= size)
        after = ids[-1]
        if len(rows) >= size:
            return _cut(rows, limit, is_last=False)
        if len(seen) >= MAX_LOOKED_AT:
            return SummaryPage(rows, goes_on_after=after)


def _size_of(limit: int) -> int:
    return min(limit, MAX_PAGE) if limit > 0 else MAX_PAGE


def _cut(rows: Sequence[Row], limit: int, *, is_last: bool) -> SummaryPage:
    """Return a page; whoever asked for no more than that knows where the next one begins."""
    shown = sorted(rows, key=lambda row: row[1].unique_id)[: _size_of(limit)]
    is_own_limit = limit <= 0 or limit > MAX_PAGE
    return SummaryPage(shown, shown[-1][1].unique_id if is_own_limit and not is_last else None)


async def _of_orders(
    resources: Resources,
    config_name: str,
    order_uuids: Sequence[str],
    wanted: Filter,
    *,
    begin: str,
    seen: AbstractSet[str],
) -> Sequence[Row]:
    """Return the orders without a certificate, and the certificates that have just come of one."""
    ids = [one for one in await ids_of_orders(resources, config_name, order_uuids) if one > begin and one not in seen]
    found = await _all(ids, lambda one: _of_order(resources, config_name, one))
    return [(config_name, summary) for summary in found if summary is not None and wanted.takes(summary)]


async def _of_order(resources: Resources, config_name: str, unique_id: str) -> CertificateSummary | None:
    if not unique_id.startswith(ORDER_ID_PREFIX):
        return await _summary(resources, config_name, UniqueId(unique_id), None)
    try:
        order = await resources.repository.order(config_name, unique_id.removeprefix(ORDER_ID_PREFIX))
    except RecordError:
        return None
    return None if order is None else summary_of_order(order)


async def _rows(
    resources: Resources, config_name: str, ids: Sequence[UniqueId], wanted: Filter, *, enough: int
) -> Sequence[Row]:
    """Return the wanted ones of some certificates, the first ones; no more are read than it takes to have enough."""
    if not ids:
        return ()
    entries = {
        entry.unique_id: entry for entry in await resources.repository.summaries.between(config_name, ids[0], ids[-1])
    }
    sought = [
        (unique_id, entries.get(unique_id))
        for unique_id in ids
        if unique_id not in entries or wanted.may_take(entries[unique_id].condition)
    ]
    rows: list[Row] = []
    for start in range(0, len(sought), READ_TOGETHER):
        some = sought[start : start + READ_TOGETHER]
        found = await _all(some, lambda one: _summary(resources, config_name, *one))
        rows += [(config_name, summary) for summary in found if summary is not None and wanted.takes(summary)]
        if len(rows) >= enough:
            break
    return rows


async def _summary(
    resources: Resources, config_name: str, unique_id: UniqueId, entry: SummaryEntry | None
) -> CertificateSummary | None:
    """Return a certificate's summary, or what its record tells; None where it is deleted, or cannot be read.

    `status` names those that cannot be read.
    """
    repository = resources.repository
    if entry is not None:
        with suppress(RecordError):  # then the record tells
            if (summary := await repository.summaries.read(entry)) is not None:
                return summary
    try:
        record = await repository.certificate_once(config_name, unique_id)
    except RecordError:
        return None
    return None if record is None else summary_as_far_as_known(record)


async def ending_within(
    resources: Resources, window: timedelta, *, after: Ending | None = None, limit: int = 0
) -> SummaryPage:
    """Return the next certificates in use that end within a time from now on, under all config entries.

    Pages follow one another by the day of the end, the config entry and the id, so that each costs what it shows,
    however many end on one day. What a page has is returned soonest first.

    Args:
        resources: with the storage to read.
        window: how long from now on.
        after: where the page before ended, as `goes_on_after` says; None: from now on.
        limit: how many; 0: as many as there may be.
    """
    now = resources.clock.now()
    until, size, looked_at = now + window, _size_of(limit), 0
    found: list[_InUse] = []
    while True:
        step = max(size - len(found), READ_TOGETHER)
        ending = await resources.repository.ending_between(now.date(), until.date(), after=after, limit=step)
        found += await _in_use(resources, ending, now, until)
        if len(ending) < step and len(found) <= size:
            return _soonest_first(found)
        if len(found) >= size:
            return _soonest_first(found[:size], found[size - 1].place)
        after, looked_at = ending[-1], looked_at + len(ending)
        if looked_at >= MAX_LOOKED_AT:
            return _soonest_first(found, after)


async def next_to_end(resources: Resources, days: timedelta, number: int) -> SummaryPage:
    """Return some of the certificates in use that end within some days from today on, soonest first.

    Of a day on which more end than are wanted, it is any of them.
    """
    now = resources.clock.now()
    ending = await resources.repository.ending_between(now.date(), now.date() + days, limit=number)
    return _soonest_first(await _in_use(resources, ending, now, now + days + timedelta(days=1)))


class _InUse(NamedTuple):
    """A certificate in use, its end, and its place in the index."""

    not_after: datetime
    place: Ending
    summary: CertificateSummary


async def _in_use(resources: Resources, ending: Sequence[Ending], first: datetime, last: datetime) -> Sequence[_InUse]:
    """Return those that are in use and end between two moments, each at its own place.

    The index may have places that a certificate has left.
    """
    summaries = await _all(ending, lambda place: _ending(resources, *place))
    return [
        _InUse(summary.not_after, place, summary)
        for place, summary in zip(ending, summaries, strict=True)
        if summary is not None
        and summary.not_after is not None
        and summary.not_after.date() == place.day
        and first <= summary.not_after <= last
        and summary.revoked_at is None
        and summary.renewed_to is None
    ]


def _soonest_first(found: Sequence[_InUse], goes_on_after: Ending | None = None) -> SummaryPage:
    rows = [(one.place.config_name, one.summary) for one in sorted(found, key=lambda one: (one.not_after, one.place))]
    if goes_on_after is None:
        return SummaryPage(rows)
    config_name, unique_id, day = goes_on_after
    return SummaryPage(rows, f"{day.isoformat()}/{config_name}/{unique_id}")


async def _ending(resources: Resources, config_name: str, unique_id: UniqueId, day: date) -> CertificateSummary | None:
    """Return the summary of a certificate in use; nearly all of them are issued and need no attention."""
    usual = Condition(Status.ISSUED.value, day, needs_attention=False)
    return await _summary(resources, config_name, unique_id, SummaryEntry(config_name, unique_id, usual))


async def serials_page(resources: Resources, *, after: str, limit: int) -> SummaryPage:
    """Return the next certificates under all config entries, ascending by their serial numbers, each number once.

    Those that were replaced are among them, as long as they are kept.
    """
    size = _size_of(limit)
    serials = await resources.repository.serial_numbers_page(after=after, limit=size)
    found = await _all(serials, lambda serial_number: _with_serial(resources, serial_number))
    rows = [row for row in found if row is not None]
    is_cut = len(serials) == size and (limit <= 0 or limit > size)
    return SummaryPage(rows, serials[-1] if is_cut else None)


async def _with_serial(resources: Resources, serial_number: str) -> Row | None:
    repository = resources.repository
    for config_name, unique_id in await repository.certificates_with_serial(serial_number):
        try:
            entry = await repository.summaries.entry(config_name, unique_id)
            summary = None if entry is None else await repository.summaries.read(entry)
            if summary is not None and summary.serial_number == serial_number:
                return config_name, summary
            record = await repository.certificate_once(config_name, unique_id)
        except RecordError:
            continue
        held = None if record is None else _version(record, serial_number)
        if record is not None and held is not None:
            return config_name, _of_version(record, held)
    return None


def _version(record: CertificateRecord, serial_number: str) -> CurrentCertificate | None:
    held = (one for one in (record.current, *record.earlier) if one is not None)
    return next((one for one in held if one.serial_number == serial_number), None)


def _of_version(record: CertificateRecord, held: CurrentCertificate) -> CertificateSummary:
    if held is record.current:
        return summary_as_far_as_known(record)
    replaced = record.model_copy(update={"current": held, "revoked_at": held.revoked_at})
    status = Status.REPLACED if held.revoked_at is None else Status.REVOKED
    return summary_as_far_as_known(replaced).model_copy(update={"status": status})


async def _all(sought: Sequence[S], find: Callable[[S], Awaitable[T]]) -> Sequence[T]:
    """Look for some things together, but not for all at once."""
    found: list[T] = []
    for start in range(0, len(sought), READ_TOGETHER):
        found += await asyncio.gather(*(find(one) for one in sought[start : start + READ_TOGETHER]))
    return found
