"""Flow control, both ways (RFC 9113 section 5.2): what the peer may send, and what we send at once or in turn."""

from collections.abc import Callable, Iterable

from sectigo_vault_pki.vault_plugin.http2.frames import (
    ACK,
    END_STREAM,
    FrameType,
    frame,
    header_frames,
    window_update_frame,
)
from sectigo_vault_pki.vault_plugin.http2.header_blocks import NO_DYNAMIC_TABLE
from sectigo_vault_pki.vault_plugin.http2.limits import (
    CONNECTION_WINDOW_BYTES,
    MAX_EMPTY_DATA_FRAMES,
    MAX_HELD_PINGS,
    MAX_SENT_FRAME_BYTES,
    MAX_UNSENT_BYTES,
    MAX_UNSENT_CONTROL_FRAMES,
    MAX_WINDOW_BYTES,
    PING_REST_SECONDS,
    STREAM_WINDOW_BYTES,
    PeerSettings,
)
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode, StreamProblem
from sectigo_vault_pki.vault_plugin.http2.stream_states import Input, State
from sectigo_vault_pki.vault_plugin.http2.streams import Stream, Unsent


class Incoming:
    """What the peer has sent of what it may.

    Args:
        send: sends a frame that flow control does not hold back.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._window = CONNECTION_WINDOW_BYTES
        self._uncredited = 0
        self._empty_frames = 0

    def spend(self, flow_length: int) -> None:
        """Count a DATA frame's payload, padding included.

        Raises:
            ConnectionProblem: it is more than the connection's window.
        """
        self._window -= flow_length
        if self._window < 0:
            raise ConnectionProblem(ErrorCode.FLOW_CONTROL_ERROR, "more than the connection's window")

    def count_empty(self, data: bytes, *, end_stream: bool) -> None:
        """Count a DATA frame without data.

        Raises:
            ConnectionProblem: too many in a row.
        """
        if data or end_stream:
            self._empty_frames = 0
            return
        self._empty_frames += 1
        if self._empty_frames > MAX_EMPTY_DATA_FRAMES:
            raise ConnectionProblem(ErrorCode.ENHANCE_YOUR_CALM, "too many empty frames")

    def credit(self, stream: Stream | None, length: int) -> None:
        """Let the peer send so much more, on the connection and on a stream that is still open for it.

        Raises:
            ConnectionProblem: the peer does not read control frames.
        """
        self._uncredited += length
        if self._uncredited * 2 >= CONNECTION_WINDOW_BYTES:
            self._send(window_update_frame(0, self._uncredited))
            self._window += self._uncredited
            self._uncredited = 0
        if stream is None or stream.state in (State.HALF_CLOSED_REMOTE, State.CLOSED):
            return
        stream.uncredited += length
        if stream.uncredited * 2 >= STREAM_WINDOW_BYTES:
            self._send(window_update_frame(stream.id, stream.uncredited))
            stream.receive_window += stream.uncredited
            stream.uncredited = 0


class Outgoing:
    """Bytes to write, and the streams that may not write yet.

    While `writable` is False, the peer does not read what it gets: then streams keep their content and stay open, so
    that the limit on open streams is one on unread answers too.

    Attributes:
        writable: whether bytes can be taken.
        unsent_bytes: what all streams together hold back.
    """

    def __init__(self, peer: PeerSettings, *, ended: Callable[[Stream], None]) -> None:
        self.writable = True
        self.unsent_bytes = 0
        self._peer = peer
        self._ended = ended
        self._window = peer.initial_window_size
        self._parts: list[bytes] = []
        self._control_frames = 0
        self._blocked: dict[int, Stream] = {}
        self._table_announced = False

    def take(self) -> bytes:
        """Return the bytes to write now."""
        if not self.writable or not self._parts:
            return b""
        data = b"".join(self._parts)
        self._parts.clear()
        self._control_frames = 0
        return data

    def control(self, data: bytes) -> None:
        """Send a frame that flow control does not hold back.

        Raises:
            ConnectionProblem: the peer causes more and more of them, and reads none.
        """
        self._parts.append(data)
        if not self.writable:
            self._control_frames += 1
            if self._control_frames > MAX_UNSENT_CONTROL_FRAMES:
                raise ConnectionProblem(ErrorCode.ENHANCE_YOUR_CALM, "answers to control frames are not read")

    def last_words(self, data: bytes) -> None:
        """Send a frame after which nothing follows."""
        self._parts.append(data)

    def headers(self, stream: Stream, block: bytes, *, end_stream: bool) -> None:
        """Send a header block, after what the stream holds back."""
        if stream.unsent or not self.writable:
            self._hold(stream, Unsent(True, memoryview(block), end_stream))  # noqa: FBT003  a tuple's field
        else:
            self._emit_block(stream, block, end_stream=end_stream)

    def data(self, stream: Stream, content: bytes, *, end_stream: bool) -> None:
        """Send a piece of body, after what the stream holds back."""
        if stream.unsent or not self.writable:
            self._hold(stream, Unsent(False, memoryview(content), end_stream))  # noqa: FBT003  a tuple's field
            return
        sent = self._emit_data(stream, content, end_stream=end_stream)
        if sent is not None:
            self._hold(stream, Unsent(False, memoryview(content)[sent:], end_stream))  # noqa: FBT003  a tuple's field

    def forget(self, stream: Stream) -> None:
        """Drop what a stream held back."""
        self.unsent_bytes -= sum(len(unsent.content) for unsent in stream.unsent)
        stream.unsent.clear()
        self._blocked.pop(stream.id, None)

    def widen(self, increment: int) -> None:
        """Apply a WINDOW_UPDATE of the connection.

        Raises:
            ConnectionProblem: it is too much.
        """
        if self._window + increment > MAX_WINDOW_BYTES:
            raise ConnectionProblem(ErrorCode.FLOW_CONTROL_ERROR, "a window larger than there can be")
        self._window += increment

    def widen_stream(self, stream: Stream, increment: int) -> None:
        """Apply a WINDOW_UPDATE of a stream.

        Raises:
            StreamProblem: it is too much.
        """
        if self._peer.initial_window_size + stream.send_credit + increment > MAX_WINDOW_BYTES:
            raise StreamProblem(stream.id, ErrorCode.FLOW_CONTROL_ERROR, "a window larger than there can be")
        stream.send_credit += increment

    def check_windows(self, streams: Iterable[Stream]) -> None:
        """Check the streams' windows after a change of the initial one (RFC 9113 section 6.9.2).

        Raises:
            ConnectionProblem: a window has become larger than there can be.
        """
        most = MAX_WINDOW_BYTES - self._peer.initial_window_size
        if any(stream.send_credit > most for stream in streams):
            raise ConnectionProblem(ErrorCode.FLOW_CONTROL_ERROR, "a window larger than there can be")

    def pump(self) -> list[Stream]:
        """Send what may be sent now; return the streams that hold nothing back any more."""
        drained = []
        for stream in list(self._blocked.values()):
            if not self.writable:
                break
            if self._pump(stream):
                drained.append(stream)
            elif self._window <= 0:
                # The next one in turn goes on when there is more.
                self._blocked[stream.id] = self._blocked.pop(stream.id)
                break
        return drained

    def _pump(self, stream: Stream) -> bool:
        while stream.unsent:
            unsent = stream.unsent.popleft()
            self.unsent_bytes -= len(unsent.content)
            if unsent.is_block:
                self._emit_block(stream, bytes(unsent.content), end_stream=unsent.end_stream)
                continue
            sent = self._emit_data(stream, unsent.content, end_stream=unsent.end_stream)
            if sent is not None:
                rest = unsent.content[sent:]
                self.unsent_bytes += len(rest)
                stream.unsent.appendleft(unsent._replace(content=rest))
                return False
        self._blocked.pop(stream.id, None)
        return True

    def _hold(self, stream: Stream, unsent: Unsent) -> None:
        stream.unsent.append(unsent)
        self.unsent_bytes += len(unsent.content)
        self._blocked[stream.id] = stream
        if self.unsent_bytes > MAX_UNSENT_BYTES:
            raise ConnectionProblem(ErrorCode.ENHANCE_YOUR_CALM, "what we send is not read")

    def _emit_block(self, stream: Stream, block: bytes, *, end_stream: bool) -> None:
        if not self._table_announced:
            block = NO_DYNAMIC_TABLE + block
            self._table_announced = True
        stream.send(Input.SEND_HEADERS)
        self._parts.append(header_frames(stream.id, block, end_stream=end_stream, largest=self._largest_frame))
        if end_stream:
            self._end(stream)

    def _emit_data(self, stream: Stream, content: bytes | memoryview, *, end_stream: bool) -> int | None:
        """Send as much as may be sent; return how much that was, or None for all of it."""
        position, size, largest = 0, len(content), self._largest_frame
        while True:
            left = size - position
            room = min(self._window, self._peer.initial_window_size + stream.send_credit, largest)
            if left > 0 >= room:
                return position
            length = min(left, max(room, 0))
            last = length == left
            stream.send(Input.SEND_DATA)
            flags = END_STREAM if end_stream and last else 0
            self._parts.append(frame(FrameType.DATA, flags, stream.id, content[position : position + length]))
            self._window -= length
            stream.send_credit -= length
            position += length
            if last:
                break
        if end_stream:
            self._end(stream)
        return None

    def _end(self, stream: Stream) -> None:
        stream.send(Input.SEND_END)
        if stream.state is State.CLOSED:
            self._ended(stream)

    @property
    def _largest_frame(self) -> int:
        return min(self._peer.max_frame_size, MAX_SENT_FRAME_BYTES)


class PingAnswers:
    """What is owed to a peer that asks whether we are there.

    Args:
        clock: seconds that never go back.
        send: sends a frame that flow control does not hold back.
    """

    def __init__(self, clock: Callable[[], float], *, send: Callable[[bytes], None]) -> None:
        self._clock = clock
        self._send = send
        self._rests_until = 0.0
        self._owed: list[bytes] = []

    def owe(self, payload: bytes) -> None:
        """Take a PING, and answer it now or in its turn.

        Raises:
            ConnectionProblem: the peer reads no answers.
        """
        self._owed.append(payload)
        self.answer()

    def answer(self) -> None:
        """Answer those whose turn has come, oldest first.

        Raises:
            ConnectionProblem: the peer reads no answers.
        """
        if not self._owed or (self.rest and len(self._owed) < MAX_HELD_PINGS):
            return
        self._rests_until = self._clock() + PING_REST_SECONDS
        due, self._owed = self._owed, []
        for payload in due:
            self._send(frame(FrameType.PING, ACK, 0, payload))

    @property
    def rest(self) -> float | None:
        """Seconds until what is owed is due; None where nothing is owed."""
        return max(0.0, self._rests_until - self._clock()) if self._owed else None
