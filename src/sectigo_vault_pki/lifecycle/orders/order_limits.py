"""What must be true before an order is sent: storage is the mount's own, and the config entry's budget is not used up.

Every operation that buys (enroll, renew, replace; by request or by tick) passes here, before its write-ahead entry.
"""

import logging
import math
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

from sectigo_vault_pki.errors import OrderLimitError, RecordError
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.renewal_rule import shown_time
from sectigo_vault_pki.store import OrderCounts, StorageError

_log = logging.getLogger(__name__)

PERIOD = timedelta(hours=24)
_MINUTE = timedelta(minutes=1)
MINUTES_KEPT = 100
"""Of those that do not count now: a clock that is wrong for a while must not make the right ones forgotten."""


@asynccontextmanager
async def admission(resources: Resources, entry: Entry, now: datetime) -> AsyncIterator[None]:
    """Count an order that is placed in the block; one that ends in an error was not placed, and does not count.

    It is counted where there is no budget, too, so that one that is set later is true; only then an order is not held
    up by a count that cannot be stored.

    Raises:
        OrderLimitError: the entry's orders of the last 24 hours are used up.
        StorageMovedError: what is bought would be stored where nobody finds it.
    """
    await resources.repository.must_be_ours()
    minute, has_budget = _minute_of(now), entry.config.max_orders_per_day is not None
    with nullcontext() if has_budget else _unhindered():
        await _count(resources, entry, minute)
    try:
        yield
    except Exception:
        with nullcontext() if has_budget else _unhindered():
            await _uncount(resources, entry.config_name, minute)
        raise


async def used_orders(resources: Resources, config_name: str) -> int:
    """Return how many orders of the last 24 hours were counted."""
    try:
        counts = await resources.repository.order_counts(config_name)
    except RecordError:  # where it matters, the next order says that it is damaged
        return 0
    return sum(number for _, number in _of_period(counts, resources.clock.now()))


async def _count(resources: Resources, entry: Entry, minute: int) -> None:
    config_name, most = entry.config_name, entry.config.max_orders_per_day
    async with resources.locks.hold("order counts", config_name):
        stored = await resources.repository.order_counts(config_name)
        recent = _of_period(stored, _moment_of(minute))
        used = sum(number for _, number in recent)
        if most is not None and used >= most:
            orders = "1 order" if used == 1 else f"{used} orders"
            raise OrderLimitError(
                f'config entry "{config_name}" has placed {orders} in the last 24 hours, and its '
                f"sectigo_max_orders_per_day is {most}: nothing was ordered, and the next order is possible from "
                f"{shown_time(_next_place(recent, most))} on"
            )
        counts = dict((*stored.by_minute[-MINUTES_KEPT:], *recent))
        await _put(resources, config_name, counts | {minute: counts.get(minute, 0) + 1})


async def _uncount(resources: Resources, config_name: str, minute: int) -> None:
    async with resources.locks.hold("order counts", config_name):
        counts = dict((await resources.repository.order_counts(config_name)).by_minute)
        if counts.get(minute):
            await _put(resources, config_name, counts | {minute: counts[minute] - 1})


async def _put(resources: Resources, config_name: str, counts: dict[int, int]) -> None:
    kept = tuple(sorted((minute, number) for minute, number in counts.items() if number))
    if kept:
        writing = resources.repository.put_order_counts(config_name, OrderCounts(by_minute=kept))
    else:
        writing = resources.repository.delete_order_counts(config_name)
    await resources.tasks.finish(writing)


@contextmanager
def _unhindered() -> Iterator[None]:
    """Go on where an order could not be counted that nothing limits."""
    try:
        yield
    except (StorageError, RecordError) as error:
        _log.warning("an order could not be counted", extra={"kv": {"error": str(error)}})


def _of_period(counts: OrderCounts, now: datetime) -> list[tuple[int, int]]:
    """Return what counts at a moment; what lies a day ahead or more, a clock that was wrong has written."""
    return [(minute, number) for minute, number in counts.by_minute if abs(now - _moment_of(minute)) < PERIOD + _MINUTE]


def _next_place(counts: Iterable[tuple[int, int]], most: int) -> datetime:
    """Return when so many orders have left the period that one more is possible."""
    left = sum(number for _, number in counts)
    for minute, number in sorted(counts):
        left -= number
        if left < most:
            return _moment_of(minute) + PERIOD + _MINUTE
    return datetime.max.replace(tzinfo=UTC)


def _minute_of(moment: datetime) -> int:
    return math.floor(moment.timestamp() / 60)


def _moment_of(minute: int) -> datetime:
    return datetime.fromtimestamp(minute * 60, UTC)
