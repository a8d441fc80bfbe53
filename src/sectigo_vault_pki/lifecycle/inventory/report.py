"""How the engine stands: what is stored, what is open, how the background work and SCM do."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.answers import NOTHING_BOUGHT, notice_of_deleted_renewal, order_id, remarks_on
from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.orders.order_limits import used_orders
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.renewal_rule import clocks_apart, shown_time
from sectigo_vault_pki.lifecycle.rules.role_rules import guard_warnings
from sectigo_vault_pki.scm import COLLECT, Availability, is_final
from sectigo_vault_pki.store import CertificateRecord, ConfigRecord, RoleRecord, Status, UniqueId

T = TypeVar("T")

ValidationWarnings: TypeAlias = Callable[
    [Mapping[tuple[str, ...], CertificateRecord], Mapping[str, ConfigRecord]], Awaitable[Sequence[str]]
]
"""Returns warnings about validations of domains for certificates, by config entry and id, and config entries."""

MAX_COUNTED = 5_000
"""Records of a kind that one report reads; certificates of which there are more are counted by number only."""

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
        certificates: how many there are.
        by_status: how many have each newest status; None where there are too many to read.
        unsettled: orders of which it is not known yet what became of them, those being sent included. One that SCM
            certainly does not have is none; there is a warning for it.
        unreadable: what is wrong with each config entry, order and certificate that cannot be read, by its name.
        warnings: what somebody should look at: renewals that are held, odd certificates, roles without a guard.
    """

    certificates: int
    by_status: Mapping[str, int] | None
    unsettled: int
    unreadable: Sequence[str]
    warnings: Sequence[str]


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """How SCM answers a config entry.

    Attributes:
        availability: what its calls tell.
        login_refused_until: while SCM refuses the login, when it is tried again automatically.
        clock_difference: by how much the plugin's clock is ahead of SCM's; None before SCM told its time.
        orders_in_24_hours: how many count on the entry's `max_orders_per_day`, also where it has none.
        max_orders_per_day: None: any number.
    """

    availability: Availability
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
        accounts: how SCM answers, for each config entry that was used lately.
    """

    stock: Stock
    pending: int
    run: BackgroundRun | None
    accounts: Mapping[str, AccountStatus]


async def account_statuses(resources: Resources) -> Mapping[str, AccountStatus]:
    """Report how SCM answers, for each config entry that was used lately."""
    statuses = {}
    for name, availability in resources.clients.availability().items():
        config = await resources.repository.config(name)
        if config is not None:
            statuses[name] = AccountStatus(
                availability,
                login_refused_until=resources.clients.login_refused_until(config),
                clock_difference=resources.clients.clock_difference(config),
                orders_in_24_hours=await used_orders(resources, name),
                max_orders_per_day=config.max_orders_per_day,
            )
    return statuses


async def take_stock(
    resources: Resources, is_not_booked: Callable[[str], bool], validations: ValidationWarnings
) -> Stock:
    """Read every entry, or count them where there are too many.

    Args:
        resources: with the storage to read.
        is_not_booked: whether SCM certainly does not have an order.
        validations: what is to be said of the validations of the certificates' domains.
    """
    repository = resources.repository
    certificates = [
        (config_name, UniqueId(unique_id))
        for config_name in await repository.configs_with_certificates()
        for unique_id in await repository.unique_ids(config_name)
    ]
    orders = [
        (config_name, order_uuid)
        for config_name in await repository.configs_with_orders()
        for order_uuid in await repository.order_uuids(config_name)
    ]
    unreadable: list[str] = []
    configs = await _read(repository.config, [(name,) for name in await repository.config_names()], unreadable)
    await _read(repository.order, orders[:MAX_COUNTED], unreadable)
    roles = await _read(repository.role, [(name,) for name in await repository.role_names()], unreadable)
    not_booked = [name for name in orders if is_not_booked(name[1])]
    warnings = [*_of_configs(resources, configs), *_of_roles(roles), *_of_orders(not_booked)]
    by_status = None
    if len(certificates) <= MAX_COUNTED:
        records = await _read(repository.certificate_once, certificates, unreadable)
        statuses = (record.newest_status for record in records.values())
        by_status = Counter(status.value for status in statuses if status is not None)
        now = resources.clock.now()
        warnings += [*_of_certificates(records, now), *_of_deleted_renewals(records, frozenset(certificates), now)]
        warnings += _of_renewals_in_trouble(records)
        warnings += await validations(records, {name: config for (name,), config in configs.items()})
    return Stock(
        certificates=len(certificates),
        by_status=None if by_status is None else dict(sorted(by_status.items())),
        unsettled=len(orders) - len(not_booked),
        unreadable=sorted(unreadable),
        warnings=warnings[:MAX_WARNINGS]
        + ([f"and {len(warnings) - MAX_WARNINGS} more"] if len(warnings) > MAX_WARNINGS else []),
    )


async def count_pending(resources: Resources) -> int:
    """Count the certificates for which something is open at SCM; a declined order is not: it never comes."""
    entries = await resources.repository.pending()
    names = [(entry.config_name, entry.unique_id) for entry in entries[:MAX_COUNTED]]
    records = await _read(resources.repository.certificate_once, names, [])
    return len(entries) - sum(map(_is_declined, records.values()))


def _is_declined(record: CertificateRecord) -> bool:
    """Whether nothing but an order is open that SCM has refused for good, as far as the last answer tells."""
    if record.order is None or not record.order.in_trouble or record.submitting is not None:
        return False
    newest = record.history[-1] if record.history else None
    return newest is not None and newest.status is Status.ERROR_CODE and is_final(COLLECT, newest.code)


def _of_configs(resources: Resources, configs: Mapping[tuple[str, ...], ConfigRecord]) -> Iterator[str]:
    for (name,), config in configs.items():
        if config.suspend_renewals:
            yield f"config entry {name}: sectigo_suspend_renewals is true, nothing is renewed automatically"
        if (until := resources.clients.login_refused_until(config)) is not None:
            yield f"config entry {name}: SCM refused the login, it is tried again at {shown_time(until)}"
        if (apart := clocks_apart(resources.clients.clock_difference(config))) is not None:
            yield f"config entry {name}: {apart.reason}"


def _of_orders(not_booked: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield from (f"{config_name}/{order_id(order_uuid)}: {NOTHING_BOUGHT}" for config_name, order_uuid in not_booked)


def _of_roles(roles: Mapping[tuple[str, ...], RoleRecord]) -> Iterator[str]:
    for (name,), role in roles.items():
        yield from (f"role {name}: {warning}" for warning in guard_warnings(role))


def _of_certificates(records: Mapping[tuple[str, ...], CertificateRecord], now: datetime) -> Iterator[str]:
    for (config_name, unique_id), record in records.items():
        yield from (f"{config_name}/{unique_id}: {remark}" for remark in remarks_on(record, now))


def _of_deleted_renewals(
    records: Mapping[tuple[str, ...], CertificateRecord], stored: AbstractSet[tuple[str, UniqueId]], now: datetime
) -> Iterator[str]:
    for (config_name, _), record in records.items():
        if record.renewed_to is None or (config_name, record.renewed_to) in stored:
            continue
        if record.revoked_at is None and record.current is not None and now < record.current.not_after:
            key = CertificateKey(config_name, record.unique_id)
            yield f"{key}: {notice_of_deleted_renewal(key, record)}"


def _of_renewals_in_trouble(records: Mapping[tuple[str, ...], CertificateRecord]) -> Iterator[str]:
    for (config_name, unique_id), record in records.items():
        renewal = records.get((config_name, record.successor or ""))
        if renewal is not None and renewal.order is not None and renewal.order.in_trouble and renewal.history:
            reason = renewal.history[-1].description or ""
            yield f"{config_name}/{unique_id}: its renewal {renewal.unique_id} could not be collected: {reason}"


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
