"""One HTTP/1.1 connection: h11's rules on an asyncio transport."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import cast

import h11
import httpx

_MAX_HEAD = 64 * 1024
_MAX_UNREAD = 256 * 1024


class HttpConnection(asyncio.Protocol):
    """Makes one exchange after the other; whoever holds it makes sure of that.

    Errors are httpx's, as `httpx.AsyncBaseTransport` promises them. After one of them, and after an answer that was not
    read to its end, the connection can only be aborted.
    """

    def __init__(self, on_lost: Callable[["HttpConnection"], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._rules = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._idle_timer: asyncio.TimerHandle | None = None
        self._unread = 0
        self._lost: Exception | None = None
        self.closed: asyncio.Future[None] = self._loop.create_future()

    async def ask(self, request: httpx.Request) -> h11.Response:
        """Send a request, and return the head of its answer, which may come before the whole request is sent.

        Raises:
            httpx.TransportError: there is none.
        """
        limits = request.extensions.get("timeout", {})
        self._stop_resting()
        self._write(self._request_bytes(request, await request.aread()))
        while True:
            event = await self._next_event(limits.get("read"))
            if isinstance(event, h11.Response):
                return event

    async def body(self, read_limit: float | None) -> AsyncIterator[bytes]:
        """Yield the answer's body as it arrives; each part within `read_limit` seconds.

        Raises:
            httpx.TransportError: it ends early.
        """
        while isinstance(event := await self._next_event(read_limit), h11.Data):
            yield bytes(event.data)

    def rest(self, seconds: float) -> bool:
        """Prepare for another exchange, to come within some seconds; tell whether there can be one."""
        rules = self._rules
        is_whole = rules.our_state is h11.DONE and rules.their_state is h11.DONE
        if not is_whole or self._lost is not None or rules.trailing_data[0]:
            return False
        rules.start_next_cycle()
        self._idle_timer = self._loop.call_later(seconds, self.abort)
        return True

    def abort(self) -> None:
        """Close at once; who waits for something gets an error."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._idle_timer is not None:  # nothing was asked: it would pass for the next request's answer
            self.abort()
            return
        self._rules.receive_data(data)
        self._unread += len(data)
        if self._unread > _MAX_UNREAD and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        if self._idle_timer is not None:
            self.abort()
            return
        self._rules.receive_data(b"")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_resting()
        self._lost = exc or ConnectionAbortedError("closed")
        self._wake()
        self._on_lost(self)
        if not self.closed.done():
            self.closed.set_result(None)

    def _request_bytes(self, request: httpx.Request, body: bytes) -> bytes:
        target = request.url.raw_path
        try:
            head = h11.Request(method=request.method, target=target, headers=request.headers.raw)
            events = (head, h11.Data(data=body), h11.EndOfMessage()) if body else (head, h11.EndOfMessage())
            return b"".join(self._rules.send(event) or b"" for event in events)
        except h11.LocalProtocolError:
            raise httpx.LocalProtocolError("the request breaks a rule of HTTP/1.1") from None

    def _write(self, data: bytes) -> None:
        if self._transport is not None and self._lost is None:
            self._transport.write(data)

    async def _next_event(self, limit: float | None) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._rules.next_event()
            except h11.RemoteProtocolError as error:
                raise httpx.RemoteProtocolError("the answer breaks a rule of HTTP/1.1") from error
            if event is not h11.NEED_DATA:
                return cast("h11.Event | type[h11.PAUSED]", event)
            if self._lost is not None:
                raise httpx.ReadError("the connection was lost") from self._lost
            self._ask_for_more()
            await self._until_woken(limit)

    def _ask_for_more(self) -> None:
        if self._unread > _MAX_UNREAD and self._transport is not None:
            self._transport.resume_reading()
        self._unread = 0

    async def _until_woken(self, limit: float | None) -> None:
        self._waiter = self._loop.create_future()
        try:
            async with asyncio.timeout(limit):
                await self._waiter
        except TimeoutError:
            raise httpx.ReadTimeout("nothing came in time") from None
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop_resting(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
