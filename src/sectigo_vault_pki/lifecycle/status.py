"""How the engine stands: what is stored, what is open, how the background work and SCM do."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.scm import Availability
from sectigo_vault_pki.store import UniqueId

MAX_COUNTED = 5_000
"""Records that one report reads; a mount that has more is counted by number only."""

READ_TOGETHER = 16


@dataclass(frozen=True, slots=True)
class BackgroundRun:
    """One run of the background work.

    Attributes:
        ended_at: None while it goes on.
        deeds: how often SCM was asked for something.
        error: the last one, in words for users; empty where there was none.
    """

    started_at: datetime
    ended_at: datetime | None = None
    deeds: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A report.

    Attributes:
        certificates: how many are stored.
        by_status: how many have each newest status; None where there are too many to read.
        damaged: those that cannot be read.
        pending: certificates for which something is open at SCM.
        unsettled: orders of which it is not known yet what became of them, those being sent included.
        run: the background work's last run, if there was one.
        accounts: how SCM answers, for each config entry that was used lately.
    """

    certificates: int
    by_status: Mapping[str, int] | None
    damaged: int
    pending: int
    unsettled: int
    run: BackgroundRun | None
    accounts: Mapping[str, Availability]


async def count_certificates(resources: Resources) -> tuple[int, Mapping[str, int] | None, int]:
    """Return how many certificates there are, how many of each status, and how many that cannot be read."""
    repository = resources.repository
    names = [
        (config_name, UniqueId(unique_id))
        for config_name in await repository.configs_with_certificates()
        for unique_id in await repository.unique_ids(config_name)
    ]
    if len(names) > MAX_COUNTED:
        return len(names), None, 0
    statuses: Counter[str] = Counter()
    for start in range(0, len(names), READ_TOGETHER):
        some = names[start : start + READ_TOGETHER]
        statuses.update(await asyncio.gather(*(_status(resources, *name) for name in some)))
    damaged = statuses.pop(_DAMAGED, 0)
    del statuses[_GONE]
    return len(names), dict(sorted(statuses.items())), damaged


_DAMAGED = "damaged"
_GONE = ""


async def _status(resources: Resources, config_name: str, unique_id: UniqueId) -> str:
    try:
        record = await resources.repository.certificate_once(config_name, unique_id)
    except RecordError:
        return _DAMAGED
    return _GONE if record is None or record.newest_status is None else record.newest_status.value


async def count_orders(resources: Resources) -> int:
    """Return how many write-ahead entries stand."""
    repository = resources.repository
    numbers: Sequence[int] = [
        len(await repository.order_uuids(config_name)) for config_name in await repository.configs_with_orders()
    ]
    return sum(numbers)
