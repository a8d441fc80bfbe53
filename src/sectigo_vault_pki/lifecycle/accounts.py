"""SCM clients: one for each config entry, for as long as the entry says the same."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakValueDictionary

from sectigo_vault_pki.lifecycle.policy import DEFAULT_REQUEST_TIMEOUT
from sectigo_vault_pki.scm import Availability, BreakerState, ScmAccount, ScmClient, call_slots
from sectigo_vault_pki.store import ConfigRecord

ClientFactory: TypeAlias = Callable[[ScmAccount, asyncio.Semaphore], ScmClient]
"""Builds a client whose calls take their place among those of its login."""


@dataclass(slots=True)
class _Lent:
    account: ScmAccount
    client: ScmClient
    users: int = 0
    retired: bool = False


class ScmClients:
    """Lends clients; one that is no longer wanted is closed when its last call has ended."""

    def __init__(self, factory: ClientFactory = ScmClient) -> None:
        self._factory = factory
        self._by_config: dict[str, _Lent] = {}
        self._slots: WeakValueDictionary[tuple[str, str, str], asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def lend(self, config_name: str, config: ConfigRecord) -> AsyncIterator[ScmClient]:
        """Lend the client of a config entry for some calls."""
        lent = await self._current(config_name, account_of(config))
        lent.users += 1
        try:
            yield lent.client
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
            lent = self._by_config[config_name] = _Lent(account, self._factory(account, slots))
        return lent


def account_of(config: ConfigRecord) -> ScmAccount:
    """Return the SCM account that a config entry describes."""
    return ScmAccount(
        base_url=config.base_url,
        login=config.login,
        password=config.password,
        customer_uri=config.customer_uri,
        org_id=config.org_id,
        ca_bundle_pem=config.ca_bundle,
        request_timeout=DEFAULT_REQUEST_TIMEOUT if config.request_timeout is None else config.request_timeout,
    )
