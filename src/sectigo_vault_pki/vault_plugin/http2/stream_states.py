"""The life of a stream as a table (RFC 9113 section 5.1, figure 2), without server push.

Both ends use the same table. Idle streams have no object; the connection decides what a frame on one means.
"""

from collections.abc import Mapping
from enum import IntEnum

from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode


class State(IntEnum):
    """RFC 9113 section 5.1."""

    IDLE = 0
    OPEN = 1
    HALF_CLOSED_LOCAL = 2
    HALF_CLOSED_REMOTE = 3
    CLOSED = 4


class Input(IntEnum):
    """What moves a stream; END_STREAM is an input of its own, after the frame that carries it."""

    SEND_HEADERS = 0
    SEND_DATA = 1
    SEND_END = 2
    SEND_RESET = 3
    RECEIVE_HEADERS = 4
    RECEIVE_DATA = 5
    RECEIVE_END = 6
    RECEIVE_RESET = 7


_STAYS_OPEN = {
    Input.SEND_HEADERS: State.OPEN,
    Input.SEND_DATA: State.OPEN,
    Input.RECEIVE_HEADERS: State.OPEN,
    Input.RECEIVE_DATA: State.OPEN,
}

TABLE: Mapping[State, Mapping[Input, State]] = {
    State.IDLE: {
        Input.SEND_HEADERS: State.OPEN,
        Input.RECEIVE_HEADERS: State.OPEN,
    },
    State.OPEN: {
        **_STAYS_OPEN,
        Input.SEND_END: State.HALF_CLOSED_LOCAL,
        Input.RECEIVE_END: State.HALF_CLOSED_REMOTE,
        Input.SEND_RESET: State.CLOSED,
        Input.RECEIVE_RESET: State.CLOSED,
    },
    State.HALF_CLOSED_LOCAL: {
        Input.RECEIVE_HEADERS: State.HALF_CLOSED_LOCAL,
        Input.RECEIVE_DATA: State.HALF_CLOSED_LOCAL,
        Input.RECEIVE_END: State.CLOSED,
        Input.SEND_RESET: State.CLOSED,
        Input.RECEIVE_RESET: State.CLOSED,
    },
    State.HALF_CLOSED_REMOTE: {
        Input.SEND_HEADERS: State.HALF_CLOSED_REMOTE,
        Input.SEND_DATA: State.HALF_CLOSED_REMOTE,
        Input.SEND_END: State.CLOSED,
        Input.SEND_RESET: State.CLOSED,
        Input.RECEIVE_RESET: State.CLOSED,
    },
    State.CLOSED: {},
}

REFUSALS: Mapping[State, ErrorCode] = {
    State.IDLE: ErrorCode.PROTOCOL_ERROR,
    State.OPEN: ErrorCode.PROTOCOL_ERROR,
    State.HALF_CLOSED_LOCAL: ErrorCode.PROTOCOL_ERROR,
    State.HALF_CLOSED_REMOTE: ErrorCode.STREAM_CLOSED,
    State.CLOSED: ErrorCode.STREAM_CLOSED,
}
"""The error code for a frame that the table does not allow."""


class InvalidTransitionError(Exception):
    """An input that its state does not know; the stream stays as it was."""

    def __init__(self, state: State, given: Input) -> None:
        super().__init__(f"{given.name} in state {state.name}")
        self.code = REFUSALS[state]


def next_state(state: State, given: Input) -> State:
    """Return the state after an input.

    Raises:
        InvalidTransitionError: there is none.
    """
    after = TABLE[state].get(given)
    if after is None:
        raise InvalidTransitionError(state, given)
    return after
