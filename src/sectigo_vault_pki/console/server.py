"""The HTTP API of a server, as far as the commands use it."""

import json
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import certifi
import httpx

from sectigo_vault_pki.console.connection import Connection
from sectigo_vault_pki.console.failures import RefusedError, SettingsError, UnreachableError, UntrustedError

OK, NO_CONTENT, FORBIDDEN, NOT_FOUND, UNAVAILABLE = 200, 204, 403, 404, 503
_REDIRECTS = frozenset({301, 302, 307, 308})
_WORTH_A_REPEAT = frozenset({412, 429, 500, 502, 503, 504})
_PAUSES = (1.0, 1.5)
"""Seconds before each repeat, as `bao` has them."""

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where systems have their CA certificates, as `bao` looks for them (Go, crypto/x509/root_linux.go)."""

Query = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server.

    Attributes:
        request: what was asked, such as `GET sys/mounts`.
        status: of HTTP.
        body: the JSON object; empty if there is none.
        retry_after: seconds after which the server wants to be asked again, or None.
        certificate: what Python's ssl says of the server's certificate; empty without TLS or verification.
    """

    request: str
    status: int
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    retry_after: float | None = None
    certificate: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def data(self) -> Mapping[str, Any]:
        """What is under `data`; for the few paths of `sys/` that have no such key, the body itself."""
        data = self.body.get("data", self.body)
        return data if isinstance(data, dict) else {}

    @property
    def keys(self) -> list[str]:
        """The keys of a list."""
        return [str(key) for key in self.data.get("keys") or ()]

    @property
    def errors(self) -> list[str]:
        return _texts(self.body.get("errors"))

    @property
    def warnings(self) -> list[str]:
        return _texts(self.body.get("warnings"))

    @property
    def is_worth_a_repeat(self) -> bool:
        """Whether the same request may succeed a moment later."""
        return self.status in _WORTH_A_REPEAT

    def expect(self, *statuses: int) -> Self:
        """Return the answer itself.

        Raises:
            RefusedError: its status is none of these.
        """
        if self.status not in statuses:
            raise RefusedError(self.request, self.status, self.errors)
        return self

    def expect_list(self) -> Self:
        """Return the answer itself, of a list that may be empty: that is a 404 without a text.

        Raises:
            SettingsError: a 404 that says what is not there: a mount, a path, an entry.
            RefusedError: its status is another one.
        """
        if self.status == NOT_FOUND and self.errors:
            raise SettingsError(f"{self.request}: {'; '.join(' '.join(error.split()) for error in self.errors)}")
        return self.expect(OK, NOT_FOUND)


class Server:
    """Asks one server; leaving the context closes the connections. Several threads may ask at once."""

    def __init__(
        self,
        connection: Connection,
        *,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare, without connecting.

        Args:
            connection: where to, and as whom.
            transport: in place of the network.
            pause: waits that many seconds.

        Raises:
            SettingsError: a file with certificates, or the environment's proxy, cannot be used.
        """
        self.connection = connection
        self.pause = pause
        socket = connection.address.removeprefix("unix://")
        is_socket = socket != connection.address
        self._base = "http://localhost" if is_socket else connection.address
        verification = _verification(connection)
        try:
            self._client = httpx.Client(
                transport=transport or (httpx.HTTPTransport(uds=socket) if is_socket else None),
                verify=verification,
                timeout=connection.seconds,
                headers=_headers(connection),
            )
        except (httpx.InvalidURL, ValueError, ImportError):  # not shown: a proxy's address may hold a password
            raise SettingsError("the proxy that HTTPS_PROXY, HTTP_PROXY or ALL_PROXY names cannot be used") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Query | None = None) -> Answer:
        """Ask once; `path` is what follows `/v1/`, unescaped. The status is the caller's to look at.

        Raises:
            UntrustedError: the server's certificate is not accepted.
            UnreachableError: no answer.
        """
        shown = f"{'LIST' if (query or {}).get('list') else method} {path}"
        request = self._client.build_request(
            method,
            f"{self._base}/v1/{quote(path, errors='surrogateescape')}",
            content=None if body is None else json.dumps(body),
            params=None if not query else dict(query),
            extensions={"sni_hostname": name} if (name := self.connection.server_name) else {},
        )
        try:
            response, certificate = self._sent(request)
            if response.status_code in _REDIRECTS:  # a standby that does not forward; `bao` follows one, too
                response, certificate = self._sent(self._redirected(request, response))
        except httpx.HTTPError as error:
            raise _no_answer(self.connection, error) from None
        except (httpx.InvalidURL, UnicodeError):
            raise UnreachableError(f"{self.connection.address} sends the request on to what is no address") from None
        return _answer(shown, response, certificate)

    def read(self, path: str, **query: str | int) -> Answer:
        """Read, repeated after errors that pass."""
        return self._patiently("GET", path, query)

    def listing(self, path: str, **query: str | int) -> Answer:
        """List, repeated after errors that pass; see `Answer.expect_list`."""
        return self._patiently("GET", path, {"list": "true", **query})

    def write(self, path: str, body: Mapping[str, Any], *, method: str = "POST") -> Answer:
        """Write, once."""
        return self.ask(method, path, body)

    def _patiently(self, method: str, path: str, query: Query) -> Answer:
        for seconds in _PAUSES:
            answer = self.ask(method, path, query=query)
            if not answer.is_worth_a_repeat:
                return answer
            self.pause(answer.retry_after or seconds)
        return self.ask(method, path, query=query)

    def _sent(self, request: httpx.Request) -> tuple[httpx.Response, Mapping[str, Any]]:
        """Return the whole response, and the server's certificate, which is known while the connection is open."""
        response = self._client.send(request, stream=True)
        with closing(response):
            stream = response.extensions.get("network_stream")
            tls = stream.get_extra_info("ssl_object") if stream is not None else None
            certificate = (tls.getpeercert() or {}) if tls is not None else {}
            response.read()
        return response, certificate

    def _redirected(self, request: httpx.Request, response: httpx.Response) -> httpx.Request:
        target = request.url.join(response.headers.get("location", ""))
        if request.url.scheme == "https" and target.scheme != "https":
            raise UnreachableError(f"{self.connection.address} sends the request on to {target.host} without TLS")
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        return self._client.build_request(request.method, target, content=request.content, headers=headers)


def required_token(connection: Connection) -> Connection:
    """Return the connection itself.

    Raises:
        SettingsError: it has no token.
    """
    if not connection.token:
        raise SettingsError("there is no token: log in with `bao login`, or set BAO_TOKEN")
    return connection


def _headers(connection: Connection) -> dict[str, str]:
    headers = {"X-Vault-Request": "true", "X-Vault-Token": connection.token, "X-Vault-Namespace": connection.namespace}
    return {name: value for name, value in headers.items() if value}


def _verification(connection: Connection) -> ssl.SSLContext:
    """Return the TLS settings of a connection.

    Raises:
        SettingsError: a file cannot be used.
    """
    try:
        context = ssl.create_default_context(
            cafile=None if connection.ca_cert is None else str(connection.ca_cert),
            cadata=None if connection.ca_cert or not connection.ca_path else _certificates_below(connection),
        )
        if connection.ca_cert is None and connection.ca_path is None:
            _trust_system(context)
        if connection.client_cert is not None:
            context.load_cert_chain(connection.client_cert, connection.client_key)
    except (OSError, ssl.SSLError, UnicodeDecodeError) as error:
        raise SettingsError(f"the certificates cannot be used: {error}") from None
    if connection.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _trust_system(context: ssl.SSLContext) -> None:
    """Trust the system's CA certificates, also if they are not where the OpenSSL of this Python looks."""
    usual = ssl.get_default_verify_paths()
    if usual.cafile is None and usual.capath is None:
        bundle = next((file for file in _BUNDLES if Path(file).exists()), None) or certifi.where()
        context.load_verify_locations(bundle)


def _certificates_below(connection: Connection) -> str:
    """Return all certificates of the folder; Python itself only looks at files that are named by their hash."""
    folder = connection.ca_path
    files = sorted(file for file in folder.rglob("*") if file.is_file()) if folder else []
    texts = [file.read_text(encoding="ascii", errors="ignore") for file in files]
    found = "\n".join(text for text in texts if "BEGIN CERTIFICATE" in text)
    if not found:
        raise SettingsError(f"CAPATH: there is no certificate below {folder}")
    return found


def _no_answer(connection: Connection, error: httpx.HTTPError) -> UnreachableError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UntrustedError(f"the certificate of {connection.address} is not accepted: {cause.verify_message}")
        cause = cause.__cause__ or cause.__context__
    reason = f"no answer within {connection.seconds:g} s" if isinstance(error, httpx.TimeoutException) else str(error)
    return UnreachableError(f"{connection.address} gives no answer: {reason or type(error).__name__}")


def _answer(request: str, response: httpx.Response, certificate: Mapping[str, Any]) -> Answer:
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = {}
    after = response.headers.get("retry-after", "")
    return Answer(
        request,
        response.status_code,
        body if isinstance(body, dict) else {},
        float(after) if after.isdecimal() else None,
        certificate,
    )


def _texts(value: object) -> list[str]:
    items: Sequence[object] = value if isinstance(value, list) else []
    return [str(item) for item in items]
