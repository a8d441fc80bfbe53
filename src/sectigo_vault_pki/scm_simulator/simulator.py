"""The simulated SCM as one object: what tests hold in their hands and the program serves."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api.app import build_app
from sectigo_vault_pki.scm_simulator.api.client_api import ClientApi
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints, Sleep
from sectigo_vault_pki.scm_simulator.api.inbound import JSON_TYPE, JSON_UTF8_TYPE, CallLog, ConnectionCutError
from sectigo_vault_pki.scm_simulator.api.order_operations import OrderOperations
from sectigo_vault_pki.scm_simulator.api.organization_api import OrganizationApi
from sectigo_vault_pki.scm_simulator.api.rules import Rules
from sectigo_vault_pki.scm_simulator.api.ssl_api import SslApi
from sectigo_vault_pki.scm_simulator.control import build_control_app
from sectigo_vault_pki.scm_simulator.faults import Faults
from sectigo_vault_pki.scm_simulator.model.book import OrderBook
from sectigo_vault_pki.scm_simulator.model.ca import CertificateAuthority
from sectigo_vault_pki.scm_simulator.model.orders import Kind
from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue, Credentials
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings


def utc_now() -> datetime:
    return datetime.now(UTC)


class Simulator:
    """An SCM tenant with a CA of its own, in memory.

    Attributes:
        app: The API, an ASGI app; reached in-process through `in_process.SimulatorTransport`.
        control_app: The control listener, another ASGI app.
        orders: Every order; iterate over it or `get` one by its id or, a client certificate's, its order number.
        faults: What is to go wrong.
        settings: The knobs.
        calls: What was asked.
        ca: The root and the intermediate.

    Args:
        now: The time of day, in UTC; certificates begin at it.
        sleep: Waits for seconds; only latency and slow answers use it.
        credentials: The login that is accepted.
        catalogue: The tenant's organization and profiles.
        settings: The knobs' first positions, to which `reset` returns.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = utc_now,
        sleep: Sleep = asyncio.sleep,
        credentials: Credentials | None = None,
        catalogue: Catalogue | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.now = now
        self.credentials = credentials or Credentials()
        self.catalogue = catalogue or Catalogue()
        self.settings = settings or Settings()
        self._first_settings = self.settings.model_copy()
        self.ca = CertificateAuthority(now=now())
        self.orders = OrderBook(ca=self.ca, settings=self.settings, now=now)
        self.faults = Faults()
        self.calls = CallLog()
        self._sleep = sleep
        self.app = build_app(self._routes(), credentials=self.credentials, calls=self.calls, now=now)
        self.control_app = build_control_app(
            orders=self.orders, faults=self.faults, settings=self.settings, reset=self.reset, now=now
        )

    def _routes(self) -> list[Route]:
        catalogue, settings = self.catalogue, self.settings
        rules = Rules(catalogue=catalogue, settings=settings)
        ssl, client = (self._operations(kind, rules) for kind in (Kind.SSL, Kind.CLIENT))
        endpoints, client_endpoints = self._endpoints(JSON_UTF8_TYPE), self._endpoints(JSON_TYPE)
        return [
            *SslApi(catalogue=catalogue, settings=settings, rules=rules, orders=ssl).routes(endpoints),
            *ClientApi(catalogue=catalogue, settings=settings, rules=rules, orders=client).routes(client_endpoints),
            *OrganizationApi(catalogue.organization).routes(endpoints),
        ]

    def _operations(self, kind: Kind, rules: Rules) -> OrderOperations:
        return OrderOperations(
            kind=kind,
            rules=rules,
            settings=self.settings,
            orders=self.orders,
            faults=self.faults,
            requester=self.credentials.user,
        )

    def _endpoints(self, content_type: str) -> Endpoints:
        return Endpoints(
            settings=self.settings,
            faults=self.faults,
            calls=self.calls,
            sleep=self._sleep,
            content_type=content_type,
        )

    def reset(self) -> None:
        """Forget orders, faults and calls, and put the knobs back; the CA stays, and ids go on growing."""
        self.orders.clear()
        self.faults.clear()
        self.calls.clear()
        self.settings.change_to(self._first_settings)


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Drives the app in-process and behaves as a connection to a server of its own would.

    A request goes on when its caller has given up on it, a cut connection is `httpx.RemoteProtocolError`, and the
    client's read timeout is held, as `httpx.ReadTimeout`. The host in the URL is of no account.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._asgi = httpx.ASGITransport(app=simulator.app)
        self._running: set[asyncio.Task[httpx.Response]] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        task = asyncio.create_task(self._asgi.handle_async_request(request))
        self._running.add(task)
        task.add_done_callback(self._forget)
        await asyncio.wait({task}, timeout=request.extensions.get("timeout", {}).get("read"))
        if not task.done():
            raise httpx.ReadTimeout("the simulator did not answer in time", request=request)
        try:
            return task.result()
        except ConnectionCutError as error:
            raise httpx.RemoteProtocolError(
                "Server disconnected without sending a response.", request=request
            ) from error

    def _forget(self, task: asyncio.Task[httpx.Response]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen, for a caller that has gone

    async def aclose(self) -> None:
        for task in tuple(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
