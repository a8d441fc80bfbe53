"""How an account logs in at SCM (scm-api.md 1.1, 1.2, 13.1): by password, by OAuth2, or by a client certificate.

A login is a value, and makes a flow of requests around each call, as httpx's `Auth` describes it. A flow may send
requests of its own, such as one for a token, and the call's request once more after a 401; until the call's request is
answered otherwise, SCM has taken nothing.
"""

import asyncio
import json
import re
import ssl
import tempfile
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import SecretStr

from sectigo_vault_pki.errors import InvalidInputError

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class LoginFailedError(Exception):
    """No call can be made, and SCM has taken nothing; the text is for the user and carries no secret.

    Attributes:
        is_refused: whether the login itself is wrong.
    """

    def __init__(self, text: str, *, is_refused: bool) -> None:
        super().__init__(text)
        self.is_refused = is_refused


class Login(Protocol):
    """One of the ways; equal ones are one login."""

    @property
    def name(self) -> tuple[str, ...]:
        """What SCM knows it by, without secrets."""

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """What may appear nowhere but in requests."""

    @property
    def is_private(self) -> bool:
        """Whether its calls go to the paths below `/private`."""

    def flow(self, base_url: str, customer_uri: str, tokens: "Tokens") -> httpx.Auth:
        """Return the requests around each call of an account."""

    def present(self, context: ssl.SSLContext) -> None:
        """Give a TLS connection what it has to show."""


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """User and password in the headers of each request.

    Raises:
        InvalidInputError: one of them cannot travel in an HTTP header.
    """

    user: str
    password: SecretStr

    def __post_init__(self) -> None:
        check_header_value("user", self.user)
        check_header_value("password", self.password.get_secret_value())

    @property
    def name(self) -> tuple[str, ...]:
        return (self.user,)

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        return (self.password,)

    @property
    def is_private(self) -> bool:
        return False

    def flow(self, base_url: str, customer_uri: str, tokens: "Tokens") -> httpx.Auth:
        del base_url, tokens
        return _Headers(login=SecretStr(self.user), password=self.password, customerUri=SecretStr(customer_uri))

    def present(self, context: ssl.SSLContext) -> None:
        """Nothing is shown."""


@dataclass(frozen=True, slots=True)
class CertificateLogin:
    """A client certificate in the TLS handshake, and the user in the headers of each request.

    Attributes:
        certificate_pem: the certificate, and those of its issuers that SCM needs.
        key_pem: unencrypted.

    Raises:
        InvalidInputError: the user cannot travel in an HTTP header.
    """

    user: str
    certificate_pem: str
    key_pem: SecretStr

    def __post_init__(self) -> None:
        check_header_value("user", self.user)

    @property
    def name(self) -> tuple[str, ...]:
        return (self.user, self.certificate_pem)

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        return (self.key_pem,)

    @property
    def is_private(self) -> bool:
        return True

    def flow(self, base_url: str, customer_uri: str, tokens: "Tokens") -> httpx.Auth:
        del base_url, tokens
        return _Headers(login=SecretStr(self.user), customerUri=SecretStr(customer_uri))

    def present(self, context: ssl.SSLContext) -> None:
        """Give the certificate with its key.

        Raises:
            InvalidInputError: they cannot be used.
        """
        # The ssl module reads a key from a file only: it lies in a folder of our own, and is gone with the block.
        with tempfile.TemporaryDirectory(prefix="sectigo-vault-pki-") as folder:
            file = Path(folder, "login.pem")
            file.touch(mode=0o600)
            file.write_text(f"{self.certificate_pem.strip()}\n{self.key_pem.get_secret_value().strip()}\n")
            try:
                context.load_cert_chain(file, password="")
            except (ssl.SSLError, ValueError):
                raise InvalidInputError("the client certificate and its key cannot be used together") from None


@dataclass(frozen=True, slots=True)
class OAuth2Login:
    """A client of an OAuth2 server (RFC 6749 4.4), whose tokens go into the headers of the requests.

    Attributes:
        token_url: what `parse_base_url` allows as an origin, with a path; None: what SCM's 401 names.
    """

    client_id: str
    client_secret: SecretStr
    token_url: str | None = None

    @property
    def name(self) -> tuple[str, ...]:
        return (self.client_id, self.token_url or "")

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        return (self.client_secret,)

    @property
    def is_private(self) -> bool:
        return False

    def flow(self, base_url: str, customer_uri: str, tokens: "Tokens") -> httpx.Auth:
        return _Bearer(self, base_url, customer_uri, tokens)

    def present(self, context: ssl.SSLContext) -> None:
        """Nothing is shown."""


class _Headers(httpx.Auth):
    """The same headers around each request, as UTF-8."""

    def __init__(self, **values: SecretStr) -> None:
        self._values = values

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        _add(request, {name: value.get_secret_value() for name, value in self._values.items()})
        yield request


def _add(request: httpx.Request, headers: dict[str, str]) -> None:
    added = [(name.encode(), value.encode()) for name, value in headers.items()]
    names = {name.lower() for name, _ in added}
    # Headers that have been read as ASCII once would not be read in any other way afterwards: these are new ones.
    kept = [(name, value) for name, value in request.headers.raw if name.lower() not in names]
    request.headers = httpx.Headers([*kept, *added])


# OAuth2.

EARLY = 30.0
"""Seconds before its end that a token is fetched anew; at most a third of its life."""
_SHORTEST_LIFE, _LONGEST_LIFE = 1.0, 86_400.0
_VENDOR = "sectigo.com"
_REFUSED_CLIENT = frozenset({"invalid_client", "unauthorized_client", "invalid_grant", "access_denied"})
_OTHER_ERRORS = frozenset({"invalid_request", "unsupported_grant_type", "invalid_scope"})
_URL = re.compile(r'https://[^\s",]{1,1000}|http://(?:127\.0\.0\.1|localhost|\[::1\])[^\s",]{1,1000}')
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,16384}")


@dataclass(frozen=True, slots=True)
class _Token:
    value: SecretStr
    fresh_until: float


@dataclass(slots=True)
class _State:
    """What is known of one login: its token, and the URL that SCM named; one request for a token at a time."""

    token: _Token | None = None
    token_url: str | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Tokens:
    """The tokens of one mount: one for each login, whatever config entries have it."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        """Prepare.

        Args:
            now: the time in seconds, from any moment on; None: the running loop's.
        """
        self._now = now or (lambda: asyncio.get_running_loop().time())
        self._states: dict[OAuth2Login, _State] = {}

    def secrets(self, login: Login) -> tuple[SecretStr, ...]:
        """Return the token that requests of a login carry now."""
        state = self._states.get(login) if isinstance(login, OAuth2Login) else None
        return () if state is None or state.token is None else (state.token.value,)

    def state(self, login: OAuth2Login) -> _State:
        return self._states.setdefault(login, _State(token_url=login.token_url))

    def fresh(self, login: OAuth2Login) -> SecretStr | None:
        """Return the login's token, unless it ends soon."""
        token = self.state(login).token
        return token.value if token is not None and self._now() < token.fresh_until else None

    def keep(self, login: OAuth2Login, value: SecretStr, life: float) -> None:
        """Keep a token that lives so many seconds from now on."""
        life = min(max(life, _SHORTEST_LIFE), _LONGEST_LIFE)
        self.state(login).token = _Token(value, self._now() + life - min(EARLY, life / 3))

    def drop(self, login: OAuth2Login, value: SecretStr) -> None:
        """Forget a token that SCM did not take, unless another one has come since."""
        state = self.state(login)
        if state.token is not None and state.token.value == value:
            state.token = None


class _Bearer(httpx.Auth):
    """A token with each request; after a 401 the request is sent once more, with another one."""

    def __init__(self, login: OAuth2Login, base_url: str, customer_uri: str, tokens: Tokens) -> None:
        self._login = login
        self._base_url = base_url
        self._customer_uri = customer_uri
        self._tokens = tokens

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        state = self._tokens.state(self._login)
        used: SecretStr | None = None
        for is_last in (False, True):
            if state.token_url is not None:
                async with state.lock:
                    used = self._tokens.fresh(self._login)
                    if used is None:
                        answer = yield self._token_request(state.token_url, request)
                        used = self._kept(answer.status_code, await answer.aread())
            bearer = {} if used is None else {"Authorization": f"Bearer {used.get_secret_value()}"}
            _add(request, {"customerUri": self._customer_uri, **bearer})
            response = yield request
            if response.status_code != HTTPStatus.UNAUTHORIZED or is_last:
                return
            if used is not None:
                self._tokens.drop(self._login, used)
            if self._login.token_url is None:
                named = token_url_in(response.headers.get_list("WWW-Authenticate"), self._base_url)
                state.token_url = named or state.token_url
                if state.token_url is None:
                    raise LoginFailedError(
                        "the login needs sectigo_cm_token_url: SCM's answer names no token URL under its own host or "
                        f"{_VENDOR}",
                        is_refused=True,
                    )

    def _token_request(self, token_url: str, request: httpx.Request) -> httpx.Request:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._login.client_id,
            "client_secret": self._login.client_secret.get_secret_value(),
        }
        return httpx.Request(
            "POST",
            token_url,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Content-Type": "application/x-www-form-urlencoded",
                "User-Agent": request.headers.get("User-Agent", ""),
            },
            content=urlencode(form).encode(),
            extensions=request.extensions,  # its time limits
        )

    def _kept(self, status: int, body: bytes) -> SecretStr:
        """Keep the token of an answer, and return it.

        Raises:
            LoginFailedError: there is none.
        """
        answer = _object_in(body)
        if status != HTTPStatus.OK:
            raise _refusal(status, answer.get("error"))
        token, life = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise LoginFailedError("the token server's answer has no usable access_token", is_refused=False)
        value = SecretStr(token)
        self._tokens.keep(self._login, value, life if isinstance(life, int | float) else _SHORTEST_LIFE)
        return value


def _refusal(status: int, error: object) -> LoginFailedError:
    """Put the token server's no into words; only words of RFC 6749 5.2 are repeated."""
    word = error if isinstance(error, str) and error in _REFUSED_CLIENT | _OTHER_ERRORS else ""
    is_refused = word in _REFUSED_CLIENT or (not word and status == HTTPStatus.UNAUTHORIZED)
    text = f"the token server answered HTTP {status}{f' ({word})' if word else ''}"
    advice = ": sectigo_cm_client_id or sectigo_cm_client_secret is wrong, or the client was revoked"
    return LoginFailedError(f"{text}{advice if is_refused else ''}", is_refused=is_refused)


def _object_in(body: bytes) -> dict[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def token_url_in(challenges: Iterable[str], base_url: str) -> str | None:
    """Return the token URL that a 401 names, if the secret may be sent there: SCM's own host, or the vendor's domain.

    The parameter's name differs (scm-api.md 1.2), so that every URL in the header counts, the first good one first.
    """
    own = urlsplit(base_url)
    for challenge in challenges:
        for url in map(str, _URL.findall(challenge[:4096])):
            try:
                parts = urlsplit(url)
                origin = (parts.scheme, parts.hostname, parts.port)
            except ValueError:
                continue
            if parts.username is not None or parts.query or parts.fragment:
                continue
            is_own = origin == (own.scheme, own.hostname, own.port)
            host = parts.hostname or ""
            is_vendor = parts.scheme == "https" and (host == _VENDOR or host.endswith(f".{_VENDOR}"))
            if is_own or (is_vendor and parts.port in {None, 443}):
                return url
    return None


# What can travel in a header.


def header_value_problem(text: str) -> str | None:
    """Say why text cannot travel in an HTTP header, behind a name for it; None where it can."""
    if not text:
        return "is empty"
    if _CONTROL.search(text):
        return "contains control characters"
    return "begins or ends with a blank" if text.strip(" \t") != text else None


def check_header_value(what: str, text: str) -> None:
    """Make sure that text can travel in an HTTP header.

    Raises:
        InvalidInputError: it cannot.
    """
    if (problem := header_value_problem(text)) is not None:
        raise InvalidInputError(f"{what} {problem}")
