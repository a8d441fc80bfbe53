"""One call at a server: from its request to its status."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import grpc

from sectigo_vault_pki.vault_plugin.grpc.heads import (
    CONTENT_TYPE,
    NUMBERS,
    OK,
    CallProblem,
    Metadata,
    RequestHead,
    Status,
    encode_message,
)
from sectigo_vault_pki.vault_plugin.grpc.messages import Assembly, Inbox, MessageReader, prefixed
from sectigo_vault_pki.vault_plugin.grpc.protocol import StreamHandle
from sectigo_vault_pki.vault_plugin.http2.header_blocks import Fields, encode

if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]

_log = logging.getLogger(__name__)

_RESPONSE_FIELDS = ((b":status", b"200"), (b"content-type", CONTENT_TYPE))
_RESPONSE_BLOCK = encode(_RESPONSE_FIELDS)
_OK_TRAILERS_BLOCK = encode(((b"grpc-status", b"0"),))
_DEADLINE_EXCEEDED = Status(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")


class ServerCall:
    """Collects the request, runs the handler, sends its answer.

    To the handler it is the context: as much of `grpc.aio.ServicerContext` as services here use.
    """

    __slots__ = (
        "_deadline",
        "_drained",
        "_expired",
        "_handler",
        "_head",
        "_headers_sent",
        "_inbox",
        "_messages",
        "_over",
        "_reader",
        "_start_task",
        "_stream",
        "_task",
        "_timer",
    )

    def __init__(
        self,
        stream: StreamHandle,
        handler: "Handler",
        head: RequestHead,
        *,
        assembly: Assembly,
        start_task: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        """Begin a call.

        Args:
            stream: what it is on.
            handler: what answers it.
            head: what was asked for.
            assembly: what the connection keeps of messages that are not complete.
            start_task: runs the handler, once there is enough of a request for it.
        """
        self._stream = stream
        self._handler = handler
        self._head = head
        self._start_task = start_task
        self._task: asyncio.Task[None] | None = None
        self._reader = MessageReader(assembly)
        self._messages: list[bytes] = []
        self._inbox: Inbox | None = None
        self._over = False
        self._headers_sent = False
        self._drained: asyncio.Future[None] | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False
        if head.timeout is not None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.time() + head.timeout
            self._timer = loop.call_at(self._deadline, self._expire)
        if handler.request_streaming:
            self._inbox = Inbox(stream.credit)
            self._task = start_task(self._run())

    # For the handler.

    def invocation_metadata(self) -> Metadata:
        return self._head.metadata

    def time_remaining(self) -> float | None:
        """Return the seconds until the client gives up, or None where it has set no time."""
        return None if self._deadline is None else max(self._deadline - asyncio.get_running_loop().time(), 0.0)

    async def abort(self, code: grpc.StatusCode, details: str = "") -> NoReturn:
        """End the call with an error."""
        raise CallProblem(code, details)

    # What the client sends.

    def receive(self, data: bytes, *, end_stream: bool) -> None:
        try:
            messages = self._reader.read(data)
        except CallProblem as problem:
            self._fail(problem.status)
            return
        if self._inbox is not None:
            self._inbox.put(messages, length=len(data))
        else:
            self._messages += messages
            self._stream.credit(len(data))
        if end_stream:
            self.receive_end()

    def receive_end(self) -> None:
        """The request is complete."""
        if self._reader.kept:
            self._fail(Status(grpc.StatusCode.INTERNAL, "the request ends within a message"))
        elif self._inbox is not None:
            self._inbox.end()
        elif len(self._messages) == 1:
            self._task = self._start_task(self._run())
        else:
            self._fail(Status(grpc.StatusCode.UNIMPLEMENTED, "a request of one message was expected"))

    def abandon(self) -> None:
        """The client is gone: cancel the handler, and send nothing."""
        self._end()
        if self._task is not None:
            self._task.cancel()

    def on_drained(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _expire(self) -> None:
        self._expired = True
        if self._task is None:
            self._fail(_DEADLINE_EXCEEDED)
        else:
            self._task.cancel()

    # What the handler answers.

    async def _run(self) -> None:
        """Run the handler to its end, and send the status that it ends with."""
        try:
            await self._handle()
        except CallProblem as problem:
            self._finish(problem.status)
        except asyncio.CancelledError:
            self._finish(_DEADLINE_EXCEEDED if self._expired else Status(grpc.StatusCode.CANCELLED))
            raise
        except Exception:  # noqa: BLE001  logged, and hidden from the client
            _log.exception("a handler failed", extra={"kv": {"method": self._head.method}})
            self._finish(Status(grpc.StatusCode.UNKNOWN, "internal error of the server"))
        else:
            self._finish(OK)

    async def _handle(self) -> None:
        handler = self._handler
        if handler.response_streaming:
            behaviour: Any = handler.stream_stream if handler.request_streaming else handler.unary_stream
            request = self._requests() if handler.request_streaming else self._deserialized(self._messages.pop())
            async for message in behaviour(request, self):
                await self._write(message)
        else:
            unary: Any = handler.unary_unary
            self._send(await unary(self._deserialized(self._messages.pop()), self))

    async def _requests(self) -> AsyncIterator[Any]:
        inbox = self._inbox
        while inbox is not None and (message := await inbox.get()) is not None:
            yield self._deserialized(message)

    def _deserialized(self, message: bytes) -> Any:
        """Return a message of the request's.

        Raises:
            CallProblem: it is none.
        """
        deserialize = self._handler.request_deserializer
        try:
            return message if deserialize is None else deserialize(message)
        except Exception:  # noqa: BLE001  whatever a deserializer raises, the bytes are at fault
            raise CallProblem(grpc.StatusCode.INTERNAL, "the request cannot be deserialized") from None

    async def _write(self, message: Any) -> None:
        """Send one message of several; return when there is room for the next."""
        if not self._send(message) and not self._over:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def _send(self, message: Any) -> bool:
        serialize = self._handler.response_serializer
        data: bytes = message if serialize is None else serialize(message)
        if self._over:
            return False
        if not self._headers_sent:
            self._headers_sent = True
            self._stream.send_headers(_RESPONSE_BLOCK)
        return self._stream.send_data(prefixed(data))

    def _fail(self, status: Status) -> None:
        """End the call from outside of its handler."""
        self._finish(status)
        if self._task is not None:
            self._task.cancel()

    def _finish(self, status: Status) -> None:
        if self._over:
            return
        self._end()
        if not self._headers_sent:
            self._stream.end(refusal_block(status))
        elif status is OK:
            self._stream.end(_OK_TRAILERS_BLOCK)
        else:
            self._stream.end(encode(_status_fields(status)))

    def _end(self) -> None:
        self._over = True
        self._reader.close()
        if self._timer is not None:
            self._timer.cancel()
        self.on_drained()


def refusal_block(status: Status) -> bytes:
    """Return an answer that is nothing but a status (gRPC's "Trailers-Only")."""
    return encode((*_RESPONSE_FIELDS, *_status_fields(status)))


def _status_fields(status: Status) -> Fields:
    fields = [(b"grpc-status", NUMBERS[status.code])]
    if status.details:
        fields.append((b"grpc-message", encode_message(status.details)))
    return fields
