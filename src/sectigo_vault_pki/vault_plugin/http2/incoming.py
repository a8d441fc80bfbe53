"""How much the peer may send: the windows, widened as what came is taken (RFC 9113 section 5.2)."""

from collections.abc import Callable

from sectigo_vault_pki.vault_plugin.http2.frames import window_update_frame
from sectigo_vault_pki.vault_plugin.http2.limits import (
    CONNECTION_WINDOW_BYTES,
    MAX_EMPTY_DATA_FRAMES,
    STREAM_WINDOW_BYTES,
)
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode
from sectigo_vault_pki.vault_plugin.http2.stream import Stream
from sectigo_vault_pki.vault_plugin.http2.stream_states import State


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
        """Take note of a DATA frame's payload, padding included.

        Raises:
            ConnectionProblem: it is more than the connection's window.
        """
        self._window -= flow_length
        if self._window < 0:
            raise ConnectionProblem(ErrorCode.FLOW_CONTROL_ERROR, "more than the connection's window")

    def count_empty(self, data: bytes, *, end_stream: bool) -> None:
        """Take note of a DATA frame's data.

        Raises:
            ConnectionProblem: one frame after the other says nothing.
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
            ConnectionProblem: the peer reads none of what it is told.
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
