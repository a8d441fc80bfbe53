"""The table of a stream's life, against the sentences of RFC 9113 section 5.1."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.vault_plugin.http2.problems import ErrorCode
from sectigo_vault_pki.vault_plugin.http2.stream_states import TABLE, Input, InvalidTransitionError, State, next_state

SENDING = {Input.SEND_HEADERS, Input.SEND_DATA, Input.SEND_END}
RECEIVING = {Input.RECEIVE_HEADERS, Input.RECEIVE_DATA, Input.RECEIVE_END}
RESETS = {Input.SEND_RESET, Input.RECEIVE_RESET}


def inputs_of(state: State) -> set[Input]:
    return set(TABLE[state])


def test_idle_stream_is_opened_by_headers_only() -> None:
    assert TABLE[State.IDLE] == {Input.SEND_HEADERS: State.OPEN, Input.RECEIVE_HEADERS: State.OPEN}


def test_open_stream_may_be_used_by_both_ends() -> None:
    assert inputs_of(State.OPEN) == SENDING | RECEIVING | RESETS


def test_half_closed_stream_may_be_used_by_the_other_end() -> None:
    assert inputs_of(State.HALF_CLOSED_LOCAL) == RECEIVING | RESETS
    assert inputs_of(State.HALF_CLOSED_REMOTE) == SENDING | RESETS


def test_closed_stream_takes_nothing() -> None:
    assert inputs_of(State.CLOSED) == set()


def test_ends_of_both_sides_close_a_stream_in_either_order() -> None:
    for order in itertools.permutations((Input.SEND_END, Input.RECEIVE_END)):
        state = State.OPEN
        for given_input in order:
            state = next_state(state, given_input)
        assert state is State.CLOSED


@pytest.mark.parametrize("state", [state for state in State if state not in (State.IDLE, State.CLOSED)])
@pytest.mark.parametrize("reset", sorted(RESETS))
def test_reset_closes_at_once(state: State, reset: Input) -> None:
    assert next_state(state, reset) is State.CLOSED


@given(st.lists(st.sampled_from(Input), max_size=20))
def test_any_inputs_lead_to_a_state_or_to_a_refusal_that_changes_nothing(inputs: list[Input]) -> None:
    state, ended = State.IDLE, set[Input]()
    refusals: list[ErrorCode] = []
    for given_input in inputs:
        try:
            after = next_state(state, given_input)
        except InvalidTransitionError as error:
            assert given_input not in TABLE[state]
            refusals.append(error.code)
            continue
        assert not (given_input in SENDING and Input.SEND_END in ended)
        assert not (given_input in RECEIVING and Input.RECEIVE_END in ended)
        ended.add(given_input)
        state = after
    assert set(refusals) <= {ErrorCode.PROTOCOL_ERROR, ErrorCode.STREAM_CLOSED}
