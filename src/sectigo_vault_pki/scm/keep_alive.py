"""The connections to one host, kept for a while after use."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable

import httpx

from sectigo_vault_pki.scm.account import DEFAULT_PORTS
from sectigo_vault_pki.scm.http_connection import HttpConnection

# Shorter than what servers keep idle connections for, so that no order is written into one that is being closed.
KEEP_IDLE = 3.0

# RFC 8305 5: how long one address has before the next is tried beside it.
_NEXT_ADDRESS = 0.25


class KeepAliveTransport(httpx.AsyncBaseTransport):
    """Takes the connection that was used last, and opens one where none is idle. How many, its user decides.

    It does what httpx's own transport does for a single host at a fraction of the cost: that one looks at each of its
    connections, by a system call, twice for each request (docs/decisions/0008).

    Args:
        origin: the host that every request goes to.
        tls: None where the origin has no TLS.
    """

    def __init__(self, origin: httpx.URL, tls: ssl.SSLContext | None) -> None:
        self._host = origin.raw_host.decode("ascii")
        self._port = origin.port or DEFAULT_PORTS[origin.scheme]
        self._tls = tls
        self._open: set[HttpConnection] = set()
        self._idle: dict[HttpConnection, None] = {}
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = request.extensions.get("timeout", {})
        connection = self._idle.popitem()[0] if self._idle else await self._connect(limits.get("connect"))
        try:
            head = await connection.ask(request)
        except BaseException:
            connection.abort()
            raise
        parts = connection.body(limits.get("read"))
        return httpx.Response(
            head.status_code, headers=list(head.headers), stream=_Body(parts, lambda: self._release(connection))
        )

    async def aclose(self) -> None:
        self._is_closed = True
        closing = tuple(self._open)
        for connection in closing:
            connection.abort()
        await asyncio.gather(*(connection.closed for connection in closing))

    async def _connect(self, limit: float | None) -> HttpConnection:
        try:
            async with asyncio.timeout(limit):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: HttpConnection(self._forget),
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=None if self._tls is None else self._host,
                    happy_eyeballs_delay=_NEXT_ADDRESS,
                )
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except OSError as error:
            raise httpx.ConnectError("no connection") from error
        self._open.add(connection)
        if self._is_closed:
            connection.abort()
            raise httpx.ConnectError("closed meanwhile")
        return connection

    def _release(self, connection: HttpConnection) -> None:
        if not self._is_closed and connection.rest(KEEP_IDLE):
            self._idle[connection] = None
        else:
            connection.abort()

    def _forget(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        self._idle.pop(connection, None)


class _Body(httpx.AsyncByteStream):
    def __init__(self, parts: AsyncIterator[bytes], release: Callable[[], None]) -> None:
        self._parts = parts
        self._release = release
        self._is_released = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts

    async def aclose(self) -> None:
        if not self._is_released:
            self._is_released = True
            self._release()
