"""Whatever a peer sends, in whatever pieces: no crash, and the same answer however it was cut."""

import tracemalloc
from collections.abc import Iterator

from hyperframe.frame import Frame, GoAwayFrame, PingFrame, PriorityFrame, RstStreamFrame, WindowUpdateFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from sectigo_vault_pki.vault_plugin.http2.events import ConnectionFailed, DataReceived, HeadersReceived, StreamReset
from sectigo_vault_pki.vault_plugin.http2.frames import PREFACE
from sectigo_vault_pki.vault_plugin.http2.header_blocks import encode
from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode
from tests.support.fuzzing import examples
from tests.support.http2 import (
    REQUEST,
    Peer,
    continuation_frame,
    data_frame,
    headers_frame,
    raw_frame,
    settings_frame,
)

STREAM_IDS = st.sampled_from([0, 1, 2, 3, 5, 7, 2**31 - 1])
REAL_IDS = STREAM_IDS.filter(bool)
HEADER_LISTS = st.sampled_from(
    [REQUEST, [*REQUEST, ("content-length", "3")], [("a", "b")], [("A", "b")], [(":status", "200")], []]
)
NUMBERS = st.sampled_from([0, 1, 65_535, 2**31 - 1])

VALID_FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(headers_frame, REAL_IDS, HEADER_LISTS, end=st.booleans(), whole=st.booleans()),
    st.builds(continuation_frame, REAL_IDS, st.binary(max_size=20), last=st.booleans()),
    st.builds(data_frame, REAL_IDS, st.binary(max_size=100), end=st.booleans()),
    st.builds(settings_frame, st.dictionaries(st.integers(1, 7), NUMBERS), ack=st.just(value=False)),
    st.builds(settings_frame, ack=st.just(value=True)),
    st.builds(RstStreamFrame, REAL_IDS, error_code=st.integers(0, 20)),
    st.builds(WindowUpdateFrame, STREAM_IDS, window_increment=NUMBERS.filter(bool)),
    st.builds(PriorityFrame, REAL_IDS, depends_on=st.just(11)),
    st.builds(PingFrame, st.just(0), opaque_data=st.just(b"12345678")),
    st.builds(GoAwayFrame, st.just(0), last_stream_id=NUMBERS, error_code=st.integers(0, 20)),
)
RAW_FRAMES = st.builds(
    raw_frame, st.integers(0, 11), st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=40)
)
FRAMES = st.one_of(VALID_FRAMES.map(lambda frame: frame.serialize()), RAW_FRAMES)


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    positions = sorted({cut % (len(data) + 1) for cut in cuts})
    for start, end in zip([0, *positions], [*positions, len(data)], strict=True):
        yield data[start:end]


def answer_everything(peer: Peer) -> None:
    """Do what a server does: answer each request that is complete, and credit what it has read."""
    for event in peer.events:
        if not isinstance(event, (DataReceived, HeadersReceived)):
            continue
        if isinstance(event, DataReceived):
            peer.connection.credit(event.stream_id, len(event.data))
        if event.end_stream and peer.connection.is_open(event.stream_id):
            peer.connection.send_headers(event.stream_id, encode(((b":status", b"200"),)))
            peer.connection.send_data(event.stream_id, bytes(100_000), end_stream=True)
    peer.events.clear()


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(FRAMES, max_size=30))
def test_any_frames_get_an_answer_that_is_told_the_same_way(frames: list[bytes]) -> None:
    peer = Peer(our_side="server")
    failures = []
    for frame in frames:
        peer.receive(frame)
        failures += [event.code for event in peer.events if isinstance(event, ConnectionFailed)]
        answer_everything(peer)
        peer.collect()
    said = [ErrorCode(frame.error_code) for frame in peer.sent if isinstance(frame, GoAwayFrame)]
    assert said == failures
    assert len(said) <= 1
    assert peer.connection.failed is bool(said)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(FRAMES, max_size=15), st.lists(st.integers(0, 2000), max_size=40))
def test_cuts_between_bytes_make_no_difference(frames: list[bytes], cuts: list[int]) -> None:
    data = PREFACE + settings_frame().serialize() + b"".join(frames)
    whole, cut = (Peer(our_side="server", greet=False) for _ in range(2))
    whole.receive(data)
    for piece in pieces(data, cuts):
        cut.receive(piece)
    assert [frame.serialize() for frame in cut.sent] == [frame.serialize() for frame in whole.sent]
    assert [type(event) for event in cut.events] == [type(event) for event in whole.events]


@settings(max_examples=examples(300), deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_taken_or_refused(data: bytes) -> None:
    peer = Peer(our_side="server")
    peer.receive(data)
    client = Peer(our_side="client")
    client.connection.open_stream(b"")
    client.receive(data)


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(VALID_FRAMES, max_size=30))
def test_any_frames_of_a_server_leave_a_client_whole(frames: list[Frame]) -> None:
    peer = Peer(our_side="client")
    opened = [peer.connection.open_stream(b"") for _ in range(3)]
    for frame in frames:
        peer.receive(frame)
    told = [event.stream_id for event in peer.events if isinstance(event, StreamReset)]
    assert len(told) == len(set(told))
    assert set(told) <= set(opened)


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(FRAMES, min_size=1, max_size=10))
def test_any_frames_again_and_again_leave_no_memory_behind(frames: list[bytes]) -> None:
    def spend(rounds: int) -> None:
        for _ in range(rounds):
            peer = Peer(our_side="server")
            for frame in frames * 5:
                peer.receive(frame)
                answer_everything(peer)

    spend(2)
    tracemalloc.start()
    spend(2)
    left, _ = tracemalloc.get_traced_memory()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert left < 4 * 1024 * 1024
    assert peak < 32 * 1024 * 1024
