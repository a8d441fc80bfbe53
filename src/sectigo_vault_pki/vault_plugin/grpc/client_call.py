"""One call of a client's: a message there, a message back."""

import asyncio

import grpc

from sectigo_vault_pki.vault_plugin.grpc.heads import CallProblem, ResponseHead, Status, encode_timeout
from sectigo_vault_pki.vault_plugin.grpc.messages import Assembly, MessageReader
from sectigo_vault_pki.vault_plugin.grpc.protocol import StreamHandle
from sectigo_vault_pki.vault_plugin.http2.header_blocks import encode
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode

_NOT_ONE_MESSAGE = Status(grpc.StatusCode.INTERNAL, "an answer of one message was expected")


class ClientCall:
    """A call from its start to its answer, on one connection or, where that has seen nothing of it, on a second one.

    Attributes:
        answer: done with the answer's message, with `grpc.aio.AioRpcError`, or cancelled.
    """

    __slots__ = (
        "_deadline",
        "_head",
        "_loop",
        "_message",
        "_reader",
        "_request",
        "_retried",
        "_stream",
        "_timer",
        "answer",
    )

    def __init__(self, head: bytes, request: bytes, *, timeout: float | None) -> None:
        """Begin a call.

        Args:
            head: its header block, without a timeout.
            request: its message, with the prefix.
            timeout: seconds, or None.
        """
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[bytes] = self._loop.create_future()
        self._head = head
        self._request: bytes | None = request
        self._retried = False
        self._stream: StreamHandle | None = None
        self._reader: MessageReader | None = None
        self._message: bytes | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        if timeout is not None:
            self._deadline = self._loop.time() + timeout
            self._timer = self._loop.call_at(self._deadline, self._expire)

    def head_block(self) -> bytes:
        """Return the request's header block; the time that is left is the one that counts."""
        if self._deadline is None:
            return self._head
        return self._head + encode(((b"grpc-timeout", encode_timeout(self._deadline - self._loop.time())),))

    def on_open(self, stream: StreamHandle, assembly: Assembly) -> None:
        """Send the request on a stream whose headers are sent."""
        self._stream = stream
        self._reader = MessageReader(assembly)
        stream.send_data(self._request or b"", end_stream=True)

    def is_unseen(self, status: Status) -> bool:
        """Return whether to send the call again, since the server has not processed it; if not, it ends with `status`.

        RFC 9113 sections 6.8 and 8.7 define what counts as not processed.
        """
        if self.answer.done():
            return False
        if self._request is None or self._retried:
            self.fail(status)
            return False
        self._retried = True
        self._stream = None
        return True

    def receive_head(self, head: ResponseHead, *, end_stream: bool) -> None:
        """Take headers, trailers, or both in one."""
        self._request = None  # not needed for a second time
        if head.problem is not None:
            self.fail(head.problem)
        elif end_stream:
            self._end(head.status)

    def receive(self, data: bytes, *, end_stream: bool) -> None:
        """Take a piece of the answer's body."""
        if self._reader is None or self._stream is None:
            return
        try:
            messages = self._reader.read(data)
        except CallProblem as problem:
            self.fail(problem.status)
            return
        if messages:
            if len(messages) > 1 or self._message is not None:
                self.fail(_NOT_ONE_MESSAGE)
                return
            self._message = messages[0]
        self._stream.credit(len(data))
        if end_stream:
            self._end(None)

    def fail(self, status: Status) -> None:
        """End the call with an error."""
        if not self.answer.done():
            self.answer.set_exception(rpc_error(status))
            self.answer.exception()  # mark it as retrieved: the caller may be gone
        self.close()

    def close(self) -> None:
        """Release the call and its stream; a call without an answer is cancelled."""
        self.answer.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._reader is not None:
            self._reader.close()
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.reset(ErrorCode.CANCEL)

    def _end(self, status: Status | None) -> None:
        if status is None:
            self.fail(Status(grpc.StatusCode.UNKNOWN, "the answer has no status"))
        elif status.code is not grpc.StatusCode.OK:
            self.fail(status)
        elif self._reader is not None and self._reader.kept:
            self.fail(Status(grpc.StatusCode.INTERNAL, "the answer ends within a message"))
        elif self._message is None:
            self.fail(_NOT_ONE_MESSAGE)
        else:
            if not self.answer.done():
                self.answer.set_result(self._message)
            self.close()

    def _expire(self) -> None:
        self.fail(Status(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded"))


def rpc_error(status: Status) -> grpc.aio.AioRpcError:
    """Return grpcio's error for a status."""
    return grpc.aio.AioRpcError(status.code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=status.details)
