"""The other end of a connection, made of hyperframe's and hpack's parts: frames in and out, rules broken at will."""

from collections.abc import Callable, Iterable

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
)

from sectigo_vault_pki.vault_plugin.http2.connection import Connection
from sectigo_vault_pki.vault_plugin.http2.events import ConnectionFailed, Event, StreamReset
from sectigo_vault_pki.vault_plugin.http2.frames import PREFACE
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode

REQUEST = (
    (":method", "POST"),
    (":scheme", "https"),
    (":path", "/test.Service/Echo"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)
RESPONSE = ((":status", "200"), ("content-type", "application/grpc"))
TRAILERS = (("grpc-status", "0"),)

Headers = Iterable[tuple[str, str]]


class StoppedClock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def block(headers: Headers = REQUEST) -> bytes:
    """Encode without a dynamic table."""
    encoder = Encoder()
    encoder.header_table_size = 0
    return encoder.encode(list(headers))


def headers_frame(stream_id: int, headers: Headers = REQUEST, *, end: bool = False, whole: bool = True) -> HeadersFrame:
    frame = HeadersFrame(stream_id, data=block(headers))
    if end:
        frame.flags.add("END_STREAM")
    if whole:
        frame.flags.add("END_HEADERS")
    return frame


def continuation_frame(stream_id: int, data: bytes, *, last: bool = False) -> ContinuationFrame:
    frame = ContinuationFrame(stream_id, data=data)
    if last:
        frame.flags.add("END_HEADERS")
    return frame


def data_frame(stream_id: int, data: bytes = b"", *, end: bool = False) -> DataFrame:
    frame = DataFrame(stream_id, data=data)
    if end:
        frame.flags.add("END_STREAM")
    return frame


def settings_frame(values: dict[int, int] | None = None, *, ack: bool = False) -> SettingsFrame:
    frame = SettingsFrame(0, settings=values or {})
    if ack:
        frame.flags.add("ACK")
    return frame


def raw_frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """Return a frame that hyperframe would not make."""
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream_id.to_bytes(4, "big") + payload


def frames_in(data: bytes) -> list[Frame]:
    """Parse what a connection sends."""
    frames = []
    data = data.removeprefix(PREFACE)
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        frames.append(frame)
        data = data[9 + length :]
    return frames


class Peer:
    """A connection of ours with somebody who has introduced himself to it.

    Attributes:
        connection: ours.
        events: all that it has told.
        sent: all frames that it has sent.
    """

    def __init__(self, *, our_side: str, clock: Callable[[], float] | None = None, greet: bool = True) -> None:
        self.connection = Connection(client=our_side == "client", clock=clock or StoppedClock())
        self.events: list[Event] = []
        self.sent: list[Frame] = []
        self.collect()
        if greet:
            if our_side == "server":
                self.receive(PREFACE)
            self.receive(settings_frame(), settings_frame(ack=True))

    def receive(self, *frames: Frame | bytes) -> list[Event]:
        """Have the connection read these; return what it tells."""
        data = b"".join(frame if isinstance(frame, bytes) else frame.serialize() for frame in frames)
        events = self.connection.receive(data)
        self.events += events
        self.collect()
        return events

    def collect(self) -> list[Frame]:
        """Return the frames that it has sent since the last time."""
        self.events += self.connection.take_events()
        frames = frames_in(self.connection.take_output())
        self.sent += frames
        return frames

    @property
    def goaway(self) -> ErrorCode | None:
        """What it has ended the connection with."""
        codes = [ErrorCode(frame.error_code) for frame in self.sent if isinstance(frame, GoAwayFrame)]
        told = [event.code for event in self.events if isinstance(event, ConnectionFailed)]
        assert codes == told
        return codes[0] if codes else None

    @property
    def resets(self) -> dict[int, ErrorCode]:
        """What it has ended streams with."""
        return {
            frame.stream_id: ErrorCode(frame.error_code) for frame in self.sent if isinstance(frame, RstStreamFrame)
        }

    @property
    def told_resets(self) -> dict[int, ErrorCode]:
        """What it has told of streams that have ended so."""
        return {event.stream_id: event.code for event in self.events if isinstance(event, StreamReset)}
