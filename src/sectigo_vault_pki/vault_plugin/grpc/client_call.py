"""One call of a client's: what it sends, what it takes, how it ends."""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc

from sectigo_vault_pki.vault_plugin.grpc.inbox import Inbox
from sectigo_vault_pki.vault_plugin.grpc.messages import MessageReader, prefixed
from sectigo_vault_pki.vault_plugin.grpc.metadata import Metadata
from sectigo_vault_pki.vault_plugin.grpc.response_head import ResponseHead
from sectigo_vault_pki.vault_plugin.grpc.status import CallProblem, Status
from sectigo_vault_pki.vault_plugin.grpc.timeout import encode_timeout
from sectigo_vault_pki.vault_plugin.http2.header_blocks import Fields, encode
from sectigo_vault_pki.vault_plugin.http2.limits import MAX_ASSEMBLED_BYTES
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode

if TYPE_CHECKING:
    from sectigo_vault_pki.vault_plugin.grpc.channel import Channel
    from sectigo_vault_pki.vault_plugin.grpc.client_connection import ClientConnection

_log = logging.getLogger(__name__)

Requests = AsyncIterable[Any] | Iterable[Any]

_CANCELLED = Status(grpc.StatusCode.CANCELLED, "Locally cancelled by application!")


class Method(NamedTuple):
    """What all calls of one multicallable share.

    Attributes:
        block: the header block without timeout and metadata.
    """

    block: bytes
    serialize: Callable[[Any], bytes] | None
    deserialize: Callable[[bytes], Any] | None


class ClientCall(grpc.aio.Call):
    """A call from its start to its status; its shape (`call_shapes`) says what may be done meanwhile.

    Attributes:
        stream_id: None until the server has a place for it.
    """

    _request: bytes | None = None
    _retried = False
    _inbox: Inbox | None = None
    _response: Any = None
    _writer: asyncio.Task[None] | None = None
    _initial_metadata: Metadata | None = None
    _trailing_metadata: Metadata = ()
    _callbacks: tuple[Callable[[Any], None], ...] = ()

    def __init__(self, channel: "Channel", method: Method, *, timeout: float | None, metadata: Fields) -> None:
        self.stream_id: int | None = None
        self.loop = channel.loop
        self._channel = channel
        self._method = method
        self._metadata = metadata
        self._connection: ClientConnection | None = None
        self._reader = MessageReader()
        self._status: Status | None = None
        self._requests_ended = False
        self._waiters: list[asyncio.Future[None]] = []
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        if timeout is not None:
            self._deadline = self.loop.time() + timeout
            self._timer = self.loop.call_at(self._deadline, self._expire)

    # For the application.

    def cancel(self) -> bool:
        if self._status is not None:
            return False
        self.finish(_CANCELLED)
        return True

    def cancelled(self) -> bool:
        return self._status is not None and self._status.code is grpc.StatusCode.CANCELLED

    def done(self) -> bool:
        return self._status is not None

    def time_remaining(self) -> float | None:
        return None if self._deadline is None else max(self._deadline - self.loop.time(), 0.0)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        if self._status is not None:
            callback(self)
        else:
            self._callbacks += (callback,)

    async def initial_metadata(self) -> grpc.aio.Metadata:
        await self._until(lambda: self._initial_metadata is not None)
        return grpc.aio.Metadata(*(self._initial_metadata or ()))

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        await self._finished()
        return grpc.aio.Metadata(*self._trailing_metadata)

    async def code(self) -> grpc.StatusCode:
        return (await self._finished()).code

    async def details(self) -> str:
        return (await self._finished()).details

    async def wait_for_connection(self) -> None:
        await self._until(self._is_open)
        if self._status is not None:
            self._raise_unless_ok(self._status)

    # For the connection.

    def attach(self, connection: "ClientConnection") -> None:
        self._connection = connection
        connection.begin(self)

    def head_block(self) -> bytes:
        """Return the request's header block; the time that is left is the one that counts."""
        block = self._method.block
        if self._deadline is not None:
            left = encode_timeout(self._deadline - self.loop.time())
            block += encode(((b"grpc-timeout", left),))
        if self._metadata:
            block += encode(self._metadata)
        return block

    def on_open(self) -> None:
        """The stream is there."""
        if self._request is not None:
            self._send(self._request, end=True)
        self._wake()

    def unprocessed(self, status: Status) -> None:
        """The server has seen nothing of the call (RFC 9113 sections 6.8 and 8.7): try once more, or end."""
        if self._status is not None:
            return
        if self._request is None or self._retried:
            self.finish(status)
            return
        self._retried = True
        self.stream_id = None
        self._connection = None
        self._channel.start(self)

    def on_drained(self) -> None:
        self._wake()

    def receive_head(self, head: ResponseHead, *, end_stream: bool) -> None:
        """Take headers, trailers, or both in one."""
        self._request = None  # not needed for a second time
        if head.problem is not None:
            self.finish(head.problem)
        elif end_stream:
            self._trailing_metadata = head.metadata
            self._end(head.status)
        else:
            self._initial_metadata = head.metadata
            self._wake()

    def receive(self, data: bytes, *, end_stream: bool) -> None:
        """Take a piece of the answer's body."""
        try:
            messages = self._assemble(data)
            self._take(messages, length=len(data))
        except CallProblem as problem:
            self.finish(problem.status)
            return
        if end_stream:
            self._end(None)

    def finish(self, status: Status) -> None:
        """End the call, and its stream where that is still open."""
        if self._status is not None:
            return
        self._status = status
        connection = self._connection
        if connection is not None:
            connection.assembled_bytes -= len(self._reader.kept)
            connection.end(self, ErrorCode.CANCEL)
        self._channel.forget(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._inbox is not None:
            self._inbox.end()
        if self._writer is not None:
            self._writer.cancel()
        self._wake()
        for callback in self._callbacks:
            callback(self)

    def _end(self, status: Status | None) -> None:
        if status is None:
            status = Status(grpc.StatusCode.UNKNOWN, "the answer has no status")
        elif self._reader.kept and status.code is grpc.StatusCode.OK:
            status = Status(grpc.StatusCode.INTERNAL, "the answer ends within a message")
        elif self._inbox is None and status.code is grpc.StatusCode.OK and self._response is None:
            status = Status(grpc.StatusCode.INTERNAL, "an answer of one message was expected")
        self.finish(status)

    def _assemble(self, data: bytes) -> list[bytes]:
        connection = self._connection
        assert connection is not None  # noqa: S101  data comes from one
        before = len(self._reader.kept)
        try:
            return self._reader.read(data)
        finally:
            connection.assembled_bytes += len(self._reader.kept) - before
            if connection.assembled_bytes > MAX_ASSEMBLED_BYTES:
                self.finish(Status(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much of too many answers at once"))

    def _take(self, messages: list[bytes], *, length: int) -> None:
        if self._inbox is not None:
            self._inbox.put(messages, length=length)
            return
        if messages:
            if len(messages) > 1 or self._response is not None:
                raise CallProblem(grpc.StatusCode.INTERNAL, "an answer of one message was expected")
            self._response = _Undecoded(messages[0])
        self._credit(length)

    def _credit(self, length: int) -> None:
        if self._connection is not None and self.stream_id is not None:
            self._connection.connection.credit(self.stream_id, length)
            self._connection.flush_soon()

    def _expire(self) -> None:
        self.finish(Status(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))

    # For the shapes.

    def send_unary(self, message: Any) -> None:
        """Have this sent as the whole request."""
        self._request = self._prefixed(message)

    def send_stream(self, requests: Requests | None) -> None:
        """Have these sent as they come, or what `write` is given."""
        if requests is not None:
            self._writer = self.loop.create_task(self._write_all(requests))

    def expect_stream(self) -> None:
        self._inbox = Inbox(self._credit)

    async def write(self, request: Any) -> None:
        """Send one message; return when there is room for the next."""
        await self._until(self._is_open)
        if self._status is not None:
            self._raise_unless_ok(self._status)
        if self._status is not None or self._requests_ended:
            raise asyncio.InvalidStateError("the request has ended")
        self._send(self._prefixed(request), end=False)
        await self._until(self._has_room)

    async def done_writing(self) -> None:
        """Say that the request has ended."""
        await self._until(self._is_open)
        if self._status is None and not self._requests_ended:
            self._send(b"", end=True)

    async def read(self) -> Any:
        """Return the next message of the answer, or `grpc.aio.EOF` after the last."""
        message = await self._next_message()
        return grpc.aio.EOF if message is None else message[0]

    async def messages(self) -> AsyncIterator[Any]:
        """Yield the messages of the answer."""
        while (message := await self._next_message()) is not None:
            yield message[0]

    async def response(self) -> Any:
        """Return the only message of the answer.

        Raises:
            grpc.aio.AioRpcError: there is none.
            asyncio.CancelledError: the call was cancelled on this side.
        """
        try:
            status = await self._finished()
        except asyncio.CancelledError:
            self.cancel()
            raise
        self._raise_unless_ok(status)
        if isinstance(self._response, _Undecoded):
            self._response = self._deserialized(self._response.data)
        return self._response

    async def _next_message(self) -> tuple[Any] | None:
        assert self._inbox is not None  # noqa: S101  only streaming shapes read
        try:
            message = await self._inbox.get()
        except asyncio.CancelledError:
            self.cancel()
            raise
        if message is not None:
            return (self._deserialized(message),)
        self._raise_unless_ok(await self._finished())
        return None

    async def _write_all(self, requests: Requests) -> None:
        try:
            if isinstance(requests, AsyncIterable):
                async for request in requests:
                    await self.write(request)
            else:
                for request in requests:
                    await self.write(request)
            await self.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # the call has ended; its status says how
        except Exception:  # noqa: BLE001  whatever the application raises
            _log.exception("the requests of a call ended with an error")
            self.cancel()

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Return when that has come true, or the call has ended."""
        while self._status is None and not condition():
            waiter = self.loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _is_open(self) -> bool:
        return self.stream_id is not None

    def _has_room(self) -> bool:
        connection, stream_id = self._connection, self.stream_id
        return connection is None or stream_id is None or not connection.connection.holds_back(stream_id)

    async def _finished(self) -> Status:
        while self._status is None:
            waiter = self.loop.create_future()
            self._waiters.append(waiter)
            await waiter
        return self._status

    def _send(self, data: bytes, *, end: bool) -> None:
        assert self._connection is not None  # noqa: S101  it is open
        assert self.stream_id is not None  # noqa: S101  the same
        self._requests_ended = end
        self._connection.connection.send_data(self.stream_id, data, end_stream=end)
        self._connection.flush_soon()

    def _prefixed(self, message: Any) -> bytes:
        serialize = self._method.serialize
        data: bytes = message if serialize is None else serialize(message)
        return prefixed(data)

    def _deserialized(self, message: bytes) -> Any:
        deserialize = self._method.deserialize
        try:
            return message if deserialize is None else deserialize(message)
        except Exception:  # noqa: BLE001  whatever a deserializer raises, the bytes are at fault
            raise _error(Status(grpc.StatusCode.INTERNAL, "the answer cannot be deserialized")) from None

    def _raise_unless_ok(self, status: Status) -> None:
        if status is _CANCELLED:
            raise asyncio.CancelledError
        if status.code is not grpc.StatusCode.OK:
            raise _error(status, self._initial_metadata or (), self._trailing_metadata)


class _Undecoded(NamedTuple):
    data: bytes


def _error(status: Status, initial: Metadata = (), trailing: Metadata = ()) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        status.code, grpc.aio.Metadata(*initial), grpc.aio.Metadata(*trailing), details=status.details
    )
