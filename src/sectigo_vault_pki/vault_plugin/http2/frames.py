"""Frames as bytes, and the rules that each type keeps (RFC 9113 sections 4 and 6)."""

from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

from sectigo_vault_pki.vault_plugin.http2.limits import MAX_FRAME_BYTES
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first (RFC 9113 section 3.4)."""

FRAME_HEADER_BYTES = 9
_RESERVED_BIT = 0x7FFFFFFF
_HEADER = Struct(">LBL")  # the 24 bits of length and the 8 of type in one number
_UINT32 = Struct(">L")
_SETTING = Struct(">HL")
_GOAWAY = Struct(">LL")

END_STREAM = 0x01
ACK = 0x01
END_HEADERS = 0x04
PADDED = 0x08
PRIORITY = 0x20
RawFrame = tuple[int, int, int, bytes]
"""Type, flags, stream id, payload."""


class FrameType(IntEnum):
    """RFC 9113 section 6."""

    DATA = 0x0
    HEADERS = 0x1
    PRIORITY = 0x2
    RST_STREAM = 0x3
    SETTINGS = 0x4
    PUSH_PROMISE = 0x5
    PING = 0x6
    GOAWAY = 0x7
    WINDOW_UPDATE = 0x8
    CONTINUATION = 0x9


def frame(kind: int, flags: int, stream_id: int, payload: bytes | memoryview = b"") -> bytes:
    """Return one frame."""
    return b"".join((_HEADER.pack(len(payload) << 8 | kind, flags, stream_id), payload))


def settings_frame(values: dict[int, int]) -> bytes:
    return frame(FrameType.SETTINGS, 0, 0, b"".join(_SETTING.pack(key, value) for key, value in values.items()))


def window_update_frame(stream_id: int, increment: int) -> bytes:
    return frame(FrameType.WINDOW_UPDATE, 0, stream_id, _UINT32.pack(increment))


def rst_stream_frame(stream_id: int, code: int) -> bytes:
    return frame(FrameType.RST_STREAM, 0, stream_id, _UINT32.pack(code))


def goaway_frame(last_stream_id: int, code: int, text: bytes = b"") -> bytes:
    return frame(FrameType.GOAWAY, 0, 0, _GOAWAY.pack(last_stream_id, code) + text)


def header_frames(stream_id: int, block: bytes, *, end_stream: bool, largest: int) -> bytes:
    """Return HEADERS, with as many CONTINUATION as the block needs."""
    flags = END_STREAM if end_stream else 0
    if len(block) <= largest:
        return frame(FrameType.HEADERS, flags | END_HEADERS, stream_id, block)
    parts = [block[start : start + largest] for start in range(0, len(block), largest)]
    frames = [frame(FrameType.HEADERS, flags, stream_id, parts[0])]
    frames += [frame(FrameType.CONTINUATION, 0, stream_id, part) for part in parts[1:-1]]
    frames.append(frame(FrameType.CONTINUATION, END_HEADERS, stream_id, parts[-1]))
    return b"".join(frames)


def unpadded(payload: bytes) -> bytes:
    """Return the payload of a frame with the PADDED flag, without its padding (RFC 9113 section 6.1).

    Raises:
        ConnectionProblem: there is more padding than payload.
    """
    if not payload:
        raise ConnectionProblem(ErrorCode.FRAME_SIZE_ERROR, "a padded frame without a pad length")
    end = len(payload) - payload[0]
    if end < 1:
        raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, "a frame with more padding than payload")
    return payload[1:end]


def uint32(payload: bytes) -> int:
    """Return the one number that RST_STREAM consists of."""
    number: int = _UINT32.unpack(payload)[0]
    return number


def uint31(payload: bytes) -> int:
    """Return the one number that WINDOW_UPDATE consists of, without its reserved bit."""
    return uint32(payload) & _RESERVED_BIT


def goaway_of(payload: bytes) -> tuple[int, int, bytes]:
    """Return last stream id, error code and text."""
    last, code = _GOAWAY.unpack_from(payload)
    return last & _RESERVED_BIT, code, payload[_GOAWAY.size :]


def settings_of(payload: bytes) -> list[tuple[int, int]]:
    """Return the settings, in their order."""
    return list(_SETTING.iter_unpack(payload))


class FrameReader:
    """Cuts a stream of bytes into frames; keeps at most one frame that is not complete."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._wanted = FRAME_HEADER_BYTES

    def read(self, data: bytes) -> Iterator[RawFrame]:
        """Yield the frames that are complete with this data.

        Raises:
            ConnectionProblem: a frame's header announces more than we allow.
        """
        if self._kept:
            self._kept += data
            if len(self._kept) < self._wanted:
                return
            data = bytes(self._kept)
            self._kept.clear()
        unpack, position, end = _HEADER.unpack_from, 0, len(data)
        while end - position >= FRAME_HEADER_BYTES:
            length_and_type, flags, stream_id = unpack(data, position)
            length = length_and_type >> 8
            if length > MAX_FRAME_BYTES:
                raise ConnectionProblem(ErrorCode.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            start = position + FRAME_HEADER_BYTES
            if end - start < length:
                self._wanted = FRAME_HEADER_BYTES + length
                self._kept += data[position:]
                return
            position = start + length
            yield length_and_type & 0xFF, flags, stream_id & _RESERVED_BIT, data[start:position]
        self._wanted = FRAME_HEADER_BYTES
        if position < end:
            self._kept += data[position:]


def _any(length: int) -> bool:
    return length >= 0


def _exactly(size: int) -> Callable[[int], bool]:
    return lambda length: length == size


class FrameRule(NamedTuple):
    """Whether a frame has a stream (None: with or without), and whether a payload of some length is one."""

    on_stream: bool | None
    fits: Callable[[int], bool]


RULES: Mapping[int, FrameRule] = {
    FrameType.DATA: FrameRule(on_stream=True, fits=_any),
    FrameType.HEADERS: FrameRule(on_stream=True, fits=_any),
    FrameType.PRIORITY: FrameRule(on_stream=True, fits=_exactly(5)),
    FrameType.RST_STREAM: FrameRule(on_stream=True, fits=_exactly(4)),
    FrameType.SETTINGS: FrameRule(on_stream=False, fits=lambda length: length % 6 == 0),
    FrameType.PUSH_PROMISE: FrameRule(on_stream=True, fits=_any),
    FrameType.PING: FrameRule(on_stream=False, fits=_exactly(8)),
    FrameType.GOAWAY: FrameRule(on_stream=False, fits=lambda length: length >= 8),  # noqa: PLR2004  section 6.8
    FrameType.WINDOW_UPDATE: FrameRule(on_stream=None, fits=_exactly(4)),
    FrameType.CONTINUATION: FrameRule(on_stream=True, fits=_any),
}


def check_frame(kind: int, flags: int, stream_id: int, length: int) -> bool:
    """Check a frame against its rule; return whether there is one: frames of unknown types are ignored.

    A PRIORITY of another size would be an error of its stream only; priorities are not used, so that it makes no
    difference worth a rule of its own.

    Raises:
        ConnectionProblem: the frame breaks its rule.
    """
    rule = RULES.get(kind)
    if rule is None:
        return False
    if rule.on_stream is not None and rule.on_stream is not bool(stream_id):
        raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, f"{FrameType(kind).name} on stream {stream_id}")
    if not rule.fits(length) or (kind == FrameType.SETTINGS and flags & ACK and length):
        raise ConnectionProblem(ErrorCode.FRAME_SIZE_ERROR, f"{FrameType(kind).name} of {length} bytes")
    return True
