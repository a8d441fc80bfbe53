"""The streams of a connection: which are open, which were, which never were (RFC 9113 section 5.1.1)."""

from collections.abc import Callable

from sectigo_vault_pki.vault_plugin.http2.budget import Budget
from sectigo_vault_pki.vault_plugin.http2.header_blocks import Kind
from sectigo_vault_pki.vault_plugin.http2.limits import (
    MAX_CONCURRENT_STREAMS,
    MAX_STREAM_ID,
    REMEMBERED_RESETS,
    RESET_BURST,
    RESETS_PER_SECOND,
)
from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode, StreamProblem
from sectigo_vault_pki.vault_plugin.http2.stream import Stream


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
        if self.refuses_new:  # it crossed our GOAWAY, which says that we do not know it
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
        if not stream_id & 1 or stream_id > highest:  # without push, nobody opens streams with even ids
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
