"""How many calls a piece of work may make at SCM."""

import asyncio

import httpx
import pytest

from sectigo_vault_pki.errors import ScmUnavailableError
from sectigo_vault_pki.scm import SSL, BreakerState, CallBudget, ScmClient
from sectigo_vault_pki.scm.breaker import FAILURES
from tests.unit.scm.script import Script, ssl_order


async def test_calls_within_a_budget_count_and_those_outside_do_not(script: Script, client: ScmClient) -> None:
    budget = CallBudget(3)
    script.answers(*[httpx.Response(200, json=[])] * 3)
    await SSL.listed(client, "a.test")
    with budget.spending():
        await SSL.listed(client, "a.test")
    await SSL.listed(client, "a.test")
    assert (budget.made, budget.left) == (1, 2)


async def test_repetitions_count_and_end_with_the_budget(script: Script, client: ScmClient) -> None:
    budget = CallBudget(2)
    script.answers(*[httpx.Response(503)] * 2)
    with budget.spending(), pytest.raises(ScmUnavailableError, match="has made its calls of this minute"):
        await SSL.listed(client, "a.test")
    assert (budget.made, budget.left, len(script.pauses)) == (2, 0, 2)


async def test_a_call_beyond_the_budget_is_not_sent_and_says_nothing_of_scm(script: Script, client: ScmClient) -> None:
    budget = CallBudget(0)
    for _ in range(FAILURES + 1):
        with budget.spending(), pytest.raises(ScmUnavailableError) as caught:
            await SSL.renew(client, 55, ssl_order(csr=""))
        assert not caught.value.answered
    assert client.availability.breaker is BreakerState.CLOSED
    assert (script.requests, script.pauses, budget.made) == ([], [], 0)
    script.answers(httpx.Response(200, json=[]))
    assert await SSL.listed(client, "a.test") == ([], True)


async def test_tasks_created_within_a_budget_count_on_it_and_others_do_not(script: Script, client: ScmClient) -> None:
    inner, outer = CallBudget(5), CallBudget(5)
    script.answers(*[httpx.Response(200, json=[])] * 3)
    with outer.spending():
        with inner.spending():
            task = asyncio.create_task(SSL.listed(client, "a.test"))
        await SSL.listed(client, "a.test")
    await task
    await SSL.listed(client, "a.test")
    assert (inner.made, outer.made) == (1, 1)


async def test_a_call_that_the_breaker_holds_back_is_none(script: Script, client: ScmClient) -> None:
    script.answers(httpx.Response(429, headers={"Retry-After": "100"}))
    budget = CallBudget(5)
    with budget.spending():
        for _ in range(2):
            with pytest.raises(ScmUnavailableError):
                await SSL.collect(client, 55)
    assert budget.made == 1
