"""A plugin process that is killed at a chosen moment: its storage and its connections answer it nothing any more."""

import asyncio
from collections.abc import Callable, Sequence

import httpx

from sectigo_vault_pki.scm import ScmAccount, ScmClient, Tokens
from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from sectigo_vault_pki.vault_plugin.logical import StorageEntry
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from tests.support.mount import Mount
from tests.support.virtual_time import LoopClock


class Life:
    """Counts what a process does to the world, and ends after so many deeds.

    A deed is a storage write, an order or a revocation that left for SCM, and its answer that came back.
    """

    def __init__(self) -> None:
        self.deeds: list[str] = []
        self.ended = asyncio.Event()
        self.on_end: Callable[[], object] = lambda: None
        self._last: int | None = None

    def end_after(self, deeds: int | None) -> None:
        """Count from now on, and end after so many deeds; None lets it live."""
        self.deeds.clear()
        self._last = deeds
        self._end_if_due()

    async def go_on(self) -> None:
        """Return while the process lives, and never afterwards."""
        if self.ended.is_set():
            await asyncio.get_running_loop().create_future()

    async def done(self, deed: str) -> None:
        self.deeds.append(deed)
        self._end_if_due()
        await self.go_on()

    def _end_if_due(self) -> None:
        if self._last is not None and len(self.deeds) >= self._last:
            self.on_end()
            self.ended.set()


class MortalStorage(InmemStorage):
    """What a process sees of storage; the entries stay when it ends."""

    def __init__(self, life: Life) -> None:
        super().__init__()
        self._life = life

    async def get(self, key: str) -> StorageEntry | None:
        await self._life.go_on()
        return await super().get(key)

    async def put(self, entry: StorageEntry) -> None:
        await self._life.go_on()
        await super().put(entry)
        await self._life.done(self.writes[-1])

    async def delete(self, key: str) -> None:
        await self._life.go_on()
        await super().delete(key)
        await self._life.done(self.writes[-1])

    async def list(self, prefix: str) -> Sequence[str]:
        await self._life.go_on()
        return await super().list(prefix)


class MortalMount(Mount):
    """A mount whose process is killed, and started again as an immortal one."""

    def __init__(self, simulator: Simulator, clock: LoopClock) -> None:
        self.life = Life()
        super().__init__(simulator, clock, MortalStorage(self.life))

    async def restarted(self) -> Mount:
        """Return a mount over what the dead process left behind."""
        storage = InmemStorage()
        for key, value in self.storage.snapshot().items():
            await storage.put(StorageEntry(key, value))
        return Mount(self.simulator, self.clock, storage)

    def _client(self, account: ScmAccount, slots: asyncio.Semaphore, tokens: Tokens) -> ScmClient:
        return ScmClient(account, slots, tokens, transport=_Severed(SimulatorTransport(self.simulator), self.life))


class _Severed(httpx.AsyncBaseTransport):
    """The connection of a process: what has left it reaches SCM, and no answer reaches the dead."""

    def __init__(self, inner: httpx.AsyncBaseTransport, life: Life) -> None:
        self._inner = inner
        self._life = life

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._life.go_on()
        if request.method == "GET":
            response = await self._inner.handle_async_request(request)
            await self._life.go_on()
            return response
        sent = asyncio.ensure_future(self._inner.handle_async_request(request))
        await self._life.done(f"sent {request.url.path}")
        response = await sent
        await self._life.done(f"answered {request.url.path}")
        return response
