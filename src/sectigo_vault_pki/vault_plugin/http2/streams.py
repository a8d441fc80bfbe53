"""The streams of a connection: the facts of each, and which are or were open (RFC 9113 section 5.1)."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderList, Kind
from sectigo_vault_pki.vault_plugin.http2.limits import (
    MAX_CONCURRENT_STREAMS,
    MAX_STREAM_ID,
    REMEMBERED_RESETS,
    RESET_BURST,
    RESETS_PER_SECOND,
    STREAM_WINDOW_BYTES,
    Budget,
)
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode, StreamProblem
from sectigo_vault_pki.vault_plugin.http2.stream_states import Input, InvalidTransitionError, State, next_state


class Unsent(NamedTuple):
    """A header block or a piece of body that waits for its turn."""

    is_block: bool
    content: memoryview
    end_stream: bool


class Stream:
    """A stream between its first frame and its last.

    Attributes:
        send_credit: what the peer granted beyond its initial window, less what was sent; negative as a rule.
        receive_window: what the peer may still send.
        uncredited: what was taken since the last WINDOW_UPDATE.
        unsent: what waits for window, or for the peer to read.
        expected: what kind of header list comes next, or None after trailers.
    """

    __slots__ = ("_body_left", "expected", "id", "receive_window", "send_credit", "state", "uncredited", "unsent")

    def __init__(self, stream_id: int, *, expected: Kind) -> None:
        self.id = stream_id
        self.state = State.IDLE
        self.send_credit = 0
        self.receive_window = STREAM_WINDOW_BYTES
        self.uncredited = 0
        self.unsent: deque[Unsent] = deque()
        self.expected = expected
        self._body_left: int | None = None

    def send(self, given: Input) -> None:
        """Move by something of ours.

        Raises:
            InvalidTransitionError: it has no place here; our own mistake.
        """
        self.state = next_state(self.state, given)

    def receive(self, given: Input) -> None:
        """Move by something of the peer's.

        Raises:
            StreamProblem: it has no place here.
        """
        try:
            self.state = next_state(self.state, given)
        except InvalidTransitionError as error:
            raise StreamProblem(self.id, error.code, str(error)) from None

    def receive_headers(self, headers: HeaderList, *, end_stream: bool) -> bool:
        """Move by a header list; return whether it is more than an interim response.

        Raises:
            StreamProblem: it is malformed, or has no place here.
        """
        self.receive(Input.RECEIVE_HEADERS)
        kind = self.expected
        defect = headers.defect(kind)
        if defect is None and kind is Kind.TRAILERS and not end_stream:
            defect = "trailers that do not end the stream"  # RFC 9113 section 8.1
        interim = kind is Kind.RESPONSE and (headers.get(b":status") or b"").startswith(b"1")
        if interim and end_stream:
            defect = "an interim response that ends the stream"
        if defect is not None:
            raise StreamProblem(self.id, ErrorCode.PROTOCOL_ERROR, defect)
        if interim:
            return False
        self.expected = Kind.TRAILERS
        if kind is not Kind.TRAILERS:
            self._expect_body(headers.get(b"content-length"))
        if end_stream:
            self.receive_end()
        return True

    def receive_data(self, length: int, flow_length: int, *, end_stream: bool) -> None:
        """Move by a piece of body.

        Raises:
            StreamProblem: it has no place here, or is more than was granted or announced.
        """
        self.receive(Input.RECEIVE_DATA)
        if self.expected is not Kind.TRAILERS:
            raise StreamProblem(self.id, ErrorCode.PROTOCOL_ERROR, "a body before its headers")
        self.receive_window -= flow_length
        if self.receive_window < 0:
            raise StreamProblem(self.id, ErrorCode.FLOW_CONTROL_ERROR, "more than the stream's window")
        if self._body_left is not None:
            self._body_left -= length
        if end_stream:
            self.receive_end()

    def receive_end(self) -> None:
        if self._body_left:
            raise StreamProblem(self.id, ErrorCode.PROTOCOL_ERROR, "a body of another length than announced")
        self.receive(Input.RECEIVE_END)

    def _expect_body(self, content_length: bytes | None) -> None:
        if content_length is None:
            return
        if not content_length.isdigit():
            raise StreamProblem(self.id, ErrorCode.PROTOCOL_ERROR, "a content-length that is no number")
        self._body_left = int(content_length)


class Streams:
    """Only a client opens streams, with odd ids that grow.

    Attributes:
        open: by id.
        highest_peer_id: the last that the peer opened.
        refuses_new: whether those that the peer still opens are ignored.
    """

    def __init__(self, *, client: bool, clock: Callable[[], float]) -> None:
        self.open: dict[int, Stream] = {}
        self.highest_peer_id = 0
        self.refuses_new = False
        self._client = client
        self._next_id = 1
        self._reset_by_us: dict[int, None] = {}
        self._resets = Budget(RESET_BURST, RESETS_PER_SECOND, clock=clock)

    @property
    def used_up(self) -> bool:
        """Whether there are no more ids."""
        return self._next_id > MAX_STREAM_ID

    def begin(self) -> Stream:
        """Open a stream of ours."""
        stream = Stream(self._next_id, expected=Kind.RESPONSE)
        self.open[stream.id] = stream
        self._next_id += 2
        return stream

    def accept(self, stream_id: int) -> Stream | None:
        """Return the stream that a header block of the peer's opens, or None where that is to be ignored.

        Raises:
            ConnectionProblem: it may not open one.
            StreamProblem: there are too many.
        """
        if self._client or not stream_id & 1 or stream_id <= self.highest_peer_id:
            self.check_late(stream_id)
            return None
        self.highest_peer_id = stream_id
        if self.refuses_new:  # it crossed our GOAWAY
            self.remember_reset(stream_id)
            return None
        if len(self.open) >= MAX_CONCURRENT_STREAMS:
            raise StreamProblem(stream_id, ErrorCode.REFUSED_STREAM, "too many streams")
        stream = self.open[stream_id] = Stream(stream_id, expected=Kind.REQUEST)
        return stream

    def check_late(self, stream_id: int) -> None:
        """Judge DATA or HEADERS on a stream that is not open: right where it crossed our RST_STREAM.

        Raises:
            ConnectionProblem: it is wrong.
        """
        self.check_not_idle(stream_id)
        if stream_id not in self._reset_by_us:
            raise ConnectionProblem(ErrorCode.STREAM_CLOSED, "a frame on a closed stream")

    def check_not_idle(self, stream_id: int) -> None:
        """Check that a stream is or was open.

        Raises:
            ConnectionProblem: it never was.
        """
        highest = self._next_id - 2 if self._client else self.highest_peer_id
        if not stream_id & 1 or stream_id > highest:  # without push, there are no streams with even ids
            raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, "a frame on an idle stream")

    def remember_reset(self, stream_id: int) -> None:
        """Expect late frames of a stream that we end."""
        if len(self._reset_by_us) >= REMEMBERED_RESETS:
            del self._reset_by_us[next(iter(self._reset_by_us))]
        self._reset_by_us[stream_id] = None

    def count_reset(self) -> None:
        """Count a stream that the peer reset, or made us reset.

        Raises:
            ConnectionProblem: there are too many.
        """
        if not self._resets.spend():
            raise ConnectionProblem(ErrorCode.ENHANCE_YOUR_CALM, "too many streams are reset")
