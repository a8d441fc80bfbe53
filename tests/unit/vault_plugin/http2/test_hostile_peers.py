"""What a peer can make us keep or do: as much as the limits say."""

import tracemalloc

import pytest
from hpack import Encoder
from hyperframe.frame import DataFrame, Frame, PingFrame, RstStreamFrame

from sectigo_vault_pki.vault_plugin.grpc.messages import MessageReader
from sectigo_vault_pki.vault_plugin.http2 import limits
from sectigo_vault_pki.vault_plugin.http2.events import DataReceived
from sectigo_vault_pki.vault_plugin.http2.frames import PREFACE
from sectigo_vault_pki.vault_plugin.http2.header_blocks import encode
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode
from tests.support.http2 import (
    REQUEST,
    Peer,
    StoppedClock,
    continuation_frame,
    data_frame,
    headers_frame,
    raw_frame,
    settings_frame,
)

MIB = 1024 * 1024


@pytest.fixture
def peer() -> Peer:
    return Peer(our_side="server")


def test_endless_continuation_ends_the_connection(peer: Peer) -> None:
    peer.receive(headers_frame(1, whole=False))
    for _ in range(limits.MAX_CONTINUATION_FRAMES):
        peer.receive(continuation_frame(1, b""))
    assert peer.goaway is ErrorCode.ENHANCE_YOUR_CALM


def test_header_block_that_is_too_long_ends_the_connection(peer: Peer) -> None:
    peer.receive(headers_frame(1, whole=False))
    for _ in range(limits.MAX_HEADER_BLOCK_BYTES // 16_384):
        peer.receive(continuation_frame(1, bytes(16_384)))
    assert peer.goaway is ErrorCode.ENHANCE_YOUR_CALM


def test_header_bomb_ends_the_connection() -> None:
    peer = Peer(our_side="server", greet=False)
    large = encode(((b"a", b"v" * 3000),)).replace(b"\0", b"\x40", 1)  # goes into the table
    peer.receive(
        PREFACE,
        settings_frame(),  # our own are not acknowledged yet, so that there is a table
        raw_frame(1, 4, 1, Encoder().encode(list(REQUEST)) + large),
        raw_frame(1, 4, 3, b"\xbe" * 10_000),  # the entry again and again
    )
    assert peer.goaway is ErrorCode.ENHANCE_YOUR_CALM


def test_blocks_that_are_never_the_same_fill_no_memory(peer: Peer) -> None:
    def send(start: int) -> None:
        for number in range(start, start + 2_000):
            stream_id = 2 * number + 1
            peer.connection.receive(headers_frame(stream_id, [*REQUEST, ("n", f"{number:900}".strip())]).serialize())
            peer.connection.reset(stream_id, ErrorCode.CANCEL)
            peer.connection.take_output()

    send(0)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    send(2_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < MIB
    assert peer.goaway is None


def test_streams_over_the_limit_are_refused(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sectigo_vault_pki.vault_plugin.http2.streams.MAX_CONCURRENT_STREAMS", 3)
    peer.receive(*(headers_frame(stream_id) for stream_id in (1, 3, 5, 7)))
    assert (peer.resets, peer.goaway) == ({7: ErrorCode.REFUSED_STREAM}, None)
    peer.receive(RstStreamFrame(1, error_code=8), headers_frame(9))
    assert peer.connection.is_open(9)


def cycles(number: int, *frames: str) -> list[Frame]:
    """Open so many streams, each followed by what makes it end."""
    made: list[Frame] = []
    for stream_id in range(1, 2 * number, 2):
        made.append(headers_frame(stream_id, end="late" in frames))
        made.append(data_frame(stream_id) if "late" in frames else RstStreamFrame(stream_id, error_code=8))
    return made


@pytest.mark.parametrize("kind", ["reset by the peer", "late"])
def test_resets_in_a_loop_end_the_connection(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sectigo_vault_pki.vault_plugin.http2.streams.RESET_BURST", 50)
    peer = Peer(our_side="server")
    peer.receive(*cycles(50, kind))
    assert peer.goaway is None
    peer.receive(headers_frame(201), RstStreamFrame(201, error_code=8))
    assert peer.goaway is ErrorCode.ENHANCE_YOUR_CALM


def test_resets_now_and_then_are_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sectigo_vault_pki.vault_plugin.http2.streams.RESET_BURST", 2)
    clock = StoppedClock()
    peer = Peer(our_side="server", clock=clock)
    for frame in cycles(100):
        clock.now += 1 / limits.RESETS_PER_SECOND
        peer.receive(frame)
    assert peer.goaway is None


def test_all_waiting_requests_may_be_cancelled_at_once(peer: Peer) -> None:
    waiting = range(1, 2 * limits.MAX_CONCURRENT_STREAMS, 2)
    start = headers_frame(1)
    for stream_id in waiting:
        start.stream_id = stream_id
        peer.connection.receive(start.serialize())
    assert peer.connection.open_streams == limits.MAX_CONCURRENT_STREAMS
    for stream_id in waiting:
        peer.connection.receive(RstStreamFrame(stream_id, error_code=8).serialize())
    assert (peer.connection.open_streams, peer.goaway) == (0, None)


def test_empty_frames_without_end_end_the_connection(peer: Peer) -> None:
    peer.receive(headers_frame(1))
    peer.receive(*[data_frame(1)] * limits.MAX_EMPTY_DATA_FRAMES)
    assert peer.goaway is None
    peer.receive(data_frame(1))
    assert peer.goaway is ErrorCode.ENHANCE_YOUR_CALM


def test_settings_in_a_loop_end_the_connection(peer: Peer) -> None:
    peer.receive(*[settings_frame()] * limits.SETTINGS_BURST)
    assert peer.goaway is ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("unread", [PingFrame(0), headers_frame(1, [("a", "b")])], ids=["PING", "refused requests"])
def test_answers_that_nobody_reads_end_the_connection(peer: Peer, unread: Frame) -> None:
    peer.connection.set_writable(writable=False)
    for _ in range(limits.MAX_UNSENT_CONTROL_FRAMES):
        peer.connection.receive(unread.serialize())
        unread.stream_id += 2 if unread.stream_id else 0
    assert not peer.connection.failed
    peer.connection.receive(unread.serialize())
    assert peer.connection.failed


def test_requests_whose_answers_nobody_reads_stay_open(peer: Peer) -> None:
    peer.connection.set_writable(writable=False)
    for stream_id in (1, 3, 5):
        peer.receive(headers_frame(stream_id, end=True))
        peer.connection.send_headers(stream_id, encode(((b":status", b"200"),)))
        peer.connection.send_data(stream_id, b"answer", end_stream=True)
    assert (peer.collect(), peer.connection.open_streams) == ([], 3)
    peer.connection.set_writable(writable=True)
    assert sum(isinstance(frame, DataFrame) for frame in peer.collect()) == 3
    assert peer.connection.open_streams == 0


def test_answers_that_are_too_much_to_keep_end_the_connection(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sectigo_vault_pki.vault_plugin.http2.flow.MAX_UNSENT_BYTES", MIB)
    peer.receive(headers_frame(1, end=True))
    peer.connection.send_headers(1, encode(((b":status", b"200"),)))
    peer.connection.send_data(1, bytes(2 * MIB))
    peer.collect()
    assert peer.goaway is ErrorCode.ENHANCE_YOUR_CALM


def test_announced_message_takes_no_memory_before_it_comes(peer: Peer) -> None:
    peer.receive(headers_frame(1))
    reader = MessageReader()
    tracemalloc.start()
    for frame in (b"\0" + limits.MAX_MESSAGE_BYTES.to_bytes(4, "big"), bytes(16_384)):
        (event,) = peer.connection.receive(raw_frame(0, 0, 1, frame))
        assert isinstance(event, DataReceived)
        assert reader.read(event.data) == []
    kept = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept < MIB


def test_frame_in_single_bytes_takes_no_more_memory_than_in_one(peer: Peer) -> None:
    peer.receive(headers_frame(1))
    frame = raw_frame(0, 1, 1, bytes(16_384))
    for position in range(len(frame)):
        events = peer.connection.receive(frame[position : position + 1])
    assert len(events) == 1
