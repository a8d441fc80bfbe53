"""One HTTP call to SCM: bounded in time, in size and in number."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from sectigo_vault_pki import __version__
from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.scm.account import ScmAccount, is_plain_http, trust_only
from sectigo_vault_pki.scm.call import Answer, Call, Trouble
from sectigo_vault_pki.scm.failures import TROUBLES, trouble_from
from sectigo_vault_pki.scm.login import Login, LoginFailedError
from sectigo_vault_pki.scm.oauth2 import OAuth2Login
from sectigo_vault_pki.scm.tokens import Tokens

MAX_ANSWER_LENGTH = 1024 * 1024
MAX_CALLS = 32  # at once, for one account

# Seconds; shorter than what servers keep idle connections for, so that no order is written into one being closed.
KEEP_IDLE = 3.0

_ORDER_TIMEOUT = 300.0  # seconds; enrolling can be slow (scm-api.md 2), and giving up leaves an order unsettled
_LONGEST_DATE = 40  # characters; the longest of the three forms has 33

_HEADERS = (
    (b"Accept", b"application/json, */*;q=0.5"),
    (b"Accept-Encoding", b"identity"),
    (b"User-Agent", f"sectigo-vault-pki/{__version__}".encode()),
)
_JSON = {"Content-Type": "application/json;charset=UTF-8"}

_logger = logging.getLogger(__name__)


def call_slots() -> asyncio.Semaphore:
    """Return what limits an account's calls at a time."""
    return asyncio.Semaphore(MAX_CALLS)


class Exchange:
    """The connections of one account."""

    def __init__(
        self,
        account: ScmAccount,
        slots: asyncio.Semaphore,
        *,
        tokens: Tokens,
        transport: httpx.AsyncBaseTransport | None,
    ) -> None:
        self._account = account
        self._slots = slots
        self._flow = account.login.flow(account.base_url, account.customer_uri, tokens)
        self._http = httpx.AsyncClient(
            auth=self._flow,
            headers=_HEADERS,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            transport=transport_to(account) if transport is None else transport,
            mounts=_mounts(account) if transport is None else None,
            event_hooks={"response": [_bound]},
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call) -> Answer | Trouble:
        """Make one call, once."""
        started = time.monotonic()
        result = await self._send(call)
        outcome = {"status": result.status} if isinstance(result, Answer) else {"trouble": result.reason}
        duration = round(time.monotonic() - started, 3)
        _logger.debug(
            "SCM call",
            extra={"kv": {"operation": call.operation, "method": call.method, "seconds": duration, **outcome}},
        )
        return result

    async def _send(self, call: Call) -> Answer | Trouble:
        limit = self._account.request_timeout
        try:
            async with asyncio.timeout(limit):
                await self._slots.acquire()
        except TimeoutError:
            return trouble_from(httpx.PoolTimeout(""), self._account.base_url)
        try:
            if self._http.is_closed:
                return Trouble(was_sent=False, reason="the account's settings changed during the call")
            patience = max(limit, _ORDER_TIMEOUT if call.is_order else 0.0)
            request = self._request(call, httpx.Timeout(limit, read=patience))
            # httpx limits each read, so that an answer could drip in for ever.
            async with asyncio.timeout(patience + 2 * limit):
                return await self._answer(request)
        except LoginFailedError as error:
            reason = f"the login failed: {error}"
            return Trouble(
                was_sent=False, reason=reason, answered=True, login_refused=error.is_refused, refusal=error.refusal
            )
        except AnswerTooLongError as error:
            is_own = error.request is request and not self._is_waiting(request)  # and not the login's, which is short
            return Trouble(was_sent=is_own, reason=str(error), is_too_long=is_own)
        except tuple(TROUBLES) as error:
            logins = error.request if isinstance(error, httpx.RequestError) and error.request is not request else None
            trouble = trouble_from(error, self._account.base_url if logins is None else _origin(logins.url))
            of_login = replace(trouble, was_sent=False, reason=f"the login failed: {trouble.reason}")
            return of_login if self._is_waiting(request) else trouble
        finally:
            self._slots.release()

    def _is_waiting(self, request: httpx.Request) -> bool:
        """Whether the login is still under way, so that SCM has taken nothing."""
        return request in self._flow.waiting

    def _request(self, call: Call, timeout: httpx.Timeout) -> httpx.Request:
        body = None if call.body is None else json.dumps(call.body).encode()
        return self._http.build_request(
            call.method,
            f"{self._account.root_url}{call.path}",
            params=call.query or None,
            headers=None if body is None else _JSON,
            content=body,
            timeout=timeout,
        )

    async def _answer(self, request: httpx.Request) -> Answer | Trouble:
        response = await self._http.send(request)
        headers = response.headers
        date = _http_date(headers.get("Date", ""))
        return Answer(response.status_code, response.content, _retry_after(headers, date), _total(headers), date)


def _origin(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


class AnswerTooLongError(Exception):
    """An answer to a request is longer than any that is of use."""

    def __init__(self, request: httpx.Request) -> None:
        super().__init__(f"the answer is longer than {MAX_ANSWER_LENGTH} bytes")
        self.request = request


async def _bound(response: httpx.Response) -> None:
    """Bound an answer before it is read, that to a login's own request too.

    Raises:
        httpx.DecodingError: it is compressed: a small body may be a huge one, and none was asked for.
    """
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise httpx.DecodingError("", request=response.request)
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _Bounded(response.stream, response.request)


class _Bounded(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, request: httpx.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length = 0
        async for chunk in self._inner:
            length += len(chunk)
            if length > MAX_ANSWER_LENGTH:
                raise AnswerTooLongError(self._request)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


class Connections(httpx.AsyncHTTPTransport):
    """httpx's own transport, which also ends connections between calls.

    What a server sends behind an answer ends the connection: h11 would take it for the answer to the next request, and
    httpcore looks for such bytes on idle sockets only. Idle connections end after `KEEP_IDLE`: httpcore looks for them
    at the next call only, which may never come.
    """

    _timer: asyncio.TimerHandle | None = None
    _tidying: asyncio.Task[None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for connection in self._pool.connections:
            rules = getattr(getattr(connection, "_connection", None), "_h11_state", None)
            if rules is not None and connection.is_idle() and rules.trailing_data[0]:
                await connection.aclose()
        self._look_later()
        return await super().handle_async_request(request)

    async def aclose(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await super().aclose()

    def _look_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(KEEP_IDLE, self._look)

    def _look(self) -> None:
        self._timer = None
        self._tidying = asyncio.get_running_loop().create_task(self._end_idle())

    async def _end_idle(self) -> None:
        for connection in self._pool.connections:
            if connection.is_idle() and connection.has_expired():
                await connection.aclose()
        if not all(connection.is_closed() for connection in self._pool.connections):
            self._look_later()


def transport_to(account: ScmAccount) -> httpx.AsyncBaseTransport:
    """Return what carries an account's requests; nothing is connected yet.

    Raises:
        InvalidInputError: the proxy in the environment cannot be used, or the account's CA bundle.
    """
    return _transport(account.base_url, account.ca_bundle_pem, account.login)


def _mounts(account: ScmAccount) -> Mapping[str, httpx.AsyncBaseTransport] | None:
    """Return what carries requests for tokens to another host than SCM's: the account's own trust is not for that."""
    token_url = account.login.token_url if isinstance(account.login, OAuth2Login) else None
    if token_url is None or urlsplit(token_url).netloc == urlsplit(account.base_url).netloc:
        return None
    parts = urlsplit(token_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    return {origin: _transport(origin, None, None)}


def _transport(url: str, bundle: str | None, login: Login | None) -> httpx.AsyncBaseTransport:
    context = httpx.create_ssl_context() if bundle is None else trust_only(bundle)
    if login is not None:
        login.present(context)
    try:
        return Connections(
            verify=context,
            proxy=_proxy_for(url),
            limits=httpx.Limits(max_connections=MAX_CALLS, keepalive_expiry=KEEP_IDLE),
        )
    except (ImportError, ValueError, httpx.InvalidURL):
        raise InvalidInputError("the proxy settings in the process's environment cannot be used") from None


def _proxy_for(base_url: str) -> str | None:
    """Return the proxy that the environment names, as Python reads it: also without a scheme, and with `NO_PROXY`."""
    if is_plain_http(base_url):
        return None  # a proxy cannot reach a loopback host, and must not see a login that has no TLS around it
    parts, proxies = urlsplit(base_url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _total(headers: httpx.Headers) -> int | None:
    text = headers.get("X-Total-Count", "").strip()
    return int(text[:9]) if text.isascii() and text.isdigit() else None


def _retry_after(headers: httpx.Headers, date: datetime | None) -> float | None:
    """Read `Retry-After` (RFC 9110 10.2.3); a date counts from the answer's own `Date`."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    then = _http_date(text)
    return None if then is None or date is None else max(0.0, (then - date).total_seconds())


def _http_date(text: str) -> datetime | None:
    """Read a date of HTTP (RFC 9110 5.6.7), all of which are in UTC; None for anything else."""
    if not text or len(text) > _LONGEST_DATE:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
