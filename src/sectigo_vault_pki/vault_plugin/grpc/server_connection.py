"""One client of a server: its streams become calls."""

from enum import Enum
from typing import TYPE_CHECKING

import grpc

from sectigo_vault_pki.vault_plugin.grpc.protocol import Driver
from sectigo_vault_pki.vault_plugin.grpc.request_head import CONTENT_TYPE, request_head
from sectigo_vault_pki.vault_plugin.grpc.server_call import ServerCall
from sectigo_vault_pki.vault_plugin.grpc.status import NUMBERS, Status, encode_message
from sectigo_vault_pki.vault_plugin.http2.header_blocks import Fields, HeaderList, encode
from sectigo_vault_pki.vault_plugin.http2.limits import HANDSHAKE_SECONDS
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode

if TYPE_CHECKING:
    import asyncio

    from sectigo_vault_pki.vault_plugin.grpc.server import Server

RESPONSE_FIELDS = ((b":status", b"200"), (b"content-type", CONTENT_TYPE))
_RESPONSE_BLOCK = encode(RESPONSE_FIELDS)
_OK_TRAILERS_BLOCK = encode(((b"grpc-status", b"0"),))


class _Standing(Enum):
    """What is known of who is at the other end."""

    UNKNOWN = "it has not said that it speaks HTTP/2"
    CLIENT = "it has"
    REFUSED = "it is not heard any more"


class ServerConnection(Driver):
    """Finds handlers, and writes what calls answer."""

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
        if call is not None:  # a client's trailers say nothing but that it has said all
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

    def _begin(self, stream_id: int, headers: HeaderList, *, end_stream: bool) -> None:
        head = request_head(headers)
        if head.http_refusal is not None:
            self._refuse(stream_id, ((b":status", head.http_refusal),))
            return
        if head.refusal is not None:
            self.refuse(stream_id, head.refusal)
            return
        handler = self._server.handler(head)
        if handler is None:
            self.refuse(stream_id, Status(grpc.StatusCode.UNIMPLEMENTED, "Method not found!"))
            return
        call = ServerCall(self, stream_id, handler, head)
        self._calls[stream_id] = call
        call.begin()
        if end_stream:
            call.receive_end()

    # What calls answer with.

    def send_headers(self, stream_id: int, metadata: Fields) -> None:
        block = encode((*RESPONSE_FIELDS, *metadata)) if metadata else _RESPONSE_BLOCK
        self.connection.send_headers(stream_id, block)

    def send_trailers(self, stream_id: int, status: Status, metadata: Fields) -> None:
        """End the stream; what the client still sends on it is not read."""
        if status.code is grpc.StatusCode.OK and not status.details and not metadata:
            block = _OK_TRAILERS_BLOCK
        else:
            block = encode((*_status_fields(status), *metadata))
        self._end(stream_id, block)

    def refuse(self, stream_id: int, status: Status, metadata: Fields = ()) -> None:
        """Answer with nothing but a status (gRPC's "Trailers-Only")."""
        self._refuse(stream_id, (*RESPONSE_FIELDS, *_status_fields(status), *metadata))

    def start_task(self, call: ServerCall) -> None:
        call.task = self._server.start_task(call.run())

    def _refuse(self, stream_id: int, fields: Fields) -> None:
        self._end(stream_id, encode(fields))

    def _end(self, stream_id: int, block: bytes) -> None:
        self._calls.pop(stream_id, None)
        self.connection.send_headers(stream_id, block, end_stream=True)
        if self.connection.is_open(stream_id):
            if self.connection.holds_back(stream_id):
                self._over.add(stream_id)
            else:
                self._let_go(stream_id)
        self.flush_soon()

    def _let_go(self, stream_id: int) -> None:
        """End the client's half as well, once ours is on its way (RFC 9113 section 8.1)."""
        self._over.discard(stream_id)
        self.connection.reset(stream_id, ErrorCode.NO_ERROR)


def _status_fields(status: Status) -> Fields:
    fields = [(b"grpc-status", NUMBERS[status.code])]
    if status.details:
        fields.append((b"grpc-message", encode_message(status.details)))
    return fields
