"""A gRPC server on asyncio's own sockets, with TLS by `ssl`."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from sectigo_vault_pki.vault_plugin.grpc.heads import Status, request_head
from sectigo_vault_pki.vault_plugin.grpc.protocol import Http2Protocol, StreamHandle
from sectigo_vault_pki.vault_plugin.grpc.server_call import ServerCall, refusal_block
from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderList, encode
from sectigo_vault_pki.vault_plugin.http2.limits import HANDSHAKE_SECONDS, MAX_HANDSHAKES
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode

_PAUSE_SECONDS = 1.0
"""After the process has run out of descriptors; asyncio's servers wait as long."""


class Listener:
    """One bound socket, with TLS or without."""

    def __init__(self, bound: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = bound
        self._tls = tls
        self._handshakes: dict[asyncio.Task[None], None] = {}  # oldest first
        self._pause: asyncio.TimerHandle | None = None

    def start(self, make: Callable[[], asyncio.Protocol], refused: Callable[[str], None]) -> None:
        """Accept connections, each with a new protocol; call `refused` if one fails before its protocol starts."""
        self._make = make
        self._refused = refused
        self._socket.settimeout(0)
        self._socket.listen()
        self._loop.add_reader(self._socket, self._accept)

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for handshake in self._handshakes:
            handshake.cancel()

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:  # no descriptors, or no memory
            self._refused(f"nothing can be accepted: {error.strerror}")
            self._loop.remove_reader(self._socket)
            self._pause = self._loop.call_later(_PAUSE_SECONDS, self._loop.add_reader, self._socket, self._accept)
            return
        connection.settimeout(0)
        if len(self._handshakes) >= MAX_HANDSHAKES:  # a healthy peer finishes its handshake long before this
            oldest = next(iter(self._handshakes))
            del self._handshakes[oldest]
            if oldest.cancel():  # if not, it has just ended
                self._refused("it was too slow to say who it is, for so many others")
        handshake = self._loop.create_task(self._welcome(connection))
        self._handshakes[handshake] = None
        handshake.add_done_callback(partial(self._forget, connection))

    def _forget(self, connection: socket.socket, handshake: asyncio.Task[None]) -> None:
        self._handshakes.pop(handshake, None)
        if handshake.cancelled():  # perhaps before it began
            connection.close()

    async def _welcome(self, connection: socket.socket) -> None:
        timeout = None if self._tls is None else HANDSHAKE_SECONDS
        try:
            await self._loop.connect_accepted_socket(
                self._make, connection, ssl=self._tls, ssl_handshake_timeout=timeout
            )
        except OSError as error:
            self._refused(_reason(error))
            connection.close()


def _reason(error: OSError) -> str:
    """Return what kept a TLS connection from coming about, in OpenSSL's words where it was OpenSSL."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not the expected one: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {(error.reason or 'the handshake failed').lower().replace('_', ' ')}"
    if isinstance(error, ConnectionAbortedError):
        return f"no TLS handshake within {HANDSHAKE_SECONDS:g} s"
    return "it ended within the TLS handshake"


if TYPE_CHECKING:
    from sectigo_vault_pki.vault_plugin.grpc.server_call import Handler

_log = logging.getLogger(__name__)

_UNWIND_SECONDS = 0.5
"""How long cancelled handlers may take to end."""


class _Standing(Enum):
    """What is known about the peer."""

    UNKNOWN = "no HTTP/2 preface yet"
    CLIENT = "it speaks HTTP/2"
    REFUSED = "nothing more is read from it"


class ServerConnection(Http2Protocol):
    """Starts a call for each request."""

    def __init__(self, server: "Server") -> None:
        super().__init__(client=False)
        self._server = server
        self._calls: dict[int, ServerCall] = {}
        self._over: set[int] = set()
        self._standing = _Standing.UNKNOWN
        self._silence: asyncio.TimerHandle | None = None

    # What the connection brings.

    def on_accepted(self) -> None:
        self._silence = self.loop.call_later(HANDSHAKE_SECONDS, self._refuse_connection, "it says nothing")
        self._server.on_accepted(self)

    def on_refused(self) -> None:
        self._standing = _Standing.REFUSED
        self._server.on_refused("it does not negotiate HTTP/2")

    def on_settings(self) -> None:
        if self._standing is _Standing.UNKNOWN:
            self._end_silence()
            if self._server.on_introduced(self):
                self._standing = _Standing.CLIENT
            else:
                self._standing = _Standing.REFUSED
                self.abort()

    def on_headers(self, stream_id: int, headers: HeaderList, *, end_stream: bool) -> None:
        if self._standing is not _Standing.CLIENT:
            return
        call = self._calls.get(stream_id)
        if call is not None:  # a client's trailers only end the request
            call.receive_end()
        elif stream_id not in self._over:
            self._begin(stream_id, headers, end_stream=end_stream)

    def on_data(self, stream_id: int, data: bytes, *, end_stream: bool) -> None:
        call = self._calls.get(stream_id)
        if call is None:
            self.connection.credit(stream_id, len(data))
        else:
            call.receive(data, end_stream=end_stream)

    def on_reset(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        del code, reason
        self._over.discard(stream_id)
        call = self._calls.pop(stream_id, None)
        if call is not None:
            call.abandon()

    def on_drained(self, stream_id: int) -> None:
        call = self._calls.get(stream_id)
        if call is not None:
            call.on_drained()
        elif stream_id in self._over:
            self._let_go(stream_id)

    def on_lost(self, reason: str) -> None:
        self._end_silence()
        if self._standing is _Standing.UNKNOWN or self.connection.failed:
            self._server.on_refused(reason)
        calls = list(self._calls.values())
        self._calls.clear()
        self._over.clear()
        for call in calls:
            call.abandon()
        self._server.on_lost(self)

    def _refuse_connection(self, reason: str) -> None:
        self._standing = _Standing.REFUSED
        self._server.on_refused(reason)
        self.abort()

    def _end_silence(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    # Calls.

    def _begin(self, stream_id: int, headers: HeaderList, *, end_stream: bool) -> None:
        head = request_head(headers)
        if head.http_refusal is not None:
            self.end_stream(stream_id, encode(((b":status", head.http_refusal),)))
            return
        handler = self._server.handlers.get(head.method)
        if head.refusal is not None or handler is None:
            status = head.refusal or Status(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
            self.end_stream(stream_id, refusal_block(status))
            return
        call = self._calls[stream_id] = ServerCall(
            StreamHandle(self, stream_id), handler, head, assembly=self.assembly, start_task=self._server.start_task
        )
        if end_stream:
            call.receive_end()

    def end_stream(self, stream_id: int, block: bytes) -> None:
        """End the stream; what the client still sends on it is not read."""
        self._calls.pop(stream_id, None)
        super().end_stream(stream_id, block)
        if self.connection.is_open(stream_id):
            if self.connection.holds_back(stream_id):
                self._over.add(stream_id)
            else:
                self._let_go(stream_id)

    def _let_go(self, stream_id: int) -> None:
        """End the client's half as well, once ours is on its way (RFC 9113 section 8.1)."""
        self._over.discard(stream_id)
        self.connection.reset(stream_id, ErrorCode.NO_ERROR)


def _log_refusal(reason: str) -> None:
    _log.warning("refused a connection", extra={"kv": {"reason": reason}})


def _ignore() -> None:
    """Do nothing."""


class Server:
    """What generated code needs of `grpc.aio.Server` to register servicers, and a life of its own.

    Handlers are coroutines, or async generators where the answer is a stream; they run on the loop.

    Attributes:
        handlers: by the methods' names on the wire.
    """

    def __init__(
        self,
        *,
        connected: Callable[[], None] = _ignore,
        disconnected: Callable[[], None] = _ignore,
        refused: Callable[[str], None] = _log_refusal,
        exclusive: bool = False,
    ) -> None:
        """Prepare.

        Args:
            connected: called once per client, after TLS and the HTTP/2 preface.
            disconnected: called when such a client's connection ends.
            refused: called with the reason when a connection fails or is refused.
            exclusive: whether there is one client at a time, and a second one is refused.
        """
        self.handlers: dict[str, Handler] = {}
        self._connected = connected
        self._disconnected = disconnected
        self._refused = refused
        self._exclusive = exclusive
        self._clients: set[ServerConnection] = set()
        self._listener: Listener | None = None
        self._connections: set[ServerConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[Any]) -> None:
        """Do nothing: generated code names the same handlers once more, by their methods."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: "Mapping[str, Handler]") -> None:
        """Take the handlers of a service.

        Raises:
            ValueError: one takes a stream and answers one message, which no service here does.
        """
        for name, handler in method_handlers.items():
            if handler.request_streaming and not handler.response_streaming:
                raise ValueError(f"{service_name}/{name} takes a stream and answers one message")
            self.handlers[f"/{service_name}/{name}"] = handler

    def start(self, path: Path, *, tls: ssl.SSLContext | None = None) -> None:
        """Listen on a unix socket; with TLS, a client has to negotiate `h2`."""
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(str(path))
        self._listener = Listener(bound, tls)
        self._listener.start(lambda: ServerConnection(self), self._refused)

    async def stop(self, grace: float) -> None:
        """Take no new calls; end the open ones after `grace` seconds, then every connection."""
        self._stopping = True
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        for connection in self._connections:
            connection.connection.go_away()
            connection.flush_soon()
        if grace and self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_UNWIND_SECONDS)
        await asyncio.gather(*(connection.wait_closed() for connection in self._connections))

    # For its connections.

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def on_accepted(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        if self._stopping:
            connection.close()

    def on_introduced(self, connection: ServerConnection) -> bool:
        """Return whether a client may go on after the HTTP/2 preface."""
        if self._exclusive and self._clients:
            self._refused("another client is connected")
            return False
        self._clients.add(connection)
        self._connected()
        return True

    def on_refused(self, reason: str) -> None:
        if not self._stopping:
            self._refused(reason)

    def on_lost(self, connection: ServerConnection) -> None:
        self._connections.discard(connection)
        if connection in self._clients:
            self._clients.discard(connection)
            self._disconnected()
