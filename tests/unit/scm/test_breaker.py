"""The circuit breaker: when calls are held back, and when one of them finds out."""

from dataclasses import dataclass

import httpx
import pytest

from sectigo_vault_pki.errors import ScmUnavailableError
from sectigo_vault_pki.scm import SSL, Order, ScmClient
from sectigo_vault_pki.scm.breaker import FAILURES, FIRST_PAUSE, LONGEST_HOLD, LONGEST_PAUSE, Breaker, State
from tests.unit.scm.script import Script


@dataclass
class Watch:
    """A clock that stands still."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def breaker(watch: Watch) -> Breaker:
    return Breaker(watch, share=lambda: 1.0)


def fail(breaker: Breaker, times: int = FAILURES) -> None:
    for _ in range(times):
        assert breaker.refuses() is None
        breaker.failed()


def test_calls_are_held_back_after_so_many_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    assert breaker.refuses() is None
    breaker.failed()
    assert breaker.refuses() == FIRST_PAUSE


def test_an_answer_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    breaker.answered()
    fail(breaker, FAILURES - 1)
    assert breaker.state is State.CLOSED


def test_after_the_pause_one_call_finds_out(breaker: Breaker, watch: Watch) -> None:
    fail(breaker)
    watch.seconds += FIRST_PAUSE
    assert breaker.refuses() is None
    assert breaker.refuses() is not None
    breaker.answered()
    assert (breaker.refuses(), breaker.refuses()) == (None, None)


def test_a_pause_doubles_up_to_the_longest(breaker: Breaker, watch: Watch) -> None:
    fail(breaker)
    pauses = []
    for _ in range(6):
        pause = breaker.refuses()
        assert pause is not None
        pauses.append(pause)
        watch.seconds += pause
        fail(breaker, 1)
    assert pauses == [5, 10, 20, 40, LONGEST_PAUSE, LONGEST_PAUSE]


def test_a_call_that_is_given_up_lets_another_find_out(breaker: Breaker, watch: Watch) -> None:
    fail(breaker)
    watch.seconds += FIRST_PAUSE
    assert breaker.refuses() is None
    breaker.abandoned()
    assert breaker.refuses() is None


def test_calls_that_began_before_it_opened_do_not_lengthen_the_pause(breaker: Breaker, watch: Watch) -> None:
    for _ in range(FAILURES + 5):
        assert breaker.refuses() is None
    for _ in range(FAILURES + 5):
        breaker.failed()
    watch.seconds += FIRST_PAUSE
    assert breaker.refuses() is None


def test_what_scm_asks_for_is_kept_by_every_call_and_up_to_a_limit(breaker: Breaker, watch: Watch) -> None:
    breaker.hold(7.0)
    assert (breaker.state, breaker.held()) == (State.OPEN, 7.0)
    breaker.hold(3.0)
    breaker.answered()
    watch.seconds += 4.0
    assert breaker.held() == 3.0
    watch.seconds += 3.0
    assert (breaker.state, breaker.held()) == (State.CLOSED, 0.0)
    breaker.hold(86400.0)
    assert breaker.held() == LONGEST_HOLD


async def test_calls_that_meet_a_wish_of_scm_wait_for_its_end_and_are_made_then(
    script: Script, client: ScmClient, order: Order
) -> None:
    script.answers(httpx.Response(429, headers={"Retry-After": "20"}))
    with pytest.raises(ScmUnavailableError, match="HTTP 429"):
        await SSL.collect(client, 55)
    script.answers(httpx.Response(200, json={"sslId": 1, "renewId": "r"}))
    assert (await SSL.enroll(client, order)).scm_id == 1
    assert len(script.requests) == 2
    assert 20.0 <= script.pauses[0] <= 22.0


async def test_a_held_back_order_took_nothing_and_says_why(script: Script, client: ScmClient, order: Order) -> None:
    script.answers(*[httpx.ConnectError("refused")] * FAILURES)
    while script.steps:
        with pytest.raises(ScmUnavailableError):
            await SSL.enroll(client, order)
    with pytest.raises(ScmUnavailableError, match=r"left alone for \d+ s more \(the connection failed"):
        await SSL.enroll(client, order)
    assert len(script.requests) == FAILURES


@pytest.mark.parametrize("status", [400, 500])
async def test_a_code_of_scm_is_an_answer_whatever_the_status(status: int, script: Script, client: ScmClient) -> None:
    pending = {"code": 0, "description": "Being processed by Sectigo"}
    script.answers(*(httpx.Response(status, json=pending) for _ in range(2 * FAILURES)))
    for _ in range(2 * FAILURES):
        await SSL.collect(client, 55)
