"""Answers to PING: none is left out, and a peer that asks with every message is not answered with every message."""

import pytest
from hyperframe.frame import Frame, PingFrame

from sectigo_vault_pki.vault_plugin.http2.limits import MAX_HELD_PINGS, PING_REST_SECONDS
from tests.support.http2 import Peer, StoppedClock


@pytest.fixture
def clock() -> StoppedClock:
    clock = StoppedClock()
    clock.now = 1_000.0
    return clock


@pytest.fixture
def peer(clock: StoppedClock) -> Peer:
    peer = Peer(our_side="server", clock=clock)
    peer.sent.clear()
    return peer


def ping(number: int) -> Frame:
    return PingFrame(0, opaque_data=number.to_bytes(8))


def answered(peer: Peer) -> list[int]:
    """Return the numbers of the PINGs that were answered since the last time."""
    peer.collect()
    frames, peer.sent[:] = list(peer.sent), []
    assert all("ACK" in frame.flags for frame in frames)
    return [int.from_bytes(frame.opaque_data) for frame in frames if isinstance(frame, PingFrame)]


def test_the_first_is_answered_at_once(peer: Peer) -> None:
    peer.receive(ping(1))
    assert answered(peer) == [1]


def test_those_right_behind_it_are_answered_together_after_a_rest(peer: Peer, clock: StoppedClock) -> None:
    peer.receive(ping(1))
    clock.now += PING_REST_SECONDS / 4
    peer.receive(ping(2), ping(3))
    assert answered(peer) == [1]
    assert peer.connection.ping_rest == pytest.approx(PING_REST_SECONDS * 3 / 4)
    clock.now += PING_REST_SECONDS
    assert peer.connection.ping_rest == 0.0
    peer.connection.answer_pings()
    assert peer.connection.ping_rest is None
    assert answered(peer) == [2, 3]


def test_one_that_comes_after_the_rest_is_answered_at_once_again(peer: Peer, clock: StoppedClock) -> None:
    peer.receive(ping(1))
    clock.now += PING_REST_SECONDS
    peer.receive(ping(2))
    assert answered(peer) == [1, 2]


def test_a_flood_is_not_kept(peer: Peer) -> None:
    peer.receive(*(ping(number) for number in range(MAX_HELD_PINGS)))
    assert answered(peer) == [0]
    peer.receive(ping(MAX_HELD_PINGS))
    assert answered(peer) == list(range(1, MAX_HELD_PINGS + 1))


def test_nothing_is_owed_where_nobody_asked(peer: Peer) -> None:
    peer.connection.answer_pings()
    assert peer.connection.ping_rest is None
    assert answered(peer) == []
