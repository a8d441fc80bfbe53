"""How the engine stands: what is stored, what is open, how the background work and SCM do."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.accounts import CallOutcomes
from sectigo_vault_pki.lifecycle.answers import notice_of_deleted_renewal
from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.inventory.counting import Counts, counts_of, soonest_days, tally_of
from sectigo_vault_pki.lifecycle.inventory.notices import (
    HeldRenewal,
    Records,
    held_renewals,
    notices_of_certificates,
    notices_of_deleted_entries,
    notices_of_orders,
    notices_of_renewals,
    notices_of_roles,
)
from sectigo_vault_pki.lifecycle.inventory.summaries import Row, next_to_end
from sectigo_vault_pki.lifecycle.orders.order_limits import used_orders
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.rules.renewal_rule import (
    clocks_apart,
    is_due,
    renewal_policy,
    shown_time,
)
from sectigo_vault_pki.scm import Availability
from sectigo_vault_pki.store import (
    AgendaEntry,
    CertificateRecord,
    ConfigRecord,
    EntryTally,
    Repository,
    UniqueId,
)

T = TypeVar("T")

ValidationWarnings: TypeAlias = Callable[[Records, Mapping[str, ConfigRecord]], Awaitable[Sequence[str]]]
"""Returns warnings about validations of domains for certificates, by config entry and id, and config entries."""

MAX_READ = 1_000
"""Records of a kind that one report reads. Of more certificates, those that need attention are read, and those that end
first."""

MAX_DUE_READ = 300
"""Records of certificates that may be due that one report reads; more are counted by the day."""

SOON = timedelta(days=30)
MAX_SHOWN = 100
"""Certificates that are measured one by one."""

READ_TOGETHER = 16
MAX_WARNINGS = 100


@dataclass(frozen=True, slots=True)
class BackgroundRun:
    """One run of the background work.

    Attributes:
        ended_at: None while it goes on.
        calls: how often SCM was asked for something.
        error: the last one, for users; empty if there was none.
    """

    started_at: datetime
    ended_at: datetime | None = None
    calls: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Stock:
    """What is stored.

    Attributes:
        counts: of all certificates.
        due: certificates that are due for renewal now, by config entry; of very many, not all.
        held: renewals that are held, the first `MAX_WARNINGS`.
        unsettled: orders of which it is not known yet what became of them, those being sent included. One that SCM
            certainly does not have is none; there is a warning for it.
        unreadable: what is wrong with config entries, orders and certificates that cannot be read.
        warnings: what somebody should look at: renewals that are held, odd certificates, roles without a guard.
    """

    counts: Counts
    due: Mapping[str, int]
    held: Sequence[HeldRenewal]
    unsettled: int
    unreadable: Sequence[str]
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """How a config entry does.

    Attributes:
        availability: what its calls tell.
        outcomes: how its calls ended last.
        counts: of its certificates.
        due: how many of them are due for renewal now.
        is_suspended: whether it renews nothing automatically, as somebody wants.
        login_refused_until: while SCM refuses the login, when it is tried again automatically.
        clock_difference: by how much the plugin's clock is ahead of SCM's; None before SCM told its time.
        orders_in_24_hours: how many count on the entry's `max_orders_per_day`, also where it has none.
        max_orders_per_day: None: any number.
    """

    availability: Availability
    outcomes: CallOutcomes
    counts: Counts
    due: int
    is_suspended: bool
    login_refused_until: datetime | None
    clock_difference: timedelta | None
    orders_in_24_hours: int
    max_orders_per_day: int | None


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A report.

    Attributes:
        stock: what is stored.
        pending: certificates for which something is open at SCM.
        run: the background work's last run, if there was one.
        accounts: each config entry.
        deleted_entries: how many certificates are stored under each entry that is deleted; nothing renews these.
    """

    stock: Stock
    pending: int
    run: BackgroundRun | None
    accounts: Mapping[str, AccountStatus]
    deleted_entries: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured often: numbers that cost little, whatever is stored.

    Attributes:
        counts: of all certificates, those of deleted config entries included.
        attention: certificates that somebody should look at.
        pending: certificates for which something is open at SCM.
        unsettled: as in `Stock`.
        next_to_end: the certificates in use that end next, soonest first.
    """

    counts: Counts
    attention: int
    pending: int
    unsettled: int
    run: BackgroundRun | None
    accounts: Mapping[str, AccountStatus]
    next_to_end: Sequence[Row]


class Reports:
    """Makes reports of one mount; they ask storage, and never SCM.

    Args:
        resources: the mount's.
        is_not_booked: whether SCM certainly does not have an order.
        validations: what is to be said of the validations of certificates' domains.
    """

    def __init__(
        self, resources: Resources, is_not_booked: Callable[[str], bool], validations: ValidationWarnings
    ) -> None:
        self._resources = resources
        self._repository = resources.repository
        self._is_not_booked = is_not_booked
        self._validations = validations

    async def status(self, run: BackgroundRun | None) -> EngineStatus:
        """Report how everything stands."""
        unreadable: list[str] = []
        configs = await self._configs(unreadable)
        deleted = await self._deleted_entries()
        stock = await self._stock(configs, deleted, unreadable)
        return EngineStatus(stock, await self._pending(), run, await self._accounts(configs, stock.due), deleted)

    async def measures(self, run: BackgroundRun | None) -> Measures:
        """Return numbers; of records, only those of due certificates are read."""
        resources, today = self._resources, self._resources.clock.now().date()
        configs = await self._configs([])
        tally = await tally_of(resources)
        orders = await self._orders()
        return Measures(
            counts=counts_of(tally.values(), today),
            attention=sum(len(entry.needing_attention) for entry in tally.values()),
            pending=len(await self._repository.pending()),
            unsettled=len(orders) - len(self._not_booked(orders)),
            run=run,
            accounts=await self._accounts(configs, await self._due(configs, {})),
            next_to_end=(await next_to_end(resources, soonest_days(tally.values(), today, MAX_SHOWN), MAX_SHOWN)).rows,
        )

    async def _orders(self) -> Sequence[tuple[str, str]]:
        return [
            (config_name, order_uuid)
            for config_name in await self._repository.configs_with_orders()
            for order_uuid in await self._repository.order_uuids(config_name)
        ]

    def _not_booked(self, orders: Iterable[tuple[str, str]]) -> Sequence[tuple[str, str]]:
        return [name for name in orders if self._is_not_booked(name[1])]

    async def _configs(self, unreadable: list[str]) -> Mapping[str, ConfigRecord]:
        names = [(name,) for name in await self._repository.config_names()]
        return {name: config for (name,), config in (await _read(self._repository.config, names, unreadable)).items()}

    async def _accounts(
        self, configs: Mapping[str, ConfigRecord], due: Mapping[str, int]
    ) -> Mapping[str, AccountStatus]:
        clients, today = self._resources.clients, self._resources.clock.now().date()
        tally = await tally_of(self._resources)
        return {
            name: AccountStatus(
                availability=clients.availability(name),
                outcomes=clients.outcomes(name),
                counts=counts_of([tally[name]] if name in tally else [], today),
                due=due.get(name, 0),
                is_suspended=bool(config.suspend_renewals),
                login_refused_until=clients.login_refused_until(config),
                clock_difference=clients.clock_difference(config),
                orders_in_24_hours=await used_orders(self._resources, name),
                max_orders_per_day=config.max_orders_per_day,
            )
            for name, config in sorted(configs.items())
        }

    async def _deleted_entries(self) -> Mapping[str, int]:
        tally, there = await tally_of(self._resources), {*await self._repository.config_names()}
        return {
            name: entry.certificates
            for name, entry in sorted(tally.items())
            if entry.certificates and name not in there
        }

    async def _stock(
        self, configs: Mapping[str, ConfigRecord], deleted: Mapping[str, int], unreadable: list[str]
    ) -> Stock:
        repository, now = self._repository, self._resources.clock.now()
        orders = await self._orders()
        await _read(repository.order, orders[:MAX_READ], unreadable)
        roles = await _read(repository.role, [(name,) for name in await repository.role_names()], unreadable)
        not_booked = self._not_booked(orders)
        tally = await tally_of(self._resources)
        counts = counts_of(tally.values(), now.date())
        names = await self._names_to_read(tally, counts)
        records = await _read(repository.certificate_once, names, unreadable)
        warnings = [*self._of_configs(configs), *notices_of_deleted_entries(deleted)]
        warnings += [*notices_of_roles(roles), *notices_of_orders(not_booked)]
        warnings += [*notices_of_certificates(records, now), *await self._of_deleted_renewals(records)]
        warnings += notices_of_renewals(records)
        warnings += await self._validations(records, configs)
        due = await self._due(configs, records)
        return Stock(
            counts=counts,
            due=due,
            held=[*held_renewals(records, configs, now)][:MAX_WARNINGS],
            unsettled=len(orders) - len(not_booked),
            unreadable=sorted(unreadable),
            warnings=warnings[:MAX_WARNINGS]
            + ([f"and {len(warnings) - MAX_WARNINGS} more"] if len(warnings) > MAX_WARNINGS else []),
        )

    async def _names_to_read(self, tally: Mapping[str, EntryTally], counts: Counts) -> Sequence[tuple[str, UniqueId]]:
        """Return the certificates that a report reads: all of a few, and of more those that matter most."""
        repository = self._repository
        if counts.certificates <= MAX_READ:
            return [
                (name, UniqueId(unique_id)) for name in sorted(tally) for unique_id in await repository.unique_ids(name)
            ]
        attention = [(name, unique_id) for name in sorted(tally) for unique_id in sorted(tally[name].needing_attention)]
        pending = [(entry.config_name, entry.unique_id) for entry in await repository.pending()]
        today = self._resources.clock.now().date()
        soonest = await repository.ending_between(today, today + SOON, limit=MAX_READ)
        ending = [(name, unique_id) for name, unique_id, _ in soonest]
        some = (*attention[:MAX_READ], *pending[:MAX_READ], *ending)
        return [*dict.fromkeys(some)]

    async def _pending(self) -> int:
        """Count the certificates for which something is open at SCM; a declined order is not: it never comes."""
        entries = await self._repository.pending()
        names = [(entry.config_name, entry.unique_id) for entry in entries[:MAX_READ]]
        records = await _read(self._repository.certificate_once, names, [])
        return len(entries) - sum(map(policy.is_declined, records.values()))

    async def _due(self, configs: Mapping[str, ConfigRecord], records: Records) -> Mapping[str, int]:
        """Count, for each config entry, the certificates that are due; of very many, by the day."""
        now = self._resources.clock.now()
        entries = await due_entries(self._repository, configs, now)
        names = [(entry.config_name, entry.unique_id) for entry in entries]
        more = [name for name in names[:MAX_DUE_READ] if name not in records]
        known = {**records, **await _read(self._repository.certificate_once, more, [])}
        due = Counter(name for name, _ in names[MAX_DUE_READ:])
        for name in names[:MAX_DUE_READ]:
            if name in known and _is_due(known[name], configs.get(name[0]), now):
                due[name[0]] += 1
        return due

    def _of_configs(self, configs: Mapping[str, ConfigRecord]) -> Iterator[str]:
        clients = self._resources.clients
        for name, config in configs.items():
            if config.suspend_renewals:
                yield f"config entry {name}: sectigo_suspend_renewals is true, nothing is renewed automatically"
            if (until := clients.login_refused_until(config)) is not None:
                yield f"config entry {name}: SCM refused the login, it is tried again at {shown_time(until)}"
            if (apart := clocks_apart(clients.clock_difference(config))) is not None:
                yield f"config entry {name}: {apart.reason}"

    async def _of_deleted_renewals(self, records: Records) -> Sequence[str]:
        now = self._resources.clock.now()
        sought = [
            (name, record.renewed_to)
            for (name, _), record in records.items()
            if record.renewed_to is not None and record.revoked_at is None and _is_valid(record, now)
        ]
        there = {
            *records,
            *await _read(self._repository.certificate_once, [one for one in sought if one not in records], []),
        }
        keys = (
            (CertificateKey(name, record.unique_id), record)
            for (name, _), record in records.items()
            if (name, record.renewed_to) in sought and (name, record.renewed_to) not in there
        )
        return [f"{key}: {notice_of_deleted_renewal(key, record)}" for key, record in keys]


async def due_entries(
    repository: Repository, configs: Mapping[str, ConfigRecord], now: datetime
) -> Sequence[AgendaEntry]:
    """Return the certificates of which the agenda says that they may be due today."""
    windows = {name: renewal_policy(config.defaults).expiry_window for name, config in configs.items()}
    last_days = {name: policy.date_after(now, window) for name, window in windows.items()}
    by_hand = {name for name, config in configs.items() if config.defaults.auto_renew is False}
    return [
        *await repository.renewals_until(now.date()),
        *await repository.expiring_until(last_days, by_hand=by_hand),
    ]


def _is_due(record: CertificateRecord, config: ConfigRecord | None, now: datetime) -> bool:
    if config is None or record.current is None or not record.is_in_use:
        return False
    rule = renewal_policy(record.requested.waiting, config.defaults)
    return rule.auto_renew and is_due(record.current, now=now, window=rule.expiry_window)


def _is_valid(record: CertificateRecord, now: datetime) -> bool:
    return record.current is not None and now < record.current.not_after


async def _read(
    read: Callable[..., Awaitable[T | None]], names: Sequence[tuple[str, ...]], unreadable: list[str]
) -> Mapping[tuple[str, ...], T]:
    """Return the entries that are there by their names, and note what is wrong with those that cannot be read."""

    async def one(name: tuple[str, ...]) -> T | None:
        try:
            return await read(*name)
        except RecordError as error:
            unreadable.append(str(error))
            return None

    found: dict[tuple[str, ...], T] = {}
    for start in range(0, len(names), READ_TOGETHER):
        some = names[start : start + READ_TOGETHER]
        entries = await asyncio.gather(*(one(name) for name in some))
        found |= {name: entry for name, entry in zip(some, entries, strict=True) if entry is not None}
    return found
