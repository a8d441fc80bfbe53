"""One call at a server: from its request to its status."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc

from sectigo_vault_pki.vault_plugin.grpc.inbox import Inbox
from sectigo_vault_pki.vault_plugin.grpc.messages import MessageReader, prefixed
from sectigo_vault_pki.vault_plugin.grpc.request_head import RequestHead
from sectigo_vault_pki.vault_plugin.grpc.servicer_context import ServicerContext
from sectigo_vault_pki.vault_plugin.grpc.status import CallProblem, Status
from sectigo_vault_pki.vault_plugin.http2.limits import MAX_ASSEMBLED_BYTES

if TYPE_CHECKING:
    from sectigo_vault_pki.vault_plugin.grpc.server_connection import ServerConnection

    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]

_log = logging.getLogger(__name__)


class ServerCall:
    """Collects the request, runs the handler, sends its answer.

    Attributes:
        head: what was asked for.
        task: runs the handler, once there is enough of a request for it.
        deadline: when the client gives up, in the loop's time, or None.
        over: whether nothing can be sent any more.
    """

    __slots__ = (
        "_connection",
        "_drained",
        "_expired",
        "_handler",
        "_headers_sent",
        "_inbox",
        "_messages",
        "_reader",
        "_timer",
        "context",
        "deadline",
        "head",
        "over",
        "stream_id",
        "task",
    )

    def __init__(self, connection: "ServerConnection", stream_id: int, handler: "Handler", head: RequestHead) -> None:
        self.head = head
        self.stream_id = stream_id
        self.task: asyncio.Task[None] | None = None
        self.deadline: float | None = None
        self.over = False
        self.context = ServicerContext(self)
        self._connection = connection
        self._handler = handler
        self._reader = MessageReader()
        self._messages: list[bytes] = []
        self._inbox: Inbox | None = None
        self._headers_sent = False
        self._drained: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False

    # What the client sends.

    def begin(self) -> None:
        if self.head.timeout is not None:
            loop = self._connection.loop
            self.deadline = loop.time() + self.head.timeout
            self._timer = loop.call_at(self.deadline, self._expire)
        if self._handler.request_streaming:
            self._inbox = Inbox(self._credit)
            self._connection.start_task(self)

    def receive(self, data: bytes, *, end_stream: bool) -> None:
        try:
            messages = self._assemble(data)
        except CallProblem as problem:
            self._fail(problem.status)
            return
        if self._inbox is not None:
            self._inbox.put(messages, length=len(data))
        else:
            self._messages += messages
            self._credit(len(data))
        if end_stream:
            self.receive_end()

    def receive_end(self) -> None:
        """The client has said all."""
        if self._reader.kept:
            self._fail(Status(grpc.StatusCode.INTERNAL, "the request ends within a message"))
        elif self._inbox is not None:
            self._inbox.end()
        elif len(self._messages) == 1:
            self._connection.start_task(self)
        else:
            self._fail(Status(grpc.StatusCode.UNIMPLEMENTED, "a request of one message was expected"))

    def abandon(self) -> None:
        """The client is gone: end the handler, and send nothing."""
        self._end()
        if self.task is not None:
            self.task.cancel()

    def on_drained(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _assemble(self, data: bytes) -> list[bytes]:
        connection = self._connection
        before = len(self._reader.kept)
        try:
            messages = self._reader.read(data)
        finally:
            connection.assembled_bytes += len(self._reader.kept) - before
        if connection.assembled_bytes > MAX_ASSEMBLED_BYTES:
            raise CallProblem(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much of too many requests at once")
        return messages

    def _credit(self, length: int) -> None:
        self._connection.connection.credit(self.stream_id, length)
        self._connection.flush_soon()

    def _expire(self) -> None:
        self._expired = True
        if self.task is None:
            self._fail(_DEADLINE_EXCEEDED)
        else:
            self.task.cancel()

    # What the handler answers.

    async def run(self) -> None:
        """Run the handler to its end, and send the status that it ends with."""
        try:
            self._finish(await self._handle())
        except grpc.aio.AbortError:
            self._finish(self.context.status(otherwise=grpc.StatusCode.UNKNOWN))
        except CallProblem as problem:
            self._finish(problem.status)
        except asyncio.CancelledError:
            self._finish(_DEADLINE_EXCEEDED if self._expired else Status(grpc.StatusCode.CANCELLED))
            raise
        except Exception:  # noqa: BLE001  logged, and hidden from the client
            if self.context.code() is grpc.StatusCode.OK:
                _log.exception("a handler failed", extra={"kv": {"method": self.head.method}})
                self.context.set_details("internal error of the server")
            self._finish(self.context.status(otherwise=grpc.StatusCode.UNKNOWN))
        finally:
            # It knows the call: both would stay, with the request, until garbage is collected.
            del self.context

    async def read(self) -> bytes | None:
        """Return the next message of a request, or None after the last."""
        if self._inbox is not None:
            return await self._inbox.get()
        return self._messages.pop() if self._messages else None

    def send_initial_metadata(self) -> None:
        if not self._headers_sent and not self.over:
            self._headers_sent = True
            self._connection.send_headers(self.stream_id, self.context.initial_fields)
            self._connection.flush_soon()

    async def write(self, message: Any) -> None:
        """Send one message; return when there is room for the next."""
        data = prefixed(_serialized(message, self._handler.response_serializer))
        self._send(data)
        self._connection.flush_soon()
        if not self.over and self._connection.connection.holds_back(self.stream_id):
            self._drained = self._connection.loop.create_future()
            await self._drained

    async def _handle(self) -> Status:
        context, handler = self.context, self._handler
        request: Any = _Requests(self) if handler.request_streaming else self.deserialized(self._messages.pop())
        behaviour: Any = _behaviour(handler)
        answer = behaviour(request, context)
        if hasattr(answer, "__aiter__"):
            async for message in answer:
                await self.write(message)
        else:
            if isinstance(answer, Awaitable):
                answer = await answer
            if not handler.response_streaming and context.code() is grpc.StatusCode.OK:
                self._send(prefixed(_serialized(answer, handler.response_serializer)))
        return context.status(otherwise=grpc.StatusCode.OK)

    def deserialized(self, message: bytes) -> Any:
        """Return a message of the request's.

        Raises:
            CallProblem: it is none.
        """
        deserialize = self._handler.request_deserializer
        if deserialize is None:
            return message
        try:
            return deserialize(message)
        except Exception:  # noqa: BLE001  whatever a deserializer raises, the bytes are at fault
            raise CallProblem(grpc.StatusCode.INTERNAL, "the request cannot be deserialized") from None

    def _send(self, data: bytes) -> None:
        if self.over:
            return
        self.send_initial_metadata()
        self._connection.connection.send_data(self.stream_id, data)

    def _fail(self, status: Status) -> None:
        """End the call from outside of its handler."""
        self._finish(status)
        if self.task is not None:
            self.task.cancel()

    def _finish(self, status: Status) -> None:
        if self.over:
            return
        self._end()
        if self._headers_sent:
            self._connection.send_trailers(self.stream_id, status, self.context.trailing_fields)
        else:
            self._connection.refuse(
                self.stream_id, status, (*self.context.initial_fields, *self.context.trailing_fields)
            )

    def _end(self) -> None:
        self.over = True
        self._connection.assembled_bytes -= len(self._reader.kept)
        if self._timer is not None:
            self._timer.cancel()
        self.on_drained()
        self.context.tell_done()

    @property
    def connection(self) -> "ServerConnection":
        return self._connection


class _Requests:
    """The messages of a streaming request."""

    def __init__(self, call: ServerCall) -> None:
        self._call = call

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        message = await self._call.read()
        if message is None:
            raise StopAsyncIteration
        return self._call.deserialized(message)


_DEADLINE_EXCEEDED = Status(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")


def _behaviour(handler: "Handler") -> Any:
    if handler.request_streaming:
        return handler.stream_stream if handler.response_streaming else handler.stream_unary
    return handler.unary_stream if handler.response_streaming else handler.unary_unary


def _serialized(message: Any, serialize: Any) -> bytes:
    data: bytes = message if serialize is None else serialize(message)
    return data
