"""One HTTP call to SCM: bounded in time, in size and in number."""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, cast

import httpx

from sectigo_vault_pki import __version__
from sectigo_vault_pki.scm.account import ScmAccount
from sectigo_vault_pki.scm.login import login_headers
from sectigo_vault_pki.scm.routes import transport_to
from sectigo_vault_pki.scm.trouble import TROUBLES, Trouble, trouble_from

MAX_ANSWER_LENGTH = 1024 * 1024
MAX_CALLS = 32  # at once, for one account
_LONGEST_DATE = 40  # characters; the longest of the three forms has 33
_REMEMBERED_URLS = 64  # parsing one costs as much as the rest of a request

_JSON = (b"Content-Type", b"application/json;charset=UTF-8")

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
        date: the server's time as it answered, in UTC, or None.
    """

    status: int
    body: bytes = field(repr=False)
    retry_after: float | None = None
    total: int | None = None
    date: datetime | None = None


def call_slots() -> asyncio.Semaphore:
    """Return what limits an account's calls at a time."""
    return asyncio.Semaphore(MAX_CALLS)


class Exchange:
    """The connections of one account."""

    def __init__(
        self, account: ScmAccount, slots: asyncio.Semaphore, transport: httpx.AsyncBaseTransport | None
    ) -> None:
        self._account = account
        self._slots = slots
        headers = (
            (b"Accept", b"application/json, */*;q=0.5"),
            (b"Accept-Encoding", b"identity"),
            (b"User-Agent", f"sectigo-vault-pki/{__version__}".encode()),
            *login_headers(account),
        )
        self._headers = httpx.Headers(headers)
        self._headers_with_body = httpx.Headers((*headers, _JSON))
        self._url = lru_cache(_REMEMBERED_URLS)(lambda path: httpx.URL(f"{account.base_url}{path}"))
        self._transport = transport_to(account, MAX_CALLS) if transport is None else transport
        self._is_closed = False

    async def aclose(self) -> None:
        self._is_closed = True
        await self._transport.aclose()

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
            async with asyncio.timeout(self._account.request_timeout) if self._slots.locked() else nullcontext():
                await self._slots.acquire()
        except TimeoutError:
            return trouble_from(httpx.PoolTimeout(""), self._account.base_url)
        try:
            return await self._exchange(call)
        finally:
            self._slots.release()

    async def _exchange(self, call: Call) -> Answer | Trouble:
        if self._is_closed:
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
        body = None if call.body is None else json.dumps(call.body).encode()
        return httpx.Request(
            call.method,
            self._url(call.path),
            params=call.query or None,
            headers=self._headers if body is None else self._headers_with_body,
            content=body,
            extensions={"timeout": timeout.as_dict()},
        )

    async def _answer(self, request: httpx.Request) -> Answer | Trouble:
        response = await self._transport.handle_async_request(request)
        try:
            # Never decoded, as a small compressed body may be a huge one; none was asked for.
            if response.headers.get("Content-Encoding", "identity").lower() != "identity":
                return trouble_from(httpx.DecodingError(""), self._account.base_url)
            body = bytearray()
            async for chunk in cast("httpx.AsyncByteStream", response.stream):
                body += chunk
                if len(body) > MAX_ANSWER_LENGTH:
                    return Trouble(was_sent=True, words=f"the answer is longer than {MAX_ANSWER_LENGTH} bytes")
        finally:
            await response.aclose()
        headers = response.headers
        date = _http_date(headers.get("Date", ""))
        return Answer(response.status_code, bytes(body), _retry_after(headers, date), _total(headers), date)


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
