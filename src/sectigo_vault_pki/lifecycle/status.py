"""How the engine stands: what is stored, what is open, how the background work and SCM do."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.scm import Availability
from sectigo_vault_pki.store import UniqueId

T = TypeVar("T")

MAX_COUNTED = 5_000
"""Records of a kind that one report reads; certificates of which there are more are counted by number only."""

READ_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class BackgroundRun:
    """One run of the background work.

    Attributes:
        ended_at: None while it goes on.
        calls: how often SCM was asked for something.
        error: the last one, in words for users; empty where there was none.
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
        unsettled: orders of which it is not known yet what became of them, those being sent included.
        unreadable: what is wrong with each config entry, order and certificate that cannot be read, by its name.
    """

    certificates: int
    by_status: Mapping[str, int] | None
    unsettled: int
    unreadable: Sequence[str]


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
    accounts: Mapping[str, Availability]


async def take_stock(resources: Resources) -> Stock:
    """Read every entry, or count them where there are too many."""
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
    await _read(repository.config, [(name,) for name in await repository.config_names()], unreadable)
    await _read(repository.order, orders[:MAX_COUNTED], unreadable)
    by_status = None
    if len(certificates) <= MAX_COUNTED:
        records = await _read(repository.certificate_once, certificates, unreadable)
        by_status = Counter(record.newest_status.value for record in records if record.newest_status is not None)
    return Stock(
        certificates=len(certificates),
        by_status=None if by_status is None else dict(sorted(by_status.items())),
        unsettled=len(orders),
        unreadable=sorted(unreadable),
    )


async def _read(
    read: Callable[..., Awaitable[T | None]], names: Sequence[tuple[str, ...]], unreadable: list[str]
) -> Sequence[T]:
    """Return the entries that are there, and note what is wrong with those that cannot be read."""

    async def one(name: tuple[str, ...]) -> T | None:
        try:
            return await read(*name)
        except RecordError as error:
            unreadable.append(str(error))
            return None

    found: list[T] = []
    for start in range(0, len(names), READ_TOGETHER):
        some = await asyncio.gather(*(one(name) for name in names[start : start + READ_TOGETHER]))
        found += [entry for entry in some if entry is not None]
    return found
