"""Which frames belong to a stream, and how long each may be, as a table (RFC 9113 section 6)."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sectigo_vault_pki.vault_plugin.http2.frames import ACK, FrameType
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode


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
    """Check a frame against its rule; say whether there is one: frames of unknown types are to be ignored.

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
