"""Messages in the body of a stream: a flag, a length, the bytes (gRPC over HTTP/2, "Length-Prefixed-Message")."""

from struct import Struct

import grpc

from sectigo_vault_pki.vault_plugin.grpc.status import CallProblem
from sectigo_vault_pki.vault_plugin.http2.limits import MAX_MESSAGE_BYTES

_PREFIX = Struct(">BL")


def prefixed(message: bytes) -> bytes:
    """Return a message as it goes into a body; never compressed."""
    return _PREFIX.pack(0, len(message)) + message


class MessageReader:
    """Cuts a body into messages.

    Attributes:
        kept: bytes of a message that is not complete.
    """

    __slots__ = ("_wanted", "kept")

    def __init__(self) -> None:
        self.kept = bytearray()
        self._wanted = _PREFIX.size

    def read(self, data: bytes) -> list[bytes]:
        """Return the messages that are complete with this data.

        Raises:
            CallProblem: a message is longer than we take, or compressed.
        """
        source: bytes | memoryview = data
        if self.kept:
            self.kept += data
            if len(self.kept) < self._wanted:
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
        return messages
