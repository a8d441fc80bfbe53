"""Answers to PING: the first at once, those that follow it closely together, after a rest.

grpc-go measures a connection's bandwidth by a PING beside nearly every message it gets (`bdp_estimator.go`), and sends
no other while one is unanswered. Each would cost both ends a turn, as much as a small message does.
"""

from collections.abc import Callable

from sectigo_vault_pki.vault_plugin.http2.frames import ACK, FrameType, frame
from sectigo_vault_pki.vault_plugin.http2.limits import MAX_HELD_PINGS, PING_REST_SECONDS


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
