"""A mount whose config entries belong to several SCMs, told by the host in their base URL."""

import asyncio
from collections.abc import Callable, Mapping

import httpx

from sectigo_vault_pki.scm import ScmAccount, ScmClient, Tokens
from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from tests.support.mount import Mount
from tests.support.virtual_time import LoopClock

Watcher = Callable[[str], Callable[[httpx.Response | None], None]]
"""Hears of a call to the SCM of a name when it begins, and returns what is to hear of its end and the answer."""


class AccountsMount(Mount):
    """Asks one backend, which asks the SCM that a base URL such as `https://NAME.example.test` names.

    Args:
        simulators: the SCMs by their names.
        clock: the plugin's.
        watch: hears of every call.
        storage: the mount's.
    """

    def __init__(
        self,
        simulators: Mapping[str, Simulator],
        clock: LoopClock,
        watch: Watcher,
        storage: InmemStorage | None = None,
    ) -> None:
        self._simulators = simulators
        self._watch = watch
        super().__init__(next(iter(simulators.values())), clock, storage)

    async def entry(self, name: str, scm: str, **changes: object) -> None:
        await self.configure(name, sectigo_cm_base_url=f"https://{scm}.example.test", **changes)

    def _client(self, account: ScmAccount, slots: asyncio.Semaphore, tokens: Tokens) -> ScmClient:
        name = account.base_url.removeprefix("https://").partition(".")[0]
        return ScmClient(
            account, slots, tokens, transport=_Watched(SimulatorTransport(self._simulators[name]), self._watch, name)
        )


class _Watched(httpx.AsyncBaseTransport):
    def __init__(self, inner: SimulatorTransport, watch: Watcher, name: str) -> None:
        self._inner = inner
        self._watch = watch
        self._name = name

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        ended, response = self._watch(self._name), None
        try:
            response = await self._inner.handle_async_request(request)
        finally:
            ended(response)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()
