from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from sectigo_vault_pki.lifecycle.rules.backoff import Pauses, may_conclude_not_booked
from sectigo_vault_pki.lifecycle.rules.policy import Step, caller_limit, next_step, waiting
from sectigo_vault_pki.lifecycle.rules.renewal_rule import RenewalPolicy, renewal_policy
from sectigo_vault_pki.store import (
    CertificateRecord,
    OrderInFlight,
    OrderOperation,
    RefusedRenewal,
    UniqueId,
    WaitingAndRenewal,
)
from tests.support.records import UUID, certificate_record, config_record, current_certificate
from tests.support.virtual_time import START

POLICY = RenewalPolicy()
HELD = certificate_record(current=current_certificate(), order=None)
"""Issued at START, valid for 90 days."""
DUE = START + timedelta(days=83)
REFUSED = RefusedRenewal(times=1, retry_at=DUE + timedelta(hours=1), text="no")
SUCCESSOR = UniqueId("56_demo-customer")


def step(record: CertificateRecord, *, now: datetime = START, policy: RenewalPolicy = POLICY) -> Step:
    return next_step(record, now=now, policy=policy)


def test_a_pending_certificate_is_to_be_collected() -> None:
    assert step(certificate_record()) is Step.COLLECT


def test_a_certificate_in_hand_is_to_be_answered() -> None:
    assert step(HELD) is Step.ANSWER


@pytest.mark.parametrize(
    ("days", "expected"), [(0, Step.ANSWER), (82, Step.ANSWER), (83, Step.RENEW), (89, Step.RENEW), (91, Step.RENEW)]
)
def test_a_certificate_is_due_from_its_window_on_and_after_its_expiry(days: int, expected: Step) -> None:
    assert step(HELD, now=START + timedelta(days=days)) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"revoked_at": START}, Step.ANSWER),
        ({"renewed_to": SUCCESSOR}, Step.ANSWER),
        ({"successor": SUCCESSOR}, Step.COLLECT_SUCCESSOR),
        ({"submitting": UUID}, Step.SETTLE),
        ({"refused_renewal": REFUSED}, Step.ANSWER),
        ({"refused_renewal": RefusedRenewal(times=1, retry_at=DUE, text="no")}, Step.RENEW),
    ],
)
def test_facts_decide_over_a_due_date(change: dict[str, Any], expected: Step) -> None:
    assert step(HELD.model_copy(update=change), now=DUE) is expected


@pytest.mark.parametrize(
    ("in_trouble", "change", "expected"),
    [
        (False, {}, Step.COLLECT),
        (True, {}, Step.RENEW),
        (True, {"revoked_at": START}, Step.COLLECT),
        (True, {"successor": SUCCESSOR}, Step.COLLECT_SUCCESSOR),
        (
            True,
            {"refused_renewal": RefusedRenewal(times=1, retry_at=DUE + timedelta(hours=1), text="no")},
            Step.COLLECT,
        ),
    ],
)
def test_a_replacement_holds_a_due_renewal_up_unless_scm_says_no_to_it(
    in_trouble: bool, change: dict[str, Any], expected: Step
) -> None:
    replacement = OrderInFlight(uuid=UUID, operation=OrderOperation.REPLACE, accepted_at=START, in_trouble=in_trouble)
    assert step(HELD.model_copy(update={"order": replacement, **change}), now=DUE) is expected


def test_what_is_not_settled_comes_before_everything_else() -> None:
    record = certificate_record(current=current_certificate(), submitting=UUID, successor=SUCCESSOR)
    assert step(record, now=DUE) is Step.SETTLE


def test_nothing_is_renewed_where_nobody_wants_it() -> None:
    assert step(HELD, now=DUE, policy=RenewalPolicy(auto_renew=False)) is Step.ANSWER


def test_the_most_specific_renewal_wish_holds() -> None:
    read = WaitingAndRenewal(auto_renew=False)
    stored = WaitingAndRenewal(auto_renew=True, expiry_window=86_400)
    config = WaitingAndRenewal(expiry_window=10, read_renewed_cert=False)
    assert renewal_policy(read, stored, config) == RenewalPolicy(
        timedelta(days=1), auto_renew=False, read_renewed_cert=False
    )
    assert renewal_policy() == RenewalPolicy(timedelta(days=7), auto_renew=True, read_renewed_cert=True)


def test_pauses_double_from_a_second_to_the_loop_period_and_are_short_in_the_first_minute() -> None:
    assert list(islice(Pauses(30), 18)) == [1, 2, 4, *[5] * 11, 10, 20, 30, 30]


@pytest.mark.parametrize("loop_period", [1, 3, 5])
def test_a_short_loop_period_is_never_exceeded(loop_period: float) -> None:
    assert max(islice(Pauses(loop_period), 100)) == loop_period


@pytest.mark.parametrize("loop_period", [1, 4, 30, 86_400])
@pytest.mark.parametrize("taken", [0, 1, 20, 100])
def test_another_caller_begins_another_minute_of_short_pauses(loop_period: float, taken: int) -> None:
    held = Pauses(loop_period)
    list(islice(held, taken))
    held.begin_again()
    waited = 0.0
    while waited < 60:
        pause = next(held)
        assert pause <= min(5, loop_period)
        waited += pause
    assert max(islice(held, 100)) == loop_period


def test_the_most_specific_wish_holds() -> None:
    request = WaitingAndRenewal(max_timeout=5)
    config = WaitingAndRenewal(max_timeout=60, loop_period=10)
    held = waiting(request, config)
    assert (held.max_timeout, held.loop_period) == (5, 10)


def test_zero_is_a_wish_too() -> None:
    assert waiting(WaitingAndRenewal(max_timeout=0), WaitingAndRenewal(max_timeout=60)).max_timeout == 0


def test_the_guides_defaults_hold_where_nobody_says_anything() -> None:
    held = waiting(WaitingAndRenewal(), WaitingAndRenewal())
    assert (held.max_timeout, held.loop_period) == (600, 30)


@pytest.mark.parametrize(
    ("wait_limit", "max_timeout", "time_limit", "limit"),
    [
        (None, 600, None, 50),
        (10, 600, None, 10),
        (None, 20, None, 20),
        (None, 0, None, 3),
        (2, 0, None, 2),
        (None, 600, 90, 50),
        (None, 600, 30, 28),
        (None, 600, 1, 0),
    ],
)
def test_the_earliest_limit_comes_first(
    wait_limit: float | None, max_timeout: float, time_limit: float | None, limit: float
) -> None:
    assert caller_limit(config_record(wait_limit=wait_limit), max_timeout, time_limit) == limit


@pytest.mark.parametrize(("age", "concluded"), [(0, False), (599, False), (600, True), (86_400, True)])
def test_an_order_that_scm_does_not_list_was_not_booked_after_ten_minutes(age: int, concluded: bool) -> None:
    assert may_conclude_not_booked(timedelta(seconds=age)) is concluded
