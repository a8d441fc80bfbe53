"""One mount of the engine without a host: requests go through its router, SCM is the simulator in-process."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from cryptography.x509 import load_pem_x509_certificate

from sectigo_vault_pki.backend import SectigoBackend, build
from sectigo_vault_pki.lifecycle import NamedLocks
from sectigo_vault_pki.scm import CertificateLogin, ScmAccount, ScmClient, Tokens
from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from sectigo_vault_pki.vault_plugin.logical import BackendConfig, Operation, Request, Response, StorageEntry
from sectigo_vault_pki.vault_plugin.testing import FakeSystem, InmemStorage
from tests.support.declared_answers import as_declared, errors_as_declared
from tests.support.inline_executor import InlineExecutor
from tests.support.virtual_time import LoopClock

CONFIG: Mapping[str, object] = {
    "sectigo_cm_user": "demo-user",
    "sectigo_cm_password": "demo-password",
    "sectigo_cm_uri": "demo-customer",
    "sectigo_config_type": "ssl_cert",
    "sectigo_cm_org_id": 7001,
    "sectigo_cm_base_url": "https://scm.example.test",
}
ORDER: Mapping[str, object] = {
    "sectigo_csr_domain": "web.example.test",
    "sectigo_csr_key_algo": "EC",
    "sectigo_ssl_cert_type": 501,
    "sectigo_ssl_cert_validity": 365,
}
CLIENT_ORDER: Mapping[str, object] = {
    "sectigo_csr_domain": "Ada Lovelace",
    "sectigo_csr_key_algo": "EC",
    "sectigo_client_cert_type": 601,
    "sectigo_client_cert_validity": 365,
    "sectigo_client_cert_email": "ada@example.test",
    "sectigo_client_cert_first_name": "Ada",
    "sectigo_client_cert_last_name": "Lovelace",
}

ENTITY = "7a3c1f0e-6f0f-4a7e-9a51-1f6f4f1f2b3c"
"""Of the one who asks."""


class Mount:
    """Asks one backend, as the host would."""

    def __init__(
        self,
        simulator: Simulator,
        clock: LoopClock,
        storage: InmemStorage | None = None,
        *,
        renewals: NamedLocks | None = None,
    ) -> None:
        self.simulator = simulator
        self.clock = clock
        self.storage = storage or InmemStorage()
        self.system = FakeSystem()
        self.renewals = NamedLocks() if renewals is None else renewals
        self.background = True
        self.display_name, self.entity_id = "token-ci", ENTITY
        self.scm_calls_under_way = self.most_scm_calls_under_way = 0
        self.last_sent: deque[tuple[str, bytes]] = deque(maxlen=16)
        """Paths and bodies of the newest calls to SCM."""
        self.on_scm_call: Callable[[], object] = lambda: None
        self.backend = self.restarted_backend()

    def restarted_backend(self) -> SectigoBackend:
        """Build another backend over the same storage, as after a restart."""
        config = BackendConfig(storage=self.storage, system=self.system)
        return build(
            config,
            clock=self.clock,
            client_factory=self._client,
            executor=InlineExecutor(),
            jitter=lambda: 3.0,
            background=self.background,
            renewals=self.renewals,
        )

    async def restart(self) -> None:
        """Drop the running backend without a word to it, and go on with another over the same storage."""
        await self.backend.cleanup()
        self.backend = self.restarted_backend()

    async def go_back_to(self, snapshot: Mapping[str, bytes]) -> None:
        """Put an older state of the server's storage back."""
        await self.backend.cleanup()
        self.storage = InmemStorage()
        for key, value in snapshot.items():
            await self.storage.put(StorageEntry(key, value))
        self.backend = self.restarted_backend()
        await self.backend.initialize()

    async def ask(self, request: Request) -> Response | None:
        """Send a request; its answer, or its error, must be one that the OpenAPI document declares."""
        with errors_as_declared(request):
            response = await self.backend.handle_request(request)
        return as_declared(request, response)

    async def write(
        self, path: str, data: Mapping[str, object], *, time_limit: float | None = None, host_id: str = ""
    ) -> Response | None:
        request = self._request(Operation.UPDATE, path, data, time_limit)
        exists = await self.backend.check_existence(request)
        operation = Operation.CREATE if exists is False else Operation.UPDATE
        return await self.ask(self._request(operation, path, data, time_limit, host_id))

    async def patch(self, path: str, data: Mapping[str, object]) -> Response | None:
        return await self.ask(self._request(Operation.PATCH, path, data))

    async def read(self, path: str, data: Mapping[str, object] | None = None) -> Response | None:
        return await self.ask(self._request(Operation.READ, path, data or {}))

    async def listing(self, path: str, **paging: object) -> Response | None:
        """Return the whole answer to a list."""
        return await self.ask(self._request(Operation.LIST, path, paging))

    async def list(self, path: str, **paging: object) -> list[str]:
        keys: list[str] = answered(await self.listing(path, **paging)).get("keys", [])
        return keys

    async def delete(self, path: str, data: Mapping[str, object] | None = None) -> Response | None:
        return await self.ask(self._request(Operation.DELETE, path, data or {}))

    async def tick(self, seconds: float = 30.0) -> None:
        """Send the host's tick, and let some time pass, in which the background work is done."""
        assert await self.ask(self._request(Operation.ROLLBACK, "", {})) is None
        await asyncio.sleep(seconds)

    async def help(self, path: str) -> str:
        response = await self.ask(self._request(Operation.HELP, path, {}))
        return str(answered(response)["help"])

    async def configure_client(self, name: str = "people", **changes: object) -> None:
        await self.configure(name, sectigo_config_type="client_cert", **changes)

    async def enroll_client(self, name: str = "people", **changes: object) -> Mapping[str, Any]:
        return answered(await self.write(f"enroll/{name}", {**CLIENT_ORDER, **changes}))

    async def overwrite(self, key: str, value: bytes) -> None:
        """Put something into storage that the engine did not write, as another node does."""
        await self.storage.put(StorageEntry(key, value))
        await self.backend.invalidate_key(key)

    async def configure(self, name: str = "web", **changes: object) -> None:
        await self.write(f"configs/{name}", {**CONFIG, **changes})

    async def enroll(self, name: str = "web", **changes: object) -> Mapping[str, Any]:
        return answered(await self.write(f"enroll/{name}", {**ORDER, **changes}))

    def _client(self, account: ScmAccount, slots: asyncio.Semaphore, tokens: Tokens) -> ScmClient:
        login = account.login
        shown = (
            load_pem_x509_certificate(login.certificate_pem.encode()) if isinstance(login, CertificateLogin) else None
        )
        transport = SimulatorTransport(self.simulator, client_certificate=shown)
        return ScmClient(account, slots, tokens, transport=_Watched(transport, self))

    def _request(
        self,
        operation: Operation,
        path: str,
        data: Mapping[str, object],
        time_limit: float | None = None,
        host_id: str = "",
    ) -> Request:
        return Request(
            operation,
            path,
            self.storage,
            data,
            id=host_id,
            time_limit=time_limit,
            display_name=self.display_name,
            entity_id=self.entity_id,
        )


class _Watched(httpx.AsyncBaseTransport):
    """Tells the mount of each call to SCM, before it is made."""

    def __init__(self, inner: httpx.AsyncBaseTransport, mount: Mount) -> None:
        self._inner = inner
        self._mount = mount

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        mount = self._mount
        mount.on_scm_call()
        mount.last_sent.append((request.url.path, request.content))
        mount.scm_calls_under_way += 1
        mount.most_scm_calls_under_way = max(mount.most_scm_calls_under_way, mount.scm_calls_under_way)
        try:
            return await self._inner.handle_async_request(request)
        finally:
            mount.scm_calls_under_way -= 1

    async def aclose(self) -> None:
        await self._inner.aclose()


def answered(response: Response | None) -> Mapping[str, Any]:
    """Return the data of an answer that has some."""
    assert response is not None
    assert response.data is not None
    return response.data
