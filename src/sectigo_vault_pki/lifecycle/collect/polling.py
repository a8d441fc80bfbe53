"""Watching: many orders of one account that wait are asked for together, by the list of what SCM has not issued.

One order alone is asked for by its own pauses. Where many wait, a page of SCM's list says of two hundred of them at
once that they are still pending, which is cheaper for both sides, and tells much sooner which of them is not.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from contextvars import Context
from dataclasses import dataclass, field

from sectigo_vault_pki.errors import SectigoVaultPkiError
from sectigo_vault_pki.lifecycle.held import Entry, Held
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.scm import CERTIFICATE_APIS
from sectigo_vault_pki.store import CertificateType, StorageError

_log = logging.getLogger(__name__)

SHORTEST_WATCHED = 4.0
"""Seconds; shorter pauses, those of an order's first moments, are simply slept."""
ENOUGH_ORDERS = 8
SHORTEST_PERIOD = 1.0
BUSY_SHARE = 0.2
"""Of the time, at most, an account's list is being read."""
LONGEST_UNLISTED = 10.0
"""Seconds for which equal counts are believed: one order may be issued as another one comes."""
PATIENCE_SECONDS = 60.0
"""After trouble with the list, orders are left to their own pauses for so long."""


@dataclass(eq=False, slots=True)
class _Waiter:
    """One order in one of its pauses."""

    pause: float
    woken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Watched:
    """The orders of one account and type that pause right now, by SCM's id.

    Attributes:
        pending: what SCM has just listed as not issued; empty where it could not be asked.
        counts: how many these were by SCM's count, right before it listed them.
        listed_at: the loop's time then.
    """

    waiters: dict[int, _Waiter] = field(default_factory=dict)
    pending: AbstractSet[int] = frozenset()
    counts: tuple[int | None, ...] = ()
    listed_at: float = 0.0

    def is_current(self, counts: tuple[int | None, ...], now: float) -> bool:
        """Whether the last list still holds: as many are pending, and nobody waits who was not listed."""
        return (
            counts == self.counts
            and None not in counts
            and self.waiters.keys() <= self.pending
            and now - self.listed_at < LONGEST_UNLISTED
        )


class Watcher:
    """Lets orders pause, and wakes those that SCM does not list as pending any more."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._watched: dict[tuple[str, CertificateType], _Watched] = {}

    async def pause(self, held: Held, pauses: Iterator[float], *, remaining: float) -> bool:
        """Let time pass before an order is asked for again.

        Args:
            held: the certificate whose order waits.
            pauses: the order's own; it takes the next one, and further ones while SCM lists the order as pending.
            remaining: seconds after which nobody waits any more.

        Returns:
            Whether it ended because SCM does not list the order as pending any more.
        """
        seconds = next(pauses)
        if min(seconds, remaining) < SHORTEST_WATCHED:
            await asyncio.sleep(min(seconds, remaining))
            return False
        loop = asyncio.get_running_loop()
        end = loop.time() + remaining
        scm_id = held.record.scm_id
        watched, waiter = self._join(held, seconds)
        try:
            while (left := end - loop.time()) > 0:
                if await _is_woken(waiter, min(waiter.pause, left)):
                    return True
                if scm_id not in watched.pending:
                    return False
                waiter.pause = next(pauses)
            return False
        finally:
            if watched.waiters.get(scm_id) is waiter:
                del watched.waiters[scm_id]

    def _join(self, held: Held, seconds: float) -> tuple[_Watched, _Waiter]:
        key = (held.config_name, held.record.certificate_type)
        watched = self._watched.setdefault(key, _Watched())
        waiter = watched.waiters[held.record.scm_id] = _Waiter(seconds)
        if len(watched.waiters) >= ENOUGH_ORDERS:
            self._resources.tasks.join(
                ("watch", *key),
                lambda: self._watch(*key, watched),
                name=f"watch {key}",
                context=Context(),
            )
        return watched, waiter

    async def _watch(self, config_name: str, certificate_type: CertificateType, watched: _Watched) -> None:
        """Read the list again and again, as long as enough orders wait."""
        loop = asyncio.get_running_loop()
        while len(watched.waiters) >= ENOUGH_ORDERS:
            began = loop.time()
            calls = await self._look(config_name, watched, certificate_type)
            if calls is None:
                watched.pending = frozenset()
                await asyncio.sleep(PATIENCE_SECONDS)
                continue
            pauses = [waiter.pause for waiter in watched.waiters.values()]
            await asyncio.sleep(period(pauses, calls=calls, seconds=loop.time() - began))
        watched.pending = frozenset()

    async def _look(self, config_name: str, watched: _Watched, certificate_type: CertificateType) -> int | None:
        """Count, list if that tells of a change, and wake who is not listed; return the calls, None on trouble."""
        now, api = asyncio.get_running_loop().time(), CERTIFICATE_APIS[certificate_type]
        try:
            config = await self._resources.repository.config(config_name)
            if config is None:
                return None
            async with self._resources.clients.lend(Entry(config_name, config)) as client:
                counts = await api.count_pending(client)
                if watched.is_current(counts, now):
                    return len(counts)
                asked_for = frozenset(watched.waiters)
                pending = await api.pending(client)
        except (SectigoVaultPkiError, StorageError) as error:  # whatever it is, the orders have pauses of their own
            _log.debug(
                "the list of pending orders could not be read",
                extra={"kv": {"config": config_name, "error": str(error)}},
            )
            return None
        if pending is None:
            return None
        watched.pending, watched.counts, watched.listed_at = pending.scm_ids, counts, now
        for scm_id in asked_for - pending.scm_ids:
            if (waiter := watched.waiters.get(scm_id)) is not None:
                waiter.woken.set()
        return len(counts) + pending.calls


def period(pauses: Iterable[float], *, calls: int, seconds: float) -> float:
    """Return the seconds until the list is read again.

    So many that it takes no more calls than the orders would make in their own pauses.

    Args:
        pauses: the seconds of each order's own pause.
        calls: how many it took to look.
        seconds: how long that took.
    """
    own_calls_a_second = sum(1 / pause for pause in pauses)
    fair = calls / own_calls_a_second if own_calls_a_second else PATIENCE_SECONDS
    return max(SHORTEST_PERIOD, fair, seconds / BUSY_SHARE - seconds)


async def _is_woken(waiter: _Waiter, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await waiter.woken.wait()
    except TimeoutError:
        return False
    return True
