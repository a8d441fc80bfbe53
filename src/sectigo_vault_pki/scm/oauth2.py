"""The OAuth2 login (scm-api.md 1.2, 13.1; RFC 6749 4.4): a token with each request, fetched as it is needed."""

import json
import re
import ssl
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

import httpx
from pydantic import SecretStr

from sectigo_vault_pki.scm.call import Answer, LoginRefusal
from sectigo_vault_pki.scm.codes import Verdict, verdict
from sectigo_vault_pki.scm.failures import is_in_scms_shape
from sectigo_vault_pki.scm.login import LoginFailedError, LoginFlow, add_headers
from sectigo_vault_pki.scm.tokens import SHORTEST_LIFE, Tokens

_VENDOR = "sectigo.com"
_ADVICE = "sectigo_cm_client_id or sectigo_cm_client_secret is wrong, or the client was revoked"
_NO_TOKEN_URL = f"the login needs sectigo_cm_token_url: SCM's answer names no token URL under its own host or {_VENDOR}"
_REFUSED_CLIENT = frozenset({"invalid_client", "unauthorized_client", "invalid_grant", "access_denied"})
_OTHER_ERRORS = frozenset({"invalid_request", "unsupported_grant_type", "invalid_scope"})
_URL = re.compile(r'https://[^\s",]{1,1000}|http://(?:127\.0\.0\.1|localhost|\[::1\])[^\s",]{1,1000}')
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,16384}")


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

    def flow(self, base_url: str, customer_uri: str, tokens: Tokens) -> LoginFlow:
        return _Bearer(self, base_url, customer_uri, tokens)

    def present(self, context: ssl.SSLContext) -> None:
        """Nothing is shown."""


@dataclass(frozen=True, slots=True)
class _Issued:
    """A token, and the seconds that it lives."""

    value: SecretStr
    life: float


class _Bearer(LoginFlow):
    """A token with each request; after a 401 the request is sent once more, with another one."""

    def __init__(self, login: OAuth2Login, base_url: str, customer_uri: str, tokens: Tokens) -> None:
        super().__init__()
        self._login = login
        self._base_url = base_url
        self._customer_uri = customer_uri
        self._state = tokens.state(base_url, login)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        state = self._state
        for is_last in (False, True):
            self.waiting.add(request)
            async with state.lock:
                used, url = state.fresh, self._login.token_url or state.named_url
                if used is None and url is not None:
                    state.named_url = None  # it counts again once it has answered: the next 401 may name another one
                    answer = yield self._token_request(url, request)
                    used = self._kept(url, _told(answer.status_code, await answer.aread()))
            bearer = {} if used is None else {"Authorization": f"Bearer {used.get_secret_value()}"}
            add_headers(request, {"customerUri": self._customer_uri, **bearer})
            self.waiting.discard(request)
            response = yield request
            if response.status_code != HTTPStatus.UNAUTHORIZED or is_last:
                return
            self.waiting.add(request)
            body = await response.aread()
            async with state.lock:
                if used is not None:
                    state.drop(used)
                self._note_url(response, body)

    def _note_url(self, response: httpx.Response, body: bytes) -> None:
        """Keep the token URL that a 401 names, if the config entry has none.

        Raises:
            LoginFailedError: no URL is known.
        """
        if self._login.token_url is not None:
            return
        named = token_url_in(response.headers.get_list("WWW-Authenticate"), self._base_url)
        self._state.named_url = named or self._state.named_url
        if self._state.named_url is None:
            status = response.status_code
            said = LoginRefusal(_NO_TOKEN_URL, status) if is_in_scms_shape(Answer(status, body)) else None
            raise LoginFailedError(_NO_TOKEN_URL, is_refused=True, refusal=said)

    def _kept(self, url: str, told: "_Issued | LoginFailedError") -> SecretStr:
        """Keep the token of an answer, and return it.

        Raises:
            LoginFailedError: there is none.
        """
        if isinstance(told, LoginFailedError):
            if told.refusal is not None:  # an OAuth2 server said so
                self._note_answered(url)
            raise told
        self._note_answered(url)
        self._state.keep(told.value, told.life)
        return told.value

    def _note_answered(self, url: str) -> None:
        if self._login.token_url is None:
            self._state.named_url = url

    def _token_request(self, token_url: str, request: httpx.Request) -> httpx.Request:
        limits = request.extensions["timeout"]  # an order's answer may take minutes, a token does not
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
            extensions={**request.extensions, "timeout": {**limits, "read": limits["connect"]}},
        )


def _told(status: int, body: bytes) -> _Issued | LoginFailedError:
    """Read an answer of the token server."""
    answer = _object_in(body)
    if status != HTTPStatus.OK:
        return _refusal(status, answer.get("error"))
    token, life = answer.get("access_token"), answer.get("expires_in")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return LoginFailedError("the token server's answer has no usable access_token", is_refused=False)
    return _Issued(SecretStr(token), life if isinstance(life, int | float) else SHORTEST_LIFE)


def _refusal(status: int, error: object) -> LoginFailedError:
    """Put the token server's no into words; only words of RFC 6749 5.2 are repeated."""
    word = error if isinstance(error, str) and error in _REFUSED_CLIENT | _OTHER_ERRORS else ""
    is_refused = word in _REFUSED_CLIENT or (not word and status == HTTPStatus.UNAUTHORIZED)
    text = f"the token server answered HTTP {status}{f' ({word})' if word else ''}"
    said = None
    if word in _REFUSED_CLIENT and verdict(status) is Verdict.REFUSED:
        said = LoginRefusal(f"the token server refused the client: {word}", status, _ADVICE)
    return LoginFailedError(f"{text}: {_ADVICE}" if is_refused else text, is_refused=is_refused, refusal=said)


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
