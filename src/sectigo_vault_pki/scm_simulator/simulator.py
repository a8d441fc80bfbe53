"""The simulated SCM as one object: what tests hold in their hands and the program serves."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sectigo_vault_pki.scm_simulator.api.admin_api import AdminApi
from sectigo_vault_pki.scm_simulator.api.app import build_app
from sectigo_vault_pki.scm_simulator.api.client_api import ClientApi
from sectigo_vault_pki.scm_simulator.api.custom_field_api import CustomFieldApi
from sectigo_vault_pki.scm_simulator.api.dcv_api import DcvApi
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints, Sleep
from sectigo_vault_pki.scm_simulator.api.inbound import (
    CLIENT_CERTIFICATE_EXTENSION,
    JSON_TYPE,
    JSON_UTF8_TYPE,
    CallLog,
    ConnectionCutError,
    Host,
)
from sectigo_vault_pki.scm_simulator.api.order_operations import OrderOperations
from sectigo_vault_pki.scm_simulator.api.organization_api import OrganizationApi
from sectigo_vault_pki.scm_simulator.api.report_api import ReportApi
from sectigo_vault_pki.scm_simulator.api.rules import Rules
from sectigo_vault_pki.scm_simulator.api.ssl_api import SslApi
from sectigo_vault_pki.scm_simulator.api.token_api import TokenApi
from sectigo_vault_pki.scm_simulator.control import build_control_app
from sectigo_vault_pki.scm_simulator.faults import Faults
from sectigo_vault_pki.scm_simulator.model.accounts import Accounts
from sectigo_vault_pki.scm_simulator.model.book import OrderBook
from sectigo_vault_pki.scm_simulator.model.ca import CertificateAuthority
from sectigo_vault_pki.scm_simulator.model.custom_fields import CustomFields
from sectigo_vault_pki.scm_simulator.model.domains import Domains
from sectigo_vault_pki.scm_simulator.model.login_ca import LoginCa, LoginCertificate
from sectigo_vault_pki.scm_simulator.model.orders import Kind
from sectigo_vault_pki.scm_simulator.model.organizations import Organizations
from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue, Credentials
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings
from sectigo_vault_pki.scm_simulator.tenant_control import TenantControl


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
        accounts: Administrators, API clients with their tokens, and trusted client certificates.
        domains: What is validated, and until when.
        organizations: Organizations and departments.
        custom_fields: The tenant's own fields.
        login_ca: Signs client certificates for the certificate login.

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
        self.accounts = Accounts(self.credentials, settings=self.settings, now=now)
        self.domains = Domains(settings=self.settings, now=now)
        self.organizations = Organizations(self.catalogue.organization)
        self.custom_fields = CustomFields(self.catalogue.custom_fields, self.settings)
        self.orders = OrderBook(ca=self.ca, settings=self.settings, domains=self.domains, now=now)
        self.faults = Faults()
        self.calls = CallLog()
        self._sleep = sleep
        self.app = build_app(self.routes(), accounts=self.accounts, settings=self.settings, calls=self.calls, now=now)
        self.control_app = build_control_app(
            orders=self.orders,
            faults=self.faults,
            settings=self.settings,
            reset=self.reset,
            now=now,
            more=self.tenant_control().routes(),
        )

    @cached_property
    def login_ca(self) -> LoginCa:
        return LoginCa(now=self.now())

    def issue_login_certificate(self, login: str) -> LoginCertificate:
        """Issue a client certificate; `accounts.trust` makes it one that logs in."""
        return self.login_ca.issue(login)

    def tenant_control(self) -> TenantControl:
        """Return the control listener's part about the tenant."""
        return TenantControl(
            accounts=self.accounts,
            domains=self.domains,
            organizations=self.organizations,
            custom_fields=self.custom_fields,
            issue=self.issue_login_certificate,
        )

    def routes(self) -> dict[Host, list[Route]]:
        """Return the paths of each host."""
        catalogue, settings = self.catalogue, self.settings
        rules = Rules(
            settings=settings,
            organizations=self.organizations,
            custom_fields=self.custom_fields,
            domains=self.domains,
        )
        ssl = SslApi(
            catalogue=catalogue,
            settings=settings,
            rules=rules,
            orders=self._operations(Kind.SSL, rules),
            domains=self.domains,
        )
        client = ClientApi(
            catalogue=catalogue, settings=settings, rules=rules, orders=self._operations(Kind.CLIENT, rules)
        )
        pretty, compact = self._endpoints(JSON_UTF8_TYPE), self._endpoints(JSON_TYPE)
        shared = [
            *OrganizationApi(self.organizations).routes(pretty),
            *AdminApi(self.accounts).routes(compact),
            *DcvApi(self.domains).routes(compact),
            *ReportApi(self.orders).routes(compact),
            *CustomFieldApi(self.custom_fields).routes(compact),
        ]
        tokens = TokenApi(accounts=self.accounts, settings=settings).routes(compact)
        return {
            "classic": [*ssl.routes(pretty), *client.routes(compact), *shared],
            "admin": [*ssl.routes(pretty), *ssl.v2_routes(pretty), *client.admin_routes(compact), *shared, *tokens],
        }

    def _operations(self, kind: Kind, rules: Rules) -> OrderOperations:
        return OrderOperations(kind=kind, rules=rules, settings=self.settings, orders=self.orders, faults=self.faults)

    def _endpoints(self, content_type: str) -> Endpoints:
        return Endpoints(
            settings=self.settings,
            faults=self.faults,
            calls=self.calls,
            sleep=self._sleep,
            content_type=content_type,
        )

    def reset(self) -> None:
        """Forget all that happened and put the knobs and the tenant back; the CAs stay, and ids go on growing."""
        self.orders.clear()
        self.accounts.clear()
        self.domains.clear()
        self.organizations.clear()
        self.custom_fields.clear()
        self.faults.clear()
        self.calls.clear()
        self.settings.change_to(self._first_settings)


class SimulatorTransport(httpx.AsyncBaseTransport):
    """Drives the app in-process and behaves as a connection to a server of its own would.

    A request goes on when its caller has given up on it, a cut connection is `httpx.RemoteProtocolError`, and the
    client's read timeout is held, as `httpx.ReadTimeout`. The host in the URL is ignored.

    Args:
        simulator: What answers.
        client_certificate: Which the client shows, as in a TLS handshake; None is none.
    """

    def __init__(self, simulator: Simulator, *, client_certificate: x509.Certificate | None = None) -> None:
        shown = None if client_certificate is None else client_certificate.public_bytes(Encoding.DER)
        app = simulator.app if shown is None else _showing(simulator.app, shown)
        self._asgi = httpx.ASGITransport(app=app)
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


def _showing(app: ASGIApp, certificate: bytes) -> ASGIApp:
    async def shown(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = {**scope.get("extensions", {}), CLIENT_CERTIFICATE_EXTENSION: certificate}
        await app({**scope, "extensions": extensions}, receive, send)

    return shown
