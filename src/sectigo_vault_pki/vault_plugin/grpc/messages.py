"""Messages in the body of a stream: a flag, a length, the bytes (gRPC over HTTP/2, "Length-Prefixed-Message")."""

import asyncio
from collections import deque
from collections.abc import Callable
from struct import Struct

import grpc

from sectigo_vault_pki.vault_plugin.grpc.heads import CallProblem
from sectigo_vault_pki.vault_plugin.http2.limits import (
    MAX_ASSEMBLED_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_UNREAD_MESSAGES,
    STREAM_WINDOW_BYTES,
)

_PREFIX = Struct(">BL")


def prefixed(message: bytes) -> bytes:
    """Return a message as it goes into a body; never compressed."""
    return _PREFIX.pack(0, len(message)) + message


class Assembly:
    """Incomplete messages on all streams of one connection.

    Attributes:
        kept_bytes: their total length.
    """

    __slots__ = ("kept_bytes",)

    def __init__(self) -> None:
        self.kept_bytes = 0


class MessageReader:
    """Cuts a body into messages.

    Args:
        assembly: the connection's; a reader on its own needs none.

    Attributes:
        kept: bytes of a message that is not complete.
    """

    __slots__ = ("_assembly", "_counted", "_wanted", "kept")

    def __init__(self, assembly: Assembly | None = None) -> None:
        self.kept = bytearray()
        self._assembly = assembly or Assembly()
        self._counted = 0
        self._wanted = _PREFIX.size

    def read(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete with this data.

        Raises:
            CallProblem: a message is too long or compressed, or there is too much of incomplete messages.
        """
        source: bytes | memoryview = data
        if self.kept:
            self.kept += data
            if len(self.kept) < self._wanted:
                self._count()
                return []
            source, self.kept = memoryview(self.kept), bytearray()  # not copied: it may be 2 GiB
        messages, position, end = [], 0, len(source)
        self._wanted = _PREFIX.size
        while end - position >= _PREFIX.size:
            compressed, length = _PREFIX.unpack_from(source, position)
            if compressed:
                raise CallProblem(grpc.StatusCode.UNIMPLEMENTED, "messages must not be compressed")
            if length > MAX_MESSAGE_BYTES:
                raise CallProblem(grpc.StatusCode.RESOURCE_EXHAUSTED, f"a message of {length} bytes is too long")
            start = position + _PREFIX.size
            if end - start < length:
                self._wanted = _PREFIX.size + length
                break
            position = start + length
            messages.append(bytes(source[start:position]))
        if position < end:
            self.kept += source[position:]
        if self.kept or self._counted:
            self._count()
        return messages

    def close(self) -> None:
        """Stop counting what is kept."""
        self._assembly.kept_bytes -= self._counted
        self._counted = 0

    def _count(self) -> None:
        self._assembly.kept_bytes += len(self.kept) - self._counted
        self._counted = len(self.kept)
        if self._assembly.kept_bytes > MAX_ASSEMBLED_BYTES:
            raise CallProblem(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many messages are not complete")


class Inbox:
    """Messages that have arrived and are not read yet; while it is full, the peer gets no more flow-control credit."""

    def __init__(self, credit: Callable[[int], None]) -> None:
        self._credit = credit
        self._messages: deque[bytes] = deque()
        self._unread_bytes = 0
        self._held = 0
        self._ended = False
        self._arrived = asyncio.Event()

    def put(self, messages: list[bytes], *, length: int) -> None:
        """Add messages that arrived in `length` bytes."""
        self._messages.extend(messages)
        self._unread_bytes += sum(map(len, messages))
        if messages:
            self._arrived.set()
        self._held += length
        self._give_credit()

    def end(self) -> None:
        """Mark the end of the stream."""
        self._ended = True
        self._arrived.set()

    async def get(self) -> bytes | None:
        """Return the next message, or None after the last."""
        while not self._messages:
            if self._ended:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        message = self._messages.popleft()
        self._unread_bytes -= len(message)
        self._give_credit()
        return message

    def _give_credit(self) -> None:
        full = len(self._messages) >= MAX_UNREAD_MESSAGES or self._unread_bytes >= STREAM_WINDOW_BYTES
        if self._held and not full:
            held, self._held = self._held, 0
            self._credit(held)
