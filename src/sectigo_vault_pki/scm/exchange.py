"""One HTTP call to SCM: bounded in time, in size and in number."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from sectigo_vault_pki import __version__
from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.scm.account import ScmAccount, is_plain_http, trust_only
from sectigo_vault_pki.scm.login import HeaderLogin
from sectigo_vault_pki.scm.trouble import TROUBLES, Trouble, trouble_from

MAX_ANSWER_LENGTH = 1024 * 1024
MAX_CALLS = 32  # at once, for one account

# Shorter than what servers keep idle connections for, so that no order is written into one that is being closed.
_KEEP_IDLE = 3.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        operation: SCM's word for it.
        method: HTTP's word for it.
        path: below the base URL.
        query: parameters of the URL.
        body: sent as JSON where there is one.
        read_timeout: seconds to wait for the answer, where the account's limit is too short.
        is_order: made twice, it costs twice.
    """

    operation: str
    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, Any] | None = field(default=None, repr=False)
    read_timeout: float = 0.0
    is_order: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status.

    Attributes:
        status: the HTTP status.
        body: the whole body.
        retry_after: seconds the server asks to wait, or None.
        total: how long the whole list is of which this is a page (scm-api.md 2), or None.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None
    total: int | None = None


class Exchange:
    """The connections of one account."""

    def __init__(self, account: ScmAccount, transport: httpx.AsyncBaseTransport | None) -> None:
        self._account = account
        self._slots = asyncio.Semaphore(MAX_CALLS)
        self._http = _http_client(account, transport)

    async def aclose(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call) -> Answer | Trouble:
        """Make one call, once."""
        started = time.monotonic()
        result = await self._send(call)
        outcome = {"status": result.status} if isinstance(result, Answer) else {"trouble": result.words}
        duration = round(time.monotonic() - started, 3)
        _logger.debug(
            "SCM call",
            extra={"kv": {"operation": call.operation, "method": call.method, "seconds": duration, **outcome}},
        )
        return result

    async def _send(self, call: Call) -> Answer | Trouble:
        try:
            async with asyncio.timeout(self._account.request_timeout):
                await self._slots.acquire()
        except TimeoutError:
            return trouble_from(httpx.PoolTimeout(""), self._account.base_url)
        try:
            return await self._exchange(call)
        finally:
            self._slots.release()

    async def _exchange(self, call: Call) -> Answer | Trouble:
        if self._http.is_closed:
            return Trouble(was_sent=False, words="the account's settings changed during the call")
        limit = self._account.request_timeout
        patience = max(limit, call.read_timeout)
        try:
            # httpx limits each read, so that an answer could drip in for ever.
            async with asyncio.timeout(patience + 2 * limit):
                return await self._answer(self._request(call, httpx.Timeout(limit, read=patience)))
        except tuple(TROUBLES) as error:
            return trouble_from(error, self._account.base_url)

    def _request(self, call: Call, timeout: httpx.Timeout) -> httpx.Request:
        url = f"{self._account.base_url}{call.path}"
        if call.body is None:
            return self._http.build_request(call.method, url, params=dict(call.query) or None, timeout=timeout)
        return self._http.build_request(
            call.method,
            url,
            content=json.dumps(call.body).encode(),
            headers={"Content-Type": "application/json;charset=UTF-8"},
            timeout=timeout,
        )

    async def _answer(self, request: httpx.Request) -> Answer | Trouble:
        response = await self._http.send(request, stream=True)
        try:
            # Never decoded, as a small compressed body may be a huge one; none was asked for.
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                return trouble_from(httpx.DecodingError(""), self._account.base_url)
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_LENGTH:
                    return Trouble(was_sent=True, words=f"the answer is longer than {MAX_ANSWER_LENGTH} bytes")
        finally:
            await response.aclose()
        headers = response.headers
        return Answer(response.status_code, bytes(body), _retry_after(headers), _total(headers))


def _http_client(account: ScmAccount, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            auth=HeaderLogin(account),
            verify=True if account.ca_bundle_pem is None else trust_only(account.ca_bundle_pem),
            transport=transport,
            # A proxy cannot reach a loopback host, and must not see a login that has no TLS around it.
            trust_env=not is_plain_http(account.base_url),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=MAX_CALLS, keepalive_expiry=_KEEP_IDLE),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # each call logs in, there are no sessions
            headers={
                "Accept": "application/json, */*;q=0.5",
                "Accept-Encoding": "identity",
                "User-Agent": f"sectigo-vault-pki/{__version__}",
            },
        )
    except (ImportError, ValueError):
        raise InvalidInputError("the proxy settings in the process's environment cannot be used") from None


def _total(headers: httpx.Headers) -> int | None:
    text = headers.get("X-Total-Count", "").strip()
    return int(text[:9]) if text.isascii() and text.isdigit() else None


def _retry_after(headers: httpx.Headers) -> float | None:
    """Read `Retry-After` (RFC 9110 10.2.3); a date counts from the answer's own `Date`."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, wait.total_seconds())
