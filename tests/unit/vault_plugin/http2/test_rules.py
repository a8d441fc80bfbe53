"""What a connection answers to frames that break a rule of RFC 9113, rule by rule."""

import pytest
from hyperframe.frame import Frame, GoAwayFrame, PingFrame, PriorityFrame, RstStreamFrame, WindowUpdateFrame

from sectigo_vault_pki.vault_plugin.http2.frames import PREFACE
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode
from tests.support.http2 import (
    REQUEST,
    RESPONSE,
    Peer,
    continuation_frame,
    data_frame,
    headers_frame,
    raw_frame,
    settings_frame,
)

Frames = list[Frame | bytes]
OPEN = headers_frame(1)
WITHOUT_PATH = [field for field in REQUEST if field[0] != ":path"]

CONNECTION_ERRORS: dict[str, tuple[Frames, ErrorCode]] = {
    "4.2 a frame longer than announced": ([raw_frame(0, 0, 1, bytes(16_385))], ErrorCode.FRAME_SIZE_ERROR),
    "4.3 a block that cannot be decoded": ([raw_frame(1, 4, 1, b"\xff\xff\xff\xff")], ErrorCode.COMPRESSION_ERROR),
    "4.3 a block that needs a dynamic table": ([raw_frame(1, 4, 1, b"\xbe")], ErrorCode.COMPRESSION_ERROR),
    "4.3 a frame amid a block": ([headers_frame(1, whole=False), PingFrame(0)], ErrorCode.PROTOCOL_ERROR),
    "4.3 a block of two streams": (
        [headers_frame(1, whole=False), continuation_frame(3, b"", last=True)],
        ErrorCode.PROTOCOL_ERROR,
    ),
    "5.1 DATA on an idle stream": ([data_frame(1, b"x")], ErrorCode.PROTOCOL_ERROR),
    "5.1 RST_STREAM on an idle stream": ([RstStreamFrame(1, error_code=8)], ErrorCode.PROTOCOL_ERROR),
    "5.1 WINDOW_UPDATE on an idle stream": ([WindowUpdateFrame(1, window_increment=1)], ErrorCode.PROTOCOL_ERROR),
    "5.1 HEADERS after the stream was reset": (
        [OPEN, RstStreamFrame(1, error_code=8), headers_frame(1)],
        ErrorCode.STREAM_CLOSED,
    ),
    "5.1 DATA after the stream was reset": (
        [OPEN, RstStreamFrame(1, error_code=8), data_frame(1, b"x")],
        ErrorCode.STREAM_CLOSED,
    ),
    "5.1.1 a client's stream with an even id": ([headers_frame(2)], ErrorCode.PROTOCOL_ERROR),
    "5.1.1 a stream that a later one has closed": ([headers_frame(5), headers_frame(3)], ErrorCode.STREAM_CLOSED),
    "6.1 DATA on stream 0": ([raw_frame(0, 0, 0, b"x")], ErrorCode.PROTOCOL_ERROR),
    "6.1 more padding than DATA": ([OPEN, raw_frame(0, 8, 1, b"\x05abc")], ErrorCode.PROTOCOL_ERROR),
    "6.1 padded DATA without a length": ([OPEN, raw_frame(0, 8, 1, b"")], ErrorCode.FRAME_SIZE_ERROR),
    "6.2 HEADERS on stream 0": ([raw_frame(1, 4, 0, b"")], ErrorCode.PROTOCOL_ERROR),
    "6.2 HEADERS shorter than its priority": ([raw_frame(1, 0x24, 1, b"abc")], ErrorCode.FRAME_SIZE_ERROR),
    "6.2 more padding than HEADERS": ([raw_frame(1, 0xC, 1, b"\x01")], ErrorCode.PROTOCOL_ERROR),
    "6.3 PRIORITY on stream 0": ([raw_frame(2, 0, 0, bytes(5))], ErrorCode.PROTOCOL_ERROR),
    "6.4 RST_STREAM on stream 0": ([raw_frame(3, 0, 0, bytes(4))], ErrorCode.PROTOCOL_ERROR),
    "6.4 RST_STREAM of another size": ([OPEN, raw_frame(3, 0, 1, bytes(5))], ErrorCode.FRAME_SIZE_ERROR),
    "6.5 SETTINGS on a stream": ([raw_frame(4, 0, 1, b"")], ErrorCode.PROTOCOL_ERROR),
    "6.5 SETTINGS of another size": ([raw_frame(4, 0, 0, bytes(5))], ErrorCode.FRAME_SIZE_ERROR),
    "6.5 an acknowledgement with content": ([raw_frame(4, 1, 0, bytes(6))], ErrorCode.FRAME_SIZE_ERROR),
    "6.5.2 ENABLE_PUSH of 2": ([settings_frame({2: 2})], ErrorCode.PROTOCOL_ERROR),
    "6.5.2 INITIAL_WINDOW_SIZE too large": ([settings_frame({4: 2**31})], ErrorCode.FLOW_CONTROL_ERROR),
    "6.5.2 MAX_FRAME_SIZE too small": ([settings_frame({5: 16_383})], ErrorCode.PROTOCOL_ERROR),
    "6.5.2 MAX_FRAME_SIZE too large": ([settings_frame({5: 2**24})], ErrorCode.PROTOCOL_ERROR),
    "6.6 PUSH_PROMISE": ([OPEN, raw_frame(5, 4, 1, bytes(4))], ErrorCode.PROTOCOL_ERROR),
    "6.7 PING on a stream": ([raw_frame(6, 0, 1, bytes(8))], ErrorCode.PROTOCOL_ERROR),
    "6.7 PING of another size": ([raw_frame(6, 0, 0, bytes(7))], ErrorCode.FRAME_SIZE_ERROR),
    "6.8 GOAWAY on a stream": ([raw_frame(7, 0, 1, bytes(8))], ErrorCode.PROTOCOL_ERROR),
    "6.8 GOAWAY of another size": ([raw_frame(7, 0, 0, bytes(7))], ErrorCode.FRAME_SIZE_ERROR),
    "6.9 WINDOW_UPDATE of another size": ([raw_frame(8, 0, 0, bytes(3))], ErrorCode.FRAME_SIZE_ERROR),
    "6.9 WINDOW_UPDATE of 0": ([raw_frame(8, 0, 0, bytes(4))], ErrorCode.PROTOCOL_ERROR),
    "6.9.1 a window too large": ([WindowUpdateFrame(0, window_increment=2**31 - 1)], ErrorCode.FLOW_CONTROL_ERROR),
    "6.9.2 a change that makes a window too large": (
        [OPEN, WindowUpdateFrame(1, window_increment=2**31 - 65_536), settings_frame({4: 65_536})],
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "6.10 CONTINUATION of nothing": ([continuation_frame(1, b"", last=True)], ErrorCode.PROTOCOL_ERROR),
}

STREAM_ERRORS: dict[str, tuple[Frames, ErrorCode]] = {
    "5.1 DATA after END_STREAM": ([headers_frame(1, end=True), data_frame(1, b"x")], ErrorCode.STREAM_CLOSED),
    "5.1 HEADERS after END_STREAM": ([headers_frame(1, end=True), headers_frame(1)], ErrorCode.STREAM_CLOSED),
    "6.9 WINDOW_UPDATE of 0": ([OPEN, raw_frame(8, 0, 1, bytes(4))], ErrorCode.PROTOCOL_ERROR),
    "6.9.1 a window too large": (
        [OPEN, WindowUpdateFrame(1, window_increment=2**31 - 1)],
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "8.1 trailers that do not end the stream": (
        [OPEN, headers_frame(1, [("a", "b")])],
        ErrorCode.PROTOCOL_ERROR,
    ),
    "8.1 trailers with a pseudo-header field": ([OPEN, headers_frame(1, end=True)], ErrorCode.PROTOCOL_ERROR),
    "8.1.1 less than content-length": (
        [headers_frame(1, [*REQUEST, ("content-length", "2")]), data_frame(1, b"x", end=True)],
        ErrorCode.PROTOCOL_ERROR,
    ),
    "8.1.1 more than content-length": (
        [headers_frame(1, [*REQUEST, ("content-length", "0")]), data_frame(1, b"x", end=True)],
        ErrorCode.PROTOCOL_ERROR,
    ),
    "8.1.1 no number as content-length": (
        [headers_frame(1, [*REQUEST, ("content-length", "-1")])],
        ErrorCode.PROTOCOL_ERROR,
    ),
    "8.2.1 an upper-case name": ([headers_frame(1, [*REQUEST, ("Name", "x")])], ErrorCode.PROTOCOL_ERROR),
    "8.2.1 a line break in a value": ([headers_frame(1, [*REQUEST, ("name", "a\nb")])], ErrorCode.PROTOCOL_ERROR),
    "8.2.1 a space before a value": ([headers_frame(1, [*REQUEST, ("name", " a")])], ErrorCode.PROTOCOL_ERROR),
    "8.2.2 a connection's field": ([headers_frame(1, [*REQUEST, ("connection", "close")])], ErrorCode.PROTOCOL_ERROR),
    "8.2.2 te that is not trailers": ([headers_frame(1, [*REQUEST, ("te", "gzip")])], ErrorCode.PROTOCOL_ERROR),
    "8.3 a pseudo-header field after others": (
        [headers_frame(1, [("a", "b"), *REQUEST])],
        ErrorCode.PROTOCOL_ERROR,
    ),
    "8.3 a response's field": ([headers_frame(1, [(":status", "200"), *REQUEST])], ErrorCode.PROTOCOL_ERROR),
    "8.3 a field twice": ([headers_frame(1, [REQUEST[0], *REQUEST])], ErrorCode.PROTOCOL_ERROR),
    "8.3.1 no path": ([headers_frame(1, WITHOUT_PATH)], ErrorCode.PROTOCOL_ERROR),
    "8.3.1 an empty path": ([headers_frame(1, [(":path", ""), *WITHOUT_PATH])], ErrorCode.PROTOCOL_ERROR),
}

NO_ERRORS: dict[str, Frames] = {
    "4.1 a reserved bit": [raw_frame(6, 0, 0x80000000, bytes(8))],
    "4.1 flags without a meaning": [raw_frame(6, 0xFE, 0, bytes(8))],
    "5.1 WINDOW_UPDATE after the stream was closed": [
        OPEN,
        RstStreamFrame(1, error_code=8),
        WindowUpdateFrame(1, window_increment=1),
    ],
    "5.1 RST_STREAM after the stream was closed": [OPEN, *[RstStreamFrame(1, error_code=8)] * 2],
    "5.3 PRIORITY": [PriorityFrame(7, depends_on=1)],
    "5.5 a frame of an unknown type": [raw_frame(0xEE, 0xFF, 9, b"whatever")],
    "6.1 padded DATA": [OPEN, raw_frame(0, 8, 1, b"\x02abcde")],
    "6.5.2 an unknown setting": [settings_frame({0xEE: 5})],
    "6.8 GOAWAY with an unknown code": [GoAwayFrame(0, error_code=0xEE)],
    "7 RST_STREAM with an unknown code": [OPEN, RstStreamFrame(1, error_code=0xEE)],
    "8.1 trailers": [OPEN, data_frame(1, b"x"), headers_frame(1, [("a", "b")], end=True)],
    "8.1.1 as much as content-length": [
        headers_frame(1, [*REQUEST, ("content-length", "1")]),
        data_frame(1, b"x", end=True),
    ],
}


@pytest.mark.parametrize("name", CONNECTION_ERRORS)
def test_broken_rule_ends_the_connection(name: str) -> None:
    frames, code = CONNECTION_ERRORS[name]
    peer = Peer(our_side="server")
    peer.receive(*frames)
    assert peer.goaway is code
    assert peer.receive(PingFrame(0)) == []


@pytest.mark.parametrize("name", STREAM_ERRORS)
def test_broken_rule_ends_the_stream_and_nothing_else(name: str) -> None:
    frames, code = STREAM_ERRORS[name]
    peer = Peer(our_side="server")
    peer.receive(*frames, headers_frame(3))
    assert (peer.goaway, peer.resets) == (None, {1: code})
    assert peer.connection.is_open(3)


@pytest.mark.parametrize("name", NO_ERRORS)
def test_unusual_frames_are_taken(name: str) -> None:
    peer = Peer(our_side="server")
    peer.receive(*NO_ERRORS[name], headers_frame(99))
    assert (peer.goaway, peer.resets) == (None, {})
    assert peer.connection.is_open(99)


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nXX", b"\x16\x03\x01"])
def test_client_that_begins_with_anything_else_is_told_so(start: bytes) -> None:
    peer = Peer(our_side="server", greet=False)
    peer.receive(start)
    assert peer.goaway is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("frame", [PingFrame(0), settings_frame(ack=True), OPEN])
def test_connection_has_to_begin_with_settings(frame: Frame) -> None:
    peer = Peer(our_side="server", greet=False)
    peer.receive(PREFACE, frame)
    assert peer.goaway is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([headers_frame(2, RESPONSE)], ErrorCode.PROTOCOL_ERROR),
        ([headers_frame(3, RESPONSE)], ErrorCode.PROTOCOL_ERROR),
        ([settings_frame({2: 1})], ErrorCode.PROTOCOL_ERROR),
        ([raw_frame(5, 4, 1, bytes(4))], ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_server_that_breaks_a_rule_is_left(frames: Frames, code: ErrorCode) -> None:
    peer = Peer(our_side="client")
    assert peer.connection.open_stream(b"") == 1
    peer.receive(*frames)
    assert peer.goaway is code


@pytest.mark.parametrize(
    "frames",
    [
        [data_frame(1, b"x")],
        [headers_frame(1, [("content-type", "application/grpc")])],
        [headers_frame(1, [*RESPONSE, (":path", "/")])],
        [headers_frame(1, [(":status", "103")], end=True)],
    ],
    ids=["a body before its headers", "no status", "a request's field", "an interim response at the end"],
)
def test_malformed_response_ends_its_stream(frames: Frames) -> None:
    peer = Peer(our_side="client")
    peer.connection.open_stream(b"")
    peer.receive(*frames)
    assert (peer.goaway, peer.resets) == (None, {1: ErrorCode.PROTOCOL_ERROR})


def test_interim_response_is_passed_over() -> None:
    peer = Peer(our_side="client")
    peer.connection.open_stream(b"")
    assert peer.receive(headers_frame(1, [(":status", "103")])) == []
    assert len(peer.receive(headers_frame(1, RESPONSE))) == 1


def test_late_frames_of_a_stream_that_we_reset_are_passed_over() -> None:
    peer = Peer(our_side="server")
    peer.receive(OPEN)
    peer.connection.reset(1, ErrorCode.CANCEL)
    assert peer.receive(data_frame(1, b"x"), headers_frame(1, [("a", "b")], end=True)) == []
    assert peer.goaway is None
