"""One connection of a channel's: calls become its streams."""

from collections import deque
from typing import TYPE_CHECKING

import grpc

from sectigo_vault_pki.vault_plugin.grpc.protocol import Driver
from sectigo_vault_pki.vault_plugin.grpc.response_head import response_head
from sectigo_vault_pki.vault_plugin.grpc.status import Status, status_of_reset
from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderList
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode

if TYPE_CHECKING:
    import asyncio

    from sectigo_vault_pki.vault_plugin.grpc.client_call import ClientCall


class ClientConnection(Driver):
    """Sends calls, as many at a time as the server takes.

    Attributes:
        ready: done when the server has introduced itself, or with the reason why it never will.
    """

    def __init__(self) -> None:
        super().__init__(client=True)
        self.ready: asyncio.Future[ConnectionError | None] = self.loop.create_future()
        self._calls: dict[int, ClientCall] = {}
        self._queue: deque[ClientCall] = deque()
        self._retired = False

    @property
    def takes_calls(self) -> bool:
        return self.is_connected and not self._retired and not self.connection.used_up

    def begin(self, call: "ClientCall") -> None:
        """Send a call, now or in its turn."""
        if self._queue or not self.connection.may_open:
            self._queue.append(call)
        else:
            self._open(call)

    def end(self, call: "ClientCall", code: ErrorCode) -> None:
        """Let a call go that is over; what the server still sends for it is not read."""
        if call.stream_id is None:
            return
        self._calls.pop(call.stream_id, None)
        self.connection.reset(call.stream_id, code)
        self._next()
        self.flush_soon()

    def retire(self) -> None:
        """Take no new calls, and close after the last."""
        self._retired = True
        self._close_if_idle()

    # What the connection brings.

    def on_refused(self) -> None:
        self._fail(ConnectionError("the server does not negotiate HTTP/2"))

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
        if code is ErrorCode.REFUSED_STREAM:
            call.unprocessed(status)
        else:
            call.finish(status)

    def on_drained(self, stream_id: int) -> None:
        call = self._calls.get(stream_id)
        if call is not None:
            call.on_drained()

    def on_go_away(self, last_stream_id: int, code: ErrorCode) -> None:
        self._retired = True
        text = f"the server ends the connection ({code.name})"
        for call in self._unfinished():
            if call.stream_id is None or call.stream_id > last_stream_id:
                self.end(call, ErrorCode.CANCEL)
                call.unprocessed(Status(grpc.StatusCode.UNAVAILABLE, text))
        self._close_if_idle()

    def on_lost(self, reason: str) -> None:
        for call in self._unfinished():
            call.finish(Status(grpc.StatusCode.UNAVAILABLE, reason))
        self._fail(ConnectionError(reason))

    def _unfinished(self) -> "list[ClientCall]":
        calls = [*self._calls.values(), *self._queue]
        self._queue.clear()
        return calls

    def _fail(self, error: ConnectionError) -> None:
        if not self.ready.done():
            self.ready.set_result(error)

    def _open(self, call: "ClientCall") -> None:
        call.stream_id = self.connection.open_stream(call.head_block())
        self._calls[call.stream_id] = call
        call.on_open()
        self.flush_soon()

    def _next(self) -> None:
        if self.connection.used_up and not self._retired:
            self._retired = True
            waiting, self._queue = list(self._queue), deque()
            for call in waiting:
                call.unprocessed(Status(grpc.StatusCode.UNAVAILABLE, "the connection has no more streams"))
        while self._queue and self.connection.may_open:
            call = self._queue.popleft()
            if not call.done():
                self._open(call)
        self._close_if_idle()

    def _close_if_idle(self) -> None:
        if self._retired and not self._calls and not self._queue:
            self.close()
