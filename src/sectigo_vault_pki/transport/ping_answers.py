"""Answers to PING: the first at once, those that follow it closely together, after a rest.

grpc-go measures a connection's bandwidth by a PING beside nearly every message it gets (`bdp_estimator.go`), and sends
no other while one is unanswered. Each would cost both ends a turn, as much as a small message does.
"""

from collections.abc import Callable, Sequence

from sectigo_vault_pki.transport.limits import MAX_HELD_PINGS, PING_REST_SECONDS


class PingAnswers:
    """What is owed to a peer that asks whether we are there.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rests_until = 0.0
        self._held: list[bytes] = []

    def hold(self, payload: bytes) -> None:
        """Owe one more answer."""
        self._held.append(payload)

    def take_due(self) -> Sequence[bytes]:
        """Return the payloads to answer now, oldest first."""
        if not self._held or (self.wait() > 0.0 and len(self._held) < MAX_HELD_PINGS):
            return ()
        self._rests_until = self._clock() + PING_REST_SECONDS
        due, self._held = self._held, []
        return due

    def wait(self) -> float:
        """Return the seconds until what is held is due; 0 where nothing waits any more."""
        return max(0.0, self._rests_until - self._clock()) if self._held else 0.0
