"""One stream's facts."""

from collections import deque
from typing import NamedTuple

from sectigo_vault_pki.vault_plugin.http2.header_blocks import HeaderList, Kind
from sectigo_vault_pki.vault_plugin.http2.limits import STREAM_WINDOW_BYTES
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode, StreamProblem
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
        uncredited: what was taken since the peer was last told.
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
        """Move by a header list; say whether it is more than an interim response.

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
