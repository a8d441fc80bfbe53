"""One end of an HTTP/2 connection, without any I/O (RFC 9113).

Bytes come in through `receive`, which returns events; frames go out through `take_output`. Server push, priorities and
CONNECT are left out. A peer that breaks the rules is answered by `Outgoing`'s last words and a `ConnectionFailed`.
"""

from collections.abc import Callable

from sectigo_vault_pki.vault_plugin.http2.events import (
    ConnectionFailed,
    DataReceived,
    Event,
    GoAwayReceived,
    HeadersReceived,
    SettingsReceived,
    StreamDrained,
    StreamReset,
)
from sectigo_vault_pki.vault_plugin.http2.flow import Incoming, Outgoing, PingAnswers
from sectigo_vault_pki.vault_plugin.http2.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PADDED,
    PREFACE,
    PRIORITY,
    FrameReader,
    FrameType,
    check_frame,
    frame,
    goaway_frame,
    goaway_of,
    rst_stream_frame,
    settings_frame,
    settings_of,
    uint31,
    uint32,
    unpadded,
    window_update_frame,
)
from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderDecoder, OpenBlock
from sectigo_vault_pki.vault_plugin.http2.limits import (
    CONNECTION_WINDOW_BYTES,
    MAX_CONCURRENT_STREAMS,
    MAX_HEADER_LIST_BYTES,
    SETTINGS_BURST,
    SETTINGS_PER_SECOND,
    STREAM_WINDOW_BYTES,
    Budget,
    PeerSettings,
    Setting,
)
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode, StreamProblem, error_code
from sectigo_vault_pki.vault_plugin.http2.stream_states import Input, State
from sectigo_vault_pki.vault_plugin.http2.streams import Stream, Streams

_DEFAULT_WINDOW_BYTES = 65_535
_PRIORITY_BYTES = 5


class Connection:
    """The state of both directions.

    Attributes:
        failed: whether it is over because of the peer.
    """

    def __init__(self, *, client: bool, clock: Callable[[], float]) -> None:
        self.failed = False
        self._client = client
        self._peer = PeerSettings()
        self._outgoing = Outgoing(self._peer, ended=self._close)
        self._reader = FrameReader()
        self._decoder = HeaderDecoder()
        self._events: list[Event] = []
        self._streams = Streams(client=client, clock=clock)
        self._preface_left = b"" if client else PREFACE
        self._settings_seen = False
        self._open_block: OpenBlock | None = None
        self._incoming = Incoming(self._outgoing.control)
        self._ping_answers = PingAnswers(clock, send=self._outgoing.control)
        self._settings_changes = Budget(SETTINGS_BURST, SETTINGS_PER_SECOND, clock=clock)
        self._handlers: dict[int, Callable[[int, int, bytes], None]] = {
            FrameType.DATA: self._on_data,
            FrameType.HEADERS: self._on_headers,
            FrameType.PRIORITY: self._on_priority,
            FrameType.RST_STREAM: self._on_rst_stream,
            FrameType.SETTINGS: self._on_settings,
            FrameType.PUSH_PROMISE: self._on_push_promise,
            FrameType.PING: self._on_ping,
            FrameType.GOAWAY: self._on_goaway,
            FrameType.WINDOW_UPDATE: self._on_window_update,
            FrameType.CONTINUATION: self._on_continuation,
        }
        self._introduce()

    def _introduce(self) -> None:
        ours: dict[int, int] = {
            Setting.HEADER_TABLE_SIZE: 0,
            Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW_BYTES,
            Setting.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST_BYTES,
        }
        if self._client:
            self._outgoing.control(PREFACE)
            ours[Setting.ENABLE_PUSH] = 0
        else:
            ours[Setting.MAX_CONCURRENT_STREAMS] = MAX_CONCURRENT_STREAMS
        self._outgoing.control(settings_frame(ours))
        self._outgoing.control(window_update_frame(0, CONNECTION_WINDOW_BYTES - _DEFAULT_WINDOW_BYTES))

    # What the driver asks.

    @property
    def open_streams(self) -> int:
        return len(self._streams.open)

    @property
    def may_open(self) -> bool:
        """Whether the peer takes one more stream now."""
        return not self.used_up and len(self._streams.open) < self._peer.max_concurrent_streams

    @property
    def used_up(self) -> bool:
        """Whether there are no more stream ids."""
        return self._streams.used_up

    def is_open(self, stream_id: int) -> bool:
        return stream_id in self._streams.open

    def holds_back(self, stream_id: int) -> bool:
        """Return whether the stream has data that it may not send yet."""
        stream = self._streams.open.get(stream_id)
        return stream is not None and bool(stream.unsent)

    def take_output(self) -> bytes:
        return self._outgoing.take()

    def take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    # What the driver does.

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes of the peer's; return what they mean."""
        if self.failed:
            return []
        try:
            if self._preface_left:
                data = self._without_preface(data)
            for kind, flags, stream_id, payload in self._reader.read(data):
                try:
                    self._on_frame(kind, flags, stream_id, payload)
                except StreamProblem as problem:
                    self._end_stream(problem)
        except ConnectionProblem as problem:
            self._fail(problem)
        return self.take_events()

    def open_stream(self, block: bytes, *, end_stream: bool = False) -> int:
        """Begin a request; return its stream's id. There must be a place for it, and an id."""
        stream = self._streams.begin()
        self.send_headers(stream.id, block, end_stream=end_stream)
        return stream.id

    def send_headers(self, stream_id: int, block: bytes, *, end_stream: bool = False) -> None:
        try:
            self._outgoing.headers(self._streams.open[stream_id], block, end_stream=end_stream)
        except ConnectionProblem as problem:
            self._fail(problem)

    def send_data(self, stream_id: int, data: bytes, *, end_stream: bool = False) -> bool:
        """Send a piece of body; return whether all of it is on its way."""
        stream = self._streams.open[stream_id]
        try:
            self._outgoing.data(stream, data, end_stream=end_stream)
        except ConnectionProblem as problem:
            self._fail(problem)
        return not stream.unsent

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """End a stream at once; one that is over already is left alone."""
        stream = self._streams.open.get(stream_id)
        if stream is None:
            return
        try:
            self._reset(stream, code)
        except ConnectionProblem as problem:
            self._fail(problem)

    def credit(self, stream_id: int, length: int) -> None:
        """Let the peer send so much more, in the place of what was taken."""
        try:
            self._incoming.credit(self._streams.open.get(stream_id), length)
        except ConnectionProblem as problem:
            self._fail(problem)

    def answer_pings(self) -> None:
        """Answer the PINGs whose turn has come."""
        try:
            self._ping_answers.answer()
        except ConnectionProblem as problem:
            self._fail(problem)

    @property
    def ping_rest(self) -> float | None:
        """Seconds until `answer_pings` has something to do; None where nothing waits for it."""
        return self._ping_answers.rest

    def go_away(self) -> None:
        """Take no new streams; those that are open go on."""
        if not self._streams.refuses_new:
            self._streams.refuses_new = True
            self._outgoing.last_words(goaway_frame(self._streams.highest_peer_id, ErrorCode.NO_ERROR))

    def set_writable(self, *, writable: bool) -> None:
        """Set whether the transport takes more bytes."""
        self._outgoing.writable = writable
        if writable:
            self._pump()

    # Frames.

    def _without_preface(self, data: bytes) -> bytes:
        wanted = self._preface_left[: len(data)]
        if data[: len(wanted)] != wanted:
            raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, "a connection that does not begin with HTTP/2's preface")
        self._preface_left = self._preface_left[len(wanted) :]
        return data[len(wanted) :]

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._open_block is not None and (kind != FrameType.CONTINUATION or stream_id != self._open_block.stream_id):
            raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, "a header block without its continuation")
        if not self._settings_seen and (kind != FrameType.SETTINGS or flags & ACK):
            raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, "a connection that does not begin with its settings")
        if check_frame(kind, flags, stream_id, len(payload)):
            self._handlers[kind](flags, stream_id, payload)

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        flow_length = len(payload)
        self._incoming.spend(flow_length)
        stream = self._streams.open.get(stream_id)
        if stream is None:
            self._streams.check_late(stream_id)
            self._incoming.credit(None, flow_length)
            return
        data = unpadded(payload) if flags & PADDED else payload
        end_stream = bool(flags & END_STREAM)
        self._incoming.count_empty(data, end_stream=end_stream)
        try:
            stream.receive_data(len(data), flow_length, end_stream=end_stream)
        except StreamProblem:
            self._incoming.credit(None, flow_length)
            raise
        if flow_length > len(data):
            self._incoming.credit(stream, flow_length - len(data))
        self._events.append(DataReceived(stream_id, data, end_stream))
        self._close_if_over(stream)

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        fragment = unpadded(payload) if flags & PADDED else payload
        if flags & PRIORITY:
            if len(fragment) < _PRIORITY_BYTES:
                raise ConnectionProblem(ErrorCode.FRAME_SIZE_ERROR, "HEADERS without its priority")
            fragment = fragment[_PRIORITY_BYTES:]
        end_stream = bool(flags & END_STREAM)
        if flags & END_HEADERS:
            self._on_header_block(stream_id, fragment, end_stream=end_stream)
        else:
            self._open_block = OpenBlock(stream_id, fragment, end_stream=end_stream)

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        block = self._open_block
        if block is None:
            raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, "CONTINUATION of nothing")
        block.add(payload)
        if flags & END_HEADERS:
            self._open_block = None
            self._on_header_block(stream_id, b"".join(block.fragments), end_stream=block.end_stream)

    def _on_header_block(self, stream_id: int, block: bytes, *, end_stream: bool) -> None:
        headers = self._decoder.decode(block)  # whatever becomes of the stream: both ends have to keep in step
        stream = self._streams.open.get(stream_id)
        if stream is None:
            stream = self._streams.accept(stream_id)
            if stream is None:
                return
        if stream.receive_headers(headers, end_stream=end_stream):
            self._events.append(HeadersReceived(stream_id, headers, end_stream))
            self._close_if_over(stream)

    def _on_priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        """Nothing is done by priority (RFC 9113 section 5.3.2)."""

    def _on_rst_stream(self, flags: int, stream_id: int, payload: bytes) -> None:
        del flags
        stream = self._streams.open.get(stream_id)
        if stream is None:
            self._streams.check_not_idle(stream_id)
            return
        stream.receive(Input.RECEIVE_RESET)
        self._close(stream)
        code = error_code(uint32(payload))
        self._events.append(StreamReset(stream_id, code, f"the peer reset the stream ({code.name})"))
        self._streams.count_reset()

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        del stream_id
        if flags & ACK:
            self._decoder.forbid_table()
            return
        if not self._settings_changes.spend():
            raise ConnectionProblem(ErrorCode.ENHANCE_YOUR_CALM, "too many changes of settings")
        self._settings_seen = True
        for identifier, value in settings_of(payload):
            if self._client and identifier == Setting.ENABLE_PUSH and value:
                raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, "a server that announces ENABLE_PUSH")
            self._peer.change(identifier, value)
        self._outgoing.check_windows(self._streams.open.values())
        self._outgoing.control(frame(FrameType.SETTINGS, ACK, 0))
        self._events.append(SettingsReceived())
        self._pump()

    def _on_push_promise(self, flags: int, stream_id: int, payload: bytes) -> None:
        del flags, stream_id, payload
        raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE, which is switched off")

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        del stream_id
        if not flags & ACK:
            self._ping_answers.owe(payload)

    def _on_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        del flags, stream_id
        last, code, _ = goaway_of(payload)
        self._events.append(GoAwayReceived(last, error_code(code)))

    def _on_window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        del flags
        increment = uint31(payload)
        if stream_id == 0:
            if increment == 0:
                raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
            self._outgoing.widen(increment)
            self._pump()
            return
        stream = self._streams.open.get(stream_id)
        if stream is None:
            self._streams.check_not_idle(stream_id)
            return
        if increment == 0:
            raise StreamProblem(stream_id, ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE of 0")
        self._outgoing.widen_stream(stream, increment)
        if stream.unsent:
            self._pump()

    # Streams that come and go.

    def _end_stream(self, problem: StreamProblem) -> None:
        stream = self._streams.open.get(problem.stream_id)
        if stream is not None:
            self._reset(stream, problem.code)
            self._events.append(StreamReset(problem.stream_id, problem.code, problem.reason))
        else:
            self._streams.remember_reset(problem.stream_id)
            self._outgoing.control(rst_stream_frame(problem.stream_id, problem.code))
        self._streams.count_reset()

    def _reset(self, stream: Stream, code: ErrorCode) -> None:
        self._streams.remember_reset(stream.id)
        stream.state = State.CLOSED
        self._close(stream)
        self._outgoing.control(rst_stream_frame(stream.id, code))

    def _close_if_over(self, stream: Stream) -> None:
        if stream.state is State.CLOSED:
            self._close(stream)

    def _close(self, stream: Stream) -> None:
        self._streams.open.pop(stream.id, None)
        if stream.unsent:
            self._outgoing.forget(stream)

    def _pump(self) -> None:
        self._events.extend(StreamDrained(stream.id) for stream in self._outgoing.pump())

    def _fail(self, problem: ConnectionProblem) -> None:
        if self.failed:
            return
        self.failed = True
        self._outgoing.last_words(goaway_frame(self._streams.highest_peer_id, problem.code))
        self._events.append(ConnectionFailed(problem.code, problem.reason))
