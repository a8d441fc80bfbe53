"""Windows, both ways (RFC 9113 sections 5.2 and 6.9)."""

from hyperframe.frame import DataFrame, HeadersFrame, RstStreamFrame, WindowUpdateFrame

from sectigo_vault_pki.vault_plugin.http2.events import DataReceived, StreamDrained
from sectigo_vault_pki.vault_plugin.http2.header_blocks import encode
from sectigo_vault_pki.vault_plugin.http2.limits import CONNECTION_WINDOW_BYTES, MAX_FRAME_BYTES, STREAM_WINDOW_BYTES
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode
from tests.support.http2 import Peer, data_frame, headers_frame, raw_frame, settings_frame

HEADERS = encode(((b":status", b"200"),))
TRAILERS = encode(((b"grpc-status", b"0"),))


def answering_server(*stream_ids: int) -> Peer:
    """A server of ours with open requests, to which it has sent headers."""
    peer = Peer(our_side="server")
    for stream_id in stream_ids:
        peer.receive(headers_frame(stream_id, end=True))
        peer.connection.send_headers(stream_id, HEADERS)
    peer.collect()
    return peer


def data_sent(peer: Peer) -> dict[int, int]:
    sent: dict[int, int] = {}
    for frame in peer.collect():
        if isinstance(frame, DataFrame):
            sent[frame.stream_id] = sent.get(frame.stream_id, 0) + len(frame.data)
    return sent


def test_no_more_is_sent_than_the_peers_windows_allow() -> None:
    peer = answering_server(1)
    peer.connection.send_data(1, bytes(100_000))
    assert data_sent(peer) == {1: 65_535}
    assert peer.connection.holds_back(1)
    peer.receive(WindowUpdateFrame(1, window_increment=10_000))
    assert data_sent(peer) == {}
    peer.receive(WindowUpdateFrame(0, window_increment=4_000))
    peer.receive(WindowUpdateFrame(0, window_increment=100_000))
    assert sum(len(frame.data) for frame in peer.sent if isinstance(frame, DataFrame)) == 75_535


def test_rest_follows_when_the_windows_widen_and_that_is_told() -> None:
    peer = answering_server(1)
    peer.connection.send_data(1, bytes(100_000))
    peer.connection.send_headers(1, TRAILERS, end_stream=True)
    peer.receive(WindowUpdateFrame(0, window_increment=100_000))
    peer.receive(WindowUpdateFrame(1, window_increment=100_000))
    frames = [frame for frame in peer.sent if frame.stream_id == 1 and isinstance(frame, (DataFrame, HeadersFrame))]
    assert sum(len(frame.data) for frame in frames if isinstance(frame, DataFrame)) == 100_000
    assert frames[-1].flags >= {"END_STREAM", "END_HEADERS"}
    assert StreamDrained(1) in peer.events
    assert not peer.connection.is_open(1)


def test_frames_are_no_longer_than_the_peer_takes() -> None:
    peer = answering_server(1)
    peer.connection.send_data(1, bytes(60_000))
    sizes = [len(frame.data) for frame in peer.collect() if isinstance(frame, DataFrame)]
    assert sizes == [16_384, 16_384, 16_384, 10_848]


def test_larger_frames_are_sent_to_a_peer_that_takes_them() -> None:
    peer = answering_server(1)
    peer.receive(settings_frame({5: 50_000}))
    peer.connection.send_data(1, bytes(60_000))
    assert [len(frame.data) for frame in peer.collect() if isinstance(frame, DataFrame)] == [50_000, 10_000]


def test_change_of_the_initial_window_moves_the_windows_of_open_streams() -> None:
    peer = answering_server(1)
    peer.connection.send_data(1, bytes(1000))
    peer.receive(settings_frame({4: 500}))
    peer.connection.send_data(1, b"x")
    assert [len(frame.data) for frame in peer.sent if isinstance(frame, DataFrame)] == [1000]
    peer.receive(settings_frame({4: 1001}))
    assert [len(frame.data) for frame in peer.sent if isinstance(frame, DataFrame)] == [1000, 1]


def test_end_needs_no_window() -> None:
    peer = answering_server(1)
    peer.receive(settings_frame({4: 0}))
    peer.connection.send_data(1, b"", end_stream=True)
    (frame,) = peer.collect()
    assert "END_STREAM" in frame.flags


def test_streams_take_turns_at_the_connections_window() -> None:
    peer = answering_server(1, 3)
    peer.receive(settings_frame({4: 1_000_000}))
    peer.collect()
    peer.connection.send_data(1, bytes(200_000))
    peer.connection.send_data(3, bytes(200_000))
    assert data_sent(peer) == {1: 65_535}
    peer.receive(WindowUpdateFrame(0, window_increment=1_000))
    peer.receive(WindowUpdateFrame(0, window_increment=1_000))
    sent = [frame.stream_id for frame in peer.sent if isinstance(frame, DataFrame)][-2:]
    assert sorted(sent) == [1, 3]


def test_reset_stream_gives_its_place_to_others() -> None:
    peer = answering_server(1, 3)
    peer.connection.send_data(1, bytes(100_000))
    peer.collect()
    peer.connection.send_data(3, b"abc")
    peer.receive(RstStreamFrame(1, error_code=8))
    peer.receive(WindowUpdateFrame(0, window_increment=10))
    assert [frame.stream_id for frame in peer.sent if isinstance(frame, DataFrame)][-1] == 3
    assert not peer.connection.holds_back(1)


def body(stream_id: int, length: int) -> list[bytes]:
    """Frames of the largest size with so much in all."""
    whole, rest = divmod(length, MAX_FRAME_BYTES)
    return [raw_frame(0, 0, stream_id, bytes(size)) for size in [MAX_FRAME_BYTES] * whole + [rest] if size]


def test_peer_that_sends_more_than_its_stream_may_loses_the_stream() -> None:
    peer = Peer(our_side="server")
    peer.receive(headers_frame(1), *body(1, STREAM_WINDOW_BYTES))
    assert peer.resets == {}
    peer.receive(data_frame(1, b"x"))
    assert (peer.resets, peer.goaway) == ({1: ErrorCode.FLOW_CONTROL_ERROR}, None)


def test_peer_that_sends_more_than_its_connection_may_loses_the_connection() -> None:
    peer = Peer(our_side="server")
    streams = CONNECTION_WINDOW_BYTES // STREAM_WINDOW_BYTES
    for number in range(streams):
        peer.receive(headers_frame(2 * number + 1), *body(2 * number + 1, STREAM_WINDOW_BYTES))
    assert peer.goaway is None
    peer.receive(headers_frame(999), data_frame(999, b"x"))
    assert peer.goaway is ErrorCode.FLOW_CONTROL_ERROR


def test_taken_data_is_credited_to_the_stream_and_to_the_connection() -> None:
    peer = Peer(our_side="server")
    peer.receive(headers_frame(1))
    for _ in range(3 * CONNECTION_WINDOW_BYTES // STREAM_WINDOW_BYTES):
        for event in peer.receive(*body(1, STREAM_WINDOW_BYTES)):
            assert isinstance(event, DataReceived)
            peer.connection.credit(1, len(event.data))
        peer.collect()
    assert (peer.goaway, peer.resets) == (None, {})


def test_padding_and_late_data_are_credited_by_themselves() -> None:
    peer = Peer(our_side="server")
    peer.receive(headers_frame(1), headers_frame(3))
    peer.connection.reset(3, ErrorCode.CANCEL)
    padded = raw_frame(0, 8, 1, b"\xfe" + bytes(255))  # one byte of data
    late = raw_frame(0, 0, 3, bytes(MAX_FRAME_BYTES))
    for _ in range(2 * CONNECTION_WINDOW_BYTES // MAX_FRAME_BYTES):
        peer.receive(late, *[padded] * 10)
    assert (peer.goaway, peer.resets) == (None, {3: ErrorCode.CANCEL})


def test_stream_that_has_ended_is_credited_no_more() -> None:
    peer = Peer(our_side="server")
    peer.receive(headers_frame(1), *body(1, STREAM_WINDOW_BYTES - 1), data_frame(1, b"", end=True))
    peer.connection.credit(1, STREAM_WINDOW_BYTES - 1)
    assert [frame for frame in peer.collect() if isinstance(frame, WindowUpdateFrame)] == []
