"""A gRPC channel in grpcio's shape, for calls of one message each way, on one event loop."""

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import grpc

from sectigo_vault_pki.vault_plugin.grpc.client_call import ClientCall, rpc_error
from sectigo_vault_pki.vault_plugin.grpc.heads import CONTENT_TYPE, Status, response_head, status_of_reset
from sectigo_vault_pki.vault_plugin.grpc.messages import prefixed
from sectigo_vault_pki.vault_plugin.grpc.protocol import Http2Protocol, StreamHandle
from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderList, encode
from sectigo_vault_pki.vault_plugin.http2.limits import HANDSHAKE_SECONDS
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode

_USER_AGENT = b"vault-plugin-python"


class ClientConnection(Http2Protocol):
    """Sends calls, as many at a time as the server takes.

    Args:
        again: sends a call that the server has not processed on another connection.

    Attributes:
        ready: done when the server's settings arrived, or with the reason why they never will.
    """

    def __init__(self, again: Callable[[ClientCall], None]) -> None:
        super().__init__(client=True)
        self.ready: asyncio.Future[ConnectionError | None] = self.loop.create_future()
        self._again = again
        self._calls: dict[int, ClientCall] = {}
        self._queue: deque[ClientCall] = deque()
        self._retired = False

    @property
    def takes_calls(self) -> bool:
        return self.is_connected and not self._retired and not self.connection.used_up

    def begin(self, call: ClientCall) -> None:
        """Send a call, now or in its turn."""
        if self._queue or not self.connection.may_open:
            self._queue.append(call)
        else:
            self._open(call)

    def retire(self) -> None:
        """Take no new calls; close after the last one."""
        self._retired = True
        self._close_if_idle()

    # What the connection brings, and what calls do.

    def on_refused(self) -> None:
        self._refuse(ConnectionError("the server does not negotiate HTTP/2"))

    def on_settings(self) -> None:
        if not self.ready.done():
            self.ready.set_result(None)
        self._next()

    def on_headers(self, stream_id: int, headers: HeaderList, *, end_stream: bool) -> None:
        call = self._calls.get(stream_id)
        if call is not None:
            call.receive_head(response_head(headers), end_stream=end_stream)

    def on_data(self, stream_id: int, data: bytes, *, end_stream: bool) -> None:
        call = self._calls.get(stream_id)
        if call is None:
            self.connection.credit(stream_id, len(data))
        else:
            call.receive(data, end_stream=end_stream)

    def on_reset(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        call = self._calls.pop(stream_id, None)
        if call is None:
            return
        status = status_of_reset(code, reason)
        if code is not ErrorCode.REFUSED_STREAM:
            call.fail(status)
        elif call.is_unseen(status):
            self._again(call)

    def on_drained(self, stream_id: int) -> None:
        """Nothing waits for this: a request is sent whole."""

    def on_go_away(self, last_stream_id: int, code: ErrorCode) -> None:
        self._retired = True
        unseen = [self._calls.pop(stream_id) for stream_id in list(self._calls) if stream_id > last_stream_id]
        self._send_elsewhere([*unseen, *self._queue], f"the server ends the connection ({code.name})")
        self._close_if_idle()

    def on_lost(self, reason: str) -> None:
        calls = [*self._calls.values(), *self._queue]
        self._queue.clear()
        for call in calls:
            call.fail(Status(grpc.StatusCode.UNAVAILABLE, reason))
        self._refuse(ConnectionError(reason))

    def reset_stream(self, stream_id: int, code: ErrorCode) -> None:
        self._calls.pop(stream_id, None)
        super().reset_stream(stream_id, code)
        self._next()

    def _refuse(self, error: ConnectionError) -> None:
        if not self.ready.done():
            self.ready.set_result(error)

    def _open(self, call: ClientCall) -> None:
        stream_id = self.connection.open_stream(call.head_block())
        self._calls[stream_id] = call
        call.on_open(StreamHandle(self, stream_id), self.assembly)

    def _next(self) -> None:
        if self.connection.used_up and not self._retired:
            self._retired = True
            self._send_elsewhere(list(self._queue), "the connection has no more streams")
        while self._queue and self.connection.may_open:
            call = self._queue.popleft()
            if not call.answer.done():
                self._open(call)
        self._close_if_idle()

    def _send_elsewhere(self, calls: list[ClientCall], text: str) -> None:
        self._queue.clear()
        for call in calls:
            if call.is_unseen(Status(grpc.StatusCode.UNAVAILABLE, text)):
                self._again(call)

    def _close_if_idle(self) -> None:
        if self._retired and not self._calls and not self._queue:
            self.close()


Dial = Callable[[Callable[[], ClientConnection]], Awaitable[ClientConnection]]
"""Connects, makes the protocol by what it is given, and returns it."""


def unix_dial(path: str, *, tls: ssl.SSLContext | None = None, server_name: str | None = None) -> Dial:
    """Return the way to a unix socket; with TLS, `server_name` is what the certificate has to be for."""

    async def dial(make: Callable[[], ClientConnection]) -> ClientConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(make, path, ssl=tls, server_hostname=server_name)
        return connection

    return dial


def tcp_dial(host: str, port: int, *, tls: ssl.SSLContext | None = None, server_name: str | None = None) -> Dial:
    """Return the way to a TCP port; with TLS, `server_name` is what the certificate has to be for."""

    async def dial(make: Callable[[], ClientConnection]) -> ClientConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(make, host, port, ssl=tls, server_hostname=server_name)
        return connection

    return dial


class Channel:
    """What a generated stub needs of `grpc.aio.Channel` for calls of one message each way.

    It connects at the first call, and again at the first one after a connection was lost.
    """

    def __init__(self, dial: Dial, *, authority: str, scheme: str = "https") -> None:
        """Prepare; nothing is connected yet.

        Args:
            dial: see `Dial`; it raises OSError (`ssl.SSLError` is one) where there is no way.
            authority: `:authority` of every request.
            scheme: `:scheme` of every request.
        """
        self._loop = asyncio.get_running_loop()
        self._dial = dial
        self._common = (
            (b":method", b"POST"),
            (b":scheme", scheme.encode("ascii")),
            (b":authority", authority.encode("ascii")),
        )
        self._connection: ClientConnection | None = None
        self._retiring: set[ClientConnection] = set()
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: list[ClientCall] = []
        self._calls: set[ClientCall] = set()
        self._closed = False

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] = bytes,
        response_deserializer: Callable[[bytes], Any] = bytes,
        _registered_method: Any = None,
    ) -> Callable[..., Awaitable[Any]]:
        """Return what calls a method: `await call(request, timeout=seconds)`.

        A call raises `grpc.aio.AioRpcError` where the server answers an error or nothing, `grpc.aio.UsageError` on a
        closed channel, and `asyncio.CancelledError` where the channel is closed meanwhile.
        """
        head = encode(
            (
                *self._common,
                (b":path", method.encode("ascii")),
                (b"te", b"trailers"),
                (b"content-type", CONTENT_TYPE),
                (b"user-agent", _USER_AGENT),
            )
        )

        async def call(request: Any, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109  grpcio's signature
            answer = await self._answer(head, prefixed(request_serializer(request)), timeout)
            try:
                return response_deserializer(answer)
            except Exception:  # noqa: BLE001  whatever a deserializer raises, the bytes are at fault
                raise rpc_error(Status(grpc.StatusCode.INTERNAL, "the answer cannot be deserialized")) from None

        return call

    async def close(self) -> None:
        """Cancel what is running, and end the connection."""
        self._closed = True
        for call in list(self._calls):
            call.close()
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
            await asyncio.wait([connecting])
        connections = {*self._retiring, *filter(None, (self._connection,))}
        for connection in connections:
            connection.connection.go_away()
            connection.close()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def _answer(self, head: bytes, request: bytes, seconds: float | None) -> bytes:
        if self._closed:
            raise grpc.aio.UsageError("Channel is closed.")
        call = ClientCall(head, request, timeout=seconds)
        self._calls.add(call)
        try:
            self._start(call)
            return await call.answer
        finally:
            self._calls.discard(call)
            call.close()
            del call  # the traceback of its error holds this frame: both would stay until garbage is collected

    def _start(self, call: ClientCall) -> None:
        """Send a call as soon as there is a connection."""
        connection = self._connection
        if connection is not None and connection.takes_calls:
            connection.begin(call)
            return
        self._waiting.append(call)
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        failure = None
        try:
            connection = await self._new_connection()
        except (OSError, ValueError, OverflowError) as error:  # the last two: an address that is none
            failure = error
        finally:
            self._connecting = None
        if failure is None:
            self._use(connection)
        else:
            self._give_up(failure)

    async def _new_connection(self) -> ClientConnection:
        connection: ClientConnection | None = None
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                connection = await self._dial(lambda: ClientConnection(self._start))
                failure = await connection.ready
        except BaseException:
            if connection is not None:
                connection.abort()
            raise
        if failure is None and not connection.takes_calls:  # it was lost, or GOAWAY came at once
            failure = ConnectionError("the server does not take calls")
        if failure is not None:
            connection.abort()
            raise failure
        return connection

    def _use(self, connection: ClientConnection) -> None:
        previous, self._connection = self._connection, connection
        if previous is not None and previous.is_connected:
            self._retiring = {retiring for retiring in self._retiring if retiring.is_connected} | {previous}
            previous.retire()
        for call in self._taken():
            self._start(call)

    def _give_up(self, error: OSError | ValueError | OverflowError) -> None:
        reason = getattr(error, "strerror", None) or str(error) or "no reason given"
        for call in self._taken():
            call.fail(Status(grpc.StatusCode.UNAVAILABLE, f"failed to connect to the server: {reason}"))

    def _taken(self) -> list[ClientCall]:
        waiting, self._waiting = self._waiting, []
        return [call for call in waiting if not call.answer.done()]
