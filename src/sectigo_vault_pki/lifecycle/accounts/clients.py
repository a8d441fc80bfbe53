"""SCM clients: one for each config entry, for as long as the entry says the same; and what they learn of accounts."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias
from weakref import WeakValueDictionary

from sectigo_vault_pki.clock import Clock
from sectigo_vault_pki.errors import ScmError
from sectigo_vault_pki.lifecycle.accounts.login_pauses import LoginPauses
from sectigo_vault_pki.lifecycle.held import Entry, account_of
from sectigo_vault_pki.lifecycle.rules.renewal_rule import Hold, clocks_apart, shown_time
from sectigo_vault_pki.scm import Availability, BreakerState, ScmAccount, ScmClient, call_slots
from sectigo_vault_pki.store import ConfigRecord

_log = logging.getLogger(__name__)

ClientFactory: TypeAlias = Callable[[ScmAccount, asyncio.Semaphore], ScmClient]
"""Builds a client whose calls take their place among those of its login."""


ASK_THE_TIME_AGAIN = 60.0
"""Seconds after which one caller finds out whether the clocks agree again."""


@dataclass(slots=True)
class _SeenClock:
    """By how much the plugin's clock was ahead of an SCM's, and the loop's time when they were compared."""

    difference: timedelta
    at: float


@dataclass(slots=True)
class _Lent:
    account: ScmAccount
    client: ScmClient
    users: int = 0
    retired: bool = False


class ScmClients:
    """Lends clients; one that is no longer wanted is closed when its last call has ended.

    Args:
        factory: builds them.
        pauses: hears which logins SCM takes and refuses.
        clock: compared with the time that SCM tells with each answer (RFC 9110 6.6.1).
    """

    def __init__(self, factory: ClientFactory, pauses: LoginPauses, clock: Clock) -> None:
        self._factory = factory
        self._pauses = pauses
        self._clock = clock
        self._seen_clocks: dict[str, _SeenClock] = {}
        self._by_config: dict[str, _Lent] = {}
        self._slots: WeakValueDictionary[tuple[str, str, str], asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def lend(self, entry: Entry) -> AsyncIterator[ScmClient]:
        """Lend the client of a config entry for some calls."""
        lent = await self._current(entry.config_name, account_of(entry.config))
        lent.users += 1
        try:
            yield lent.client
        except ScmError as error:
            if error.login_refused:
                await self._pauses.refused(entry.config_name, lent.account)
            raise
        else:
            await self._pauses.accepted(lent.account)
        finally:
            lent.users -= 1
            if lent.retired and not lent.users:
                await lent.client.aclose()

    def availability(self) -> Mapping[str, Availability]:
        """Return how SCM answers, for each config entry that has a client."""
        return {name: lent.client.availability for name, lent in sorted(self._by_config.items())}

    def is_answered(self, config_name: str) -> bool:
        """Whether SCM answers the config entry's calls, as far as they tell."""
        lent = self._by_config.get(config_name)
        return lent is None or lent.client.availability.breaker is BreakerState.CLOSED

    async def login_hold(self, entry: Entry) -> Hold | None:
        """Return why SCM must not be asked automatically; None: it may, and after a pause by one caller only."""
        until = await self._pauses.until(account_of(entry.config))
        if until is None:
            return None
        return Hold(
            f"SCM refused the login of config entry {entry.config_name}: it is tried again at {shown_time(until)}",
            until,
        )

    def login_refused_until(self, config: ConfigRecord) -> datetime | None:
        """Return how long the entry's login is not tried automatically, as far as this process knows."""
        return self._pauses.known_until(account_of(config))

    async def login_written(self, config_name: str, config: ConfigRecord) -> None:
        """Let a login that was written anew be tried at once."""
        await self._pauses.written(config_name, account_of(config))

    def clock_difference(self, config: ConfigRecord) -> timedelta | None:
        """Return by how much the plugin's clock was ahead of SCM's when it was told last."""
        seen = self._seen_clocks.get(config.base_url)
        return None if seen is None else seen.difference

    def clock_hold(self, config: ConfigRecord) -> Hold | None:
        """Return why nothing may be renewed automatically; None lets one caller pass now and then, to find out."""
        apart, now = clocks_apart(self.clock_difference(config)), asyncio.get_running_loop().time()
        if apart is None or now - self._seen_clocks[config.base_url].at < ASK_THE_TIME_AGAIN:
            return apart
        self._seen_clocks[config.base_url].at = now
        return None

    def _told_the_time(self, base_url: str, date: datetime) -> None:
        seen = self._seen_clocks.get(base_url)
        before = clocks_apart(None if seen is None else seen.difference)
        difference = self._clock.now() - date
        self._seen_clocks[base_url] = _SeenClock(difference, asyncio.get_running_loop().time())
        if (before is None) is not ((apart := clocks_apart(difference)) is None):
            message = "the plugin's clock and SCM's agree again" if apart is None else apart.reason
            _log.warning(message, extra={"kv": {"scm": base_url, "scm_time": date.isoformat()}})

    async def drop(self, config_name: str) -> None:
        """Forget the client of a config entry that was changed or deleted."""
        lent = self._by_config.pop(config_name, None)
        if lent is None:
            return
        lent.retired = True
        if not lent.users:
            await lent.client.aclose()

    async def aclose(self) -> None:
        for config_name in list(self._by_config):
            await self.drop(config_name)

    async def _current(self, config_name: str, account: ScmAccount) -> _Lent:
        lent = self._by_config.get(config_name)
        if lent is None or lent.account != account:
            await self.drop(config_name)
            slots = self._slots.setdefault(account.login_at_scm, call_slots())
            client = self._factory(account, slots)
            client.observe_dates(lambda date: self._told_the_time(account.base_url, date))
            lent = self._by_config[config_name] = _Lent(account, client)
        return lent
