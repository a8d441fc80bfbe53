from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import ScmError
from sectigo_vault_pki.lifecycle.rules.states import (
    ORDER,
    AnswerLost,
    Collected,
    Event,
    Found,
    IssuersMissing,
    Misnamed,
    NotFound,
    NotSent,
    OrderState,
    OrderStateError,
    Refused,
    StillProcessing,
    TooLongUndecided,
    Trouble,
    Undecided,
    Unreachable,
    advance,
)
from sectigo_vault_pki.scm import Accepted, Unnamed
from tests.support.chains import chain

ERROR = ScmError("enroll", "no")
EVENTS: list[Event] = [
    Accepted(1),
    Unnamed(),
    Misnamed(1),
    Refused(ERROR),
    NotSent(ERROR),
    AnswerLost(ERROR),
    Found(1),
    NotFound(),
    Undecided("too many"),
    TooLongUndecided("too many"),
    StillProcessing(),
    Unreachable(ERROR),
    IssuersMissing(),
    Trouble(ERROR, -1, "no"),
    Collected(chain()),
]
FINAL = {OrderState.REFUSED, OrderState.NOT_BOOKED, OrderState.GIVEN_UP, OrderState.COLLECTED}


def test_every_state_is_in_the_table() -> None:
    assert set(ORDER) == set(OrderState)


def test_only_final_states_have_no_way_out() -> None:
    assert {state for state, ways in ORDER.items() if not ways} == FINAL


def test_every_event_moves_some_state() -> None:
    assert {event for ways in ORDER.values() for event in ways} == {type(event) for event in EVENTS}


@pytest.mark.parametrize(("state", "event"), list(product(OrderState, EVENTS)))
def test_each_event_in_each_state_leads_to_a_state_or_to_an_error_that_names_both(
    state: OrderState, event: Event
) -> None:
    if type(event) in ORDER[state]:
        assert advance(state, event) in OrderState
    else:
        with pytest.raises(OrderStateError, match=f"^{type(event).__name__} in {state.name}$"):
            advance(state, event)


@given(st.lists(st.sampled_from(EVENTS), max_size=12))
def test_an_order_that_was_submitted_is_never_submitted_again(events: list[Event]) -> None:
    state = OrderState.SUBMITTING
    for event in events:
        if type(event) in ORDER[state]:
            state = advance(state, event)
            assert state is not OrderState.SUBMITTING
