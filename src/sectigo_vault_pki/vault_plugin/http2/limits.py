"""What each end allows the other: limits of ours, each with its source, and SETTINGS (RFC 9113 section 6.5)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from sectigo_vault_pki.vault_plugin.http2.problems import ConnectionProblem, ErrorCode

MAX_FRAME_BYTES = 16_384
"""SETTINGS_MAX_FRAME_SIZE's initial value, which we leave as it is (RFC 9113 section 6.5.2)."""

MAX_SENT_FRAME_BYTES = 65_536
"""Of what a peer allows, we use so much: a frame is an indivisible turn of one stream's on the wire."""

STREAM_WINDOW_BYTES = 1024 * 1024
"""What a peer may send on a stream before we take it; a certificate with its chain is some 10 KiB."""

CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024
"""The same for all streams of a connection together: what one connection may make us hold unread."""

MAX_CONCURRENT_STREAMS = 20_000
"""Ten times the 2 000 requests that an engine may have waiting at once, each of which is an open stream."""

MAX_HEADER_LIST_BYTES = 65_536
"""hpack's own default; grpcio's is 8 to 16 KiB, Go's 16 MiB."""

MAX_HEADER_BLOCK_BYTES = 65_536
"""A block is seldom longer than the list that it encodes."""

MAX_CONTINUATION_FRAMES = 64
"""As python-hyper's h2 has it; four of the usual size hold the longest block (CVE-2024-27316)."""

MAX_MEMOIZED_BLOCK_BYTES = 1024
MAX_MEMOIZED_BLOCKS = 256
"""Together with the parsed lists, less than a MiB for each connection; a host uses about one block for each method."""

MAX_MESSAGE_BYTES = 2**31 - 1
"""What Go's plugins take and send (OpenBao, `sdk/plugin/serve.go`), and the longest that protobuf has.

No memory is set aside for what a message's prefix announces: it grows with what has arrived.
"""

MAX_ASSEMBLED_BYTES = 2 * MAX_MESSAGE_BYTES
"""Of messages that have not arrived completely, on all streams of a connection: two of the longest."""

MAX_UNREAD_MESSAGES = 16
"""On one stream; a peer that sends more than we take gets no window before we have taken some."""

MAX_UNSENT_BYTES = MAX_MESSAGE_BYTES + 256 * 1024 * 1024
"""What we keep for a peer that does not read; then it is taken to be stuck or hostile.

Beside the longest message, as much as 20 000 streams keep when each has an answer of 13 KiB.
"""

MAX_UNSENT_CONTROL_FRAMES = 10_000
"""Go's net/http2 has the same (CVE-2019-9512 and CVE-2019-9515: floods of PING and SETTINGS)."""

PING_REST_SECONDS = 0.1
"""Between two answers to PINGs: far below what takes a peer for dead (grpc-go's keepalive: 20 s)."""

MAX_HELD_PINGS = 16
"""A peer that sends more within that rest is answered at once."""

MAX_EMPTY_DATA_FRAMES = 100
"""One after the other, without END_STREAM, on a connection (CVE-2019-9518)."""

RESET_BURST = 2 * MAX_CONCURRENT_STREAMS
RESETS_PER_SECOND = 100.0
"""Streams that end by an RST_STREAM, of the peer's or one that it provoked (CVE-2023-44487, CVE-2025-8671).

A host that is sealed cancels all that waits at once. The rate is three times nghttp2's default of 33.
"""

SETTINGS_BURST = 100
SETTINGS_PER_SECOND = 10.0
"""A peer changes its settings a few times in a connection's life."""

REMEMBERED_RESETS = MAX_CONCURRENT_STREAMS
"""Streams we reset whose late frames are still expected (RFC 9113 section 5.4.2)."""

_LARGEST_FRAME_BYTES = 2**24 - 1
"""RFC 9113 section 6.5.2."""

MAX_STREAM_ID = 2**31 - 1
"""RFC 9113 section 5.1.1."""

MAX_WINDOW_BYTES = 2**31 - 1
"""RFC 9113 section 6.9.1."""

HANDSHAKE_SECONDS = 10.0
"""For TLS, and for the peer's SETTINGS after it."""

MAX_HANDSHAKES = 64
"""At once, the oldest of which give way; asyncio keeps 256 KiB for each, and a host has one connection."""


class Budget:
    """A token bucket: so many at once, so many a second."""

    def __init__(self, burst: int, per_second: float, *, clock: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._clock = clock
        self._left = self._burst
        self._at = clock()

    def spend(self) -> bool:
        """Take a token; return whether there was one."""
        if self._left < 1:
            now = self._clock()
            self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return False
        self._left -= 1
        return True


class Setting(IntEnum):
    """RFC 9113 section 6.5.2."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6


@dataclass(slots=True)
class PeerSettings:
    """The peer's settings, with the defaults that hold until it sends any.

    Its header table size and list size are left out: we keep no table, and our lists are short.
    """

    max_concurrent_streams: int = 2**32 - 1
    initial_window_size: int = 65_535
    max_frame_size: int = MAX_FRAME_BYTES

    def change(self, identifier: int, value: int) -> None:
        """Apply one setting; an unknown one is ignored.

        Raises:
            ConnectionProblem: the value is out of its bounds.
        """
        match identifier:
            case Setting.ENABLE_PUSH if value > 1:
                raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, f"ENABLE_PUSH of {value}")
            case Setting.MAX_CONCURRENT_STREAMS:
                self.max_concurrent_streams = value
            case Setting.INITIAL_WINDOW_SIZE:
                if value > MAX_WINDOW_BYTES:
                    raise ConnectionProblem(ErrorCode.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE of {value}")
                self.initial_window_size = value
            case Setting.MAX_FRAME_SIZE:
                if not MAX_FRAME_BYTES <= value <= _LARGEST_FRAME_BYTES:
                    raise ConnectionProblem(ErrorCode.PROTOCOL_ERROR, f"MAX_FRAME_SIZE of {value}")
                self.max_frame_size = value
