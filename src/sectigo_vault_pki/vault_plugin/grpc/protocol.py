"""A connection on a transport of asyncio's, with TLS or without."""

import asyncio
import ssl
from abc import ABC, abstractmethod

from sectigo_vault_pki.vault_plugin.grpc.messages import Assembly
from sectigo_vault_pki.vault_plugin.http2.connection import Connection
from sectigo_vault_pki.vault_plugin.http2.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    GoAwayReceived,
    HeadersReceived,
    SettingsReceived,
    StreamDrained,
    StreamReset,
)
from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderList
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode

ALPN = "h2"
_LINGER_SECONDS = 2.0
"""For what was sent to be read, after which nothing follows."""

_FAREWELL_SECONDS = 0.2
"""For the peer to close after our GOAWAY, and for it to answer TLS's close_notify."""


class Http2Protocol(asyncio.Protocol, ABC):
    """Moves bytes between HTTP/2 and the transport; the two kinds of connection derive from this.

    What is sent within one turn of the loop goes out in one write.

    Attributes:
        connection: the state of both directions; after a change from outside of an event, call `flush_soon`.
        assembly: what is kept of messages that are not complete.
    """

    def __init__(self, *, client: bool) -> None:
        self.loop = asyncio.get_running_loop()
        self.connection = Connection(client=client, clock=self.loop.time)
        self.assembly = Assembly()
        self._transport: asyncio.Transport | None = None
        self._flush_scheduled = False
        self._ping_timer: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._lost = asyncio.Event()
        self._failure = "the connection is closed"

    # Events, for the classes that derive from this.

    def on_accepted(self) -> None:
        """The connection is open, and TLS has negotiated HTTP/2."""

    def on_refused(self) -> None:
        """The peer does not negotiate HTTP/2."""

    @abstractmethod
    def on_headers(self, stream_id: int, headers: HeaderList, *, end_stream: bool) -> None:
        """A block of headers came: a head, or trailers."""

    @abstractmethod
    def on_data(self, stream_id: int, data: bytes, *, end_stream: bool) -> None:
        """A piece of a body came."""

    @abstractmethod
    def on_reset(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        """A stream was reset."""

    @abstractmethod
    def on_drained(self, stream_id: int) -> None:
        """All data that a stream held back has been sent."""

    def on_settings(self) -> None:
        """The peer's settings have changed."""

    def on_go_away(self, last_stream_id: int, code: ErrorCode) -> None:
        """The peer wants the connection to end."""

    @abstractmethod
    def on_lost(self, reason: str) -> None:
        """The connection is gone."""

    # For `StreamHandle`.

    def end_stream(self, stream_id: int, block: bytes) -> None:
        """Send the last header block of a stream."""
        self.connection.send_headers(stream_id, block, end_stream=True)
        self.flush_soon()

    def reset_stream(self, stream_id: int, code: ErrorCode) -> None:
        """End a stream at once, where it is still open; what the peer still sends on it is not read."""
        self.connection.reset(stream_id, code)
        self.flush_soon()

    # For the classes that derive from this.

    def flush_soon(self) -> None:
        """Write what is to be written before the loop waits again."""
        if not self._flush_scheduled:
            self._flush_scheduled = True
            self.loop.call_soon(self._flush)

    def close(self) -> None:
        """End the connection once everything is written; after 2 s if the peer does not read."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        data = self.connection.take_output()
        if data:
            transport.write(data)
        transport.close()
        self._linger = self.loop.call_later(_LINGER_SECONDS, transport.abort)

    async def wait_closed(self) -> None:
        """Return when the socket is closed: by the peer after our GOAWAY, or by us after a moment.

        Closing first would look like a failure to a peer that has not read everything.
        """
        for insist in (self.close, self.abort, None):
            if self._transport is None:
                return
            try:
                async with asyncio.timeout(_FAREWELL_SECONDS if insist is not None else None):
                    await self._lost.wait()
            except TimeoutError:
                if insist is not None:
                    insist()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_connected(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    @property
    def tls(self) -> ssl.SSLObject | None:
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  asyncio's promise, for the type checker
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != ALPN:
            transport.abort()
            self.on_refused()
            return
        self._transport = transport
        self._flush()
        self.on_accepted()

    def data_received(self, data: bytes) -> None:
        for event in self.connection.receive(data):
            self._dispatch(event)
        self.flush_soon()  # after the tasks that the events woke: what they send goes out in the same write

    def pause_writing(self) -> None:
        self.connection.set_writable(writable=False)

    def resume_writing(self) -> None:
        self.connection.set_writable(writable=True)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._linger, self._ping_timer):
            if timer is not None:
                timer.cancel()
        self._transport = None
        self._lost.set()
        self.on_lost(self._failure if exc is None else f"the connection broke: {exc}")

    def _flush(self) -> None:
        self._flush_scheduled = False
        for event in self.connection.take_events():
            self._dispatch(event)
        if self._ping_timer is None and (rest := self.connection.ping_rest) is not None:
            self._ping_timer = self.loop.call_later(rest, self._end_ping_rest)
        data = self.connection.take_output()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _end_ping_rest(self) -> None:
        self._ping_timer = None
        self.connection.answer_pings()
        self._flush()

    def _dispatch(self, event: Event) -> None:
        match event:
            case DataReceived():
                self.on_data(event.stream_id, event.data, end_stream=event.end_stream)
            case HeadersReceived():
                self.on_headers(event.stream_id, event.headers, end_stream=event.end_stream)
            case StreamReset():
                self.on_reset(event.stream_id, event.code, event.reason)
            case StreamDrained():
                self.on_drained(event.stream_id)
            case SettingsReceived():
                self.on_settings()
            case GoAwayReceived():
                self.on_go_away(event.last_stream_id, event.code)
            case ConnectionFailed():
                self._failure = f"the peer broke the rules of HTTP/2: {event.reason}"
                self.close()


class StreamHandle:
    """One stream as its call sees it. A call sends on an open stream only."""

    __slots__ = ("_protocol", "_stream_id")

    def __init__(self, protocol: Http2Protocol, stream_id: int) -> None:
        self._protocol = protocol
        self._stream_id = stream_id

    def send_headers(self, block: bytes) -> None:
        """Send a header block that does not end the stream."""
        self._protocol.connection.send_headers(self._stream_id, block)
        self._protocol.flush_soon()

    def send_data(self, data: bytes, *, end_stream: bool = False) -> bool:
        """Send a piece of body; return whether all of it is on its way. If not, `on_drained` follows when it is."""
        self._protocol.flush_soon()
        return self._protocol.connection.send_data(self._stream_id, data, end_stream=end_stream)

    def end(self, block: bytes) -> None:
        """Send the last header block."""
        self._protocol.end_stream(self._stream_id, block)

    def credit(self, length: int) -> None:
        """Let the peer send so much more, in the place of what was taken."""
        self._protocol.connection.credit(self._stream_id, length)
        self._protocol.flush_soon()

    def reset(self, code: ErrorCode) -> None:
        """End the stream at once, where it is still open."""
        self._protocol.reset_stream(self._stream_id, code)
