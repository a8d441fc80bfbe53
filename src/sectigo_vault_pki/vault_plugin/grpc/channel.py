"""A gRPC channel in grpcio's shape, on one event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import grpc

from sectigo_vault_pki.vault_plugin.grpc.client_call import ClientCall
from sectigo_vault_pki.vault_plugin.grpc.client_connection import ClientConnection
from sectigo_vault_pki.vault_plugin.grpc.multicallables import (
    StreamStreamMultiCallable,
    StreamUnaryMultiCallable,
    UnaryStreamMultiCallable,
    UnaryUnaryMultiCallable,
)
from sectigo_vault_pki.vault_plugin.grpc.request_head import CONTENT_TYPE
from sectigo_vault_pki.vault_plugin.grpc.status import Status
from sectigo_vault_pki.vault_plugin.http2.header_blocks import encode
from sectigo_vault_pki.vault_plugin.http2.limits import HANDSHAKE_SECONDS

Dial = Callable[[Callable[[], ClientConnection]], Awaitable[ClientConnection]]
"""Connects, makes the protocol by what it is given, and returns it."""

_USER_AGENT = b"vault-plugin-python"
_State = grpc.ChannelConnectivity


class Channel(grpc.aio.Channel):
    """`grpc.aio.Channel`; connects at the first call, and again at the first one after a connection was lost."""

    def __init__(self, dial: Dial, *, authority: str, scheme: str = "https") -> None:
        """Prepare; nothing is connected yet.

        Args:
            dial: see `Dial`; it raises OSError (`ssl.SSLError` is one) where there is no way.
            authority: `:authority` of every request.
            scheme: `:scheme` of every request.
        """
        self.loop = asyncio.get_running_loop()
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
        self._changed: asyncio.Future[None] = self.loop.create_future()

    # For calls.

    def start(self, call: ClientCall) -> None:
        """Send a call as soon as there is a connection.

        Raises:
            grpc.aio.UsageError: the channel is closed.
        """
        self.check_open()
        self._calls.add(call)
        connection = self._connection
        if connection is not None and connection.takes_calls:
            call.attach(connection)
            return
        self._waiting.append(call)
        self._connect()

    def check_open(self) -> None:
        if self._closed:
            raise grpc.aio.UsageError("Channel is closed.")

    def forget(self, call: ClientCall) -> None:
        self._calls.discard(call)

    def head(self, method: str) -> bytes:
        """Return the header block that all calls of a method begin with."""
        return encode(
            (
                *self._common,
                (b":path", method.encode("ascii")),
                (b"te", b"trailers"),
                (b"content-type", CONTENT_TYPE),
                (b"user-agent", _USER_AGENT),
            )
        )

    # For the application.

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: Any = None,
    ) -> UnaryUnaryMultiCallable:
        return UnaryUnaryMultiCallable(self, method, request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: Any = None,
    ) -> UnaryStreamMultiCallable:
        return UnaryStreamMultiCallable(self, method, request_serializer, response_deserializer)

    def stream_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: Any = None,
    ) -> StreamUnaryMultiCallable:
        return StreamUnaryMultiCallable(self, method, request_serializer, response_deserializer)

    def stream_stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: Any = None,
    ) -> StreamStreamMultiCallable:
        return StreamStreamMultiCallable(self, method, request_serializer, response_deserializer)

    async def close(self, grace: float | None = None) -> None:
        """Cancel what is running after `grace` seconds, and end the connection."""
        self._closed = True
        if grace and self._calls:
            await asyncio.wait([asyncio.ensure_future(call.code()) for call in self._calls], timeout=grace)
        for call in list(self._calls):
            call.cancel()
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
            await asyncio.wait([connecting])
        connections = {*self._retiring, *filter(None, (self._connection,))}
        for connection in connections:
            connection.connection.go_away()
            connection.close()
        self._tell_change()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002  grpcio's
        if self._closed:
            return _State.SHUTDOWN
        if self._connection is not None and self._connection.takes_calls:
            return _State.READY
        if try_to_connect:
            self._connect()
        return _State.IDLE if self._connecting is None else _State.CONNECTING

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        while self.get_state() is last_observed_state:
            await asyncio.shield(self._changed)

    async def channel_ready(self) -> None:
        while (state := self.get_state(try_to_connect=True)) is not _State.READY:
            self.check_open()
            await self.wait_for_state_change(state)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> None:
        await self.close()

    # Connections.

    def _connect(self) -> None:
        if self._connecting is None:
            self._connecting = self.loop.create_task(self._make_connection())
            self._tell_change()

    async def _make_connection(self) -> None:
        connection: ClientConnection | None = None
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                connection = await self._dial(ClientConnection)
                failure = await connection.ready
            if failure is None and not connection.takes_calls:  # it was lost, or said GOAWAY at once
                failure = ConnectionError("the server does not take calls")
            if failure is not None:
                raise failure
        except (OSError, ValueError, OverflowError) as error:  # the last two: an address that is none
            self._give_up(error)
            if connection is not None:
                connection.abort()
        except asyncio.CancelledError:
            if connection is not None:
                connection.abort()
            raise
        else:
            self._use(connection)
        finally:
            self._connecting = None
            self._tell_change()

    def _use(self, connection: ClientConnection) -> None:
        previous, self._connection = self._connection, connection
        if previous is not None and previous.is_connected:
            self._retiring = {retiring for retiring in self._retiring if retiring.is_connected} | {previous}
            previous.retire()
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            if not call.done():
                call.attach(connection)

    def _give_up(self, error: OSError | ValueError | OverflowError) -> None:
        waiting, self._waiting = self._waiting, []
        reason = getattr(error, "strerror", None) or str(error) or "no reason given"
        text = f"failed to connect to the server: {reason}"
        for call in waiting:
            call.finish(Status(grpc.StatusCode.UNAVAILABLE, text))

    def _tell_change(self) -> None:
        changed, self._changed = self._changed, self.loop.create_future()
        changed.set_result(None)
