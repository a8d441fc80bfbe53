"""Faults, as a client in-process sees them."""

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.faults import Faults
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import LOGIN, SSL, Clock, collected, enrolled, enrolment, make_csr, refusal


@pytest.mark.parametrize("status", [500, 502, 503, 599])
async def test_a_server_error_is_a_page_of_some_proxy(
    client: httpx.AsyncClient, simulator: Simulator, status: int
) -> None:
    simulator.faults.add("enroll", "status", status=status)
    answer = await client.post(f"{SSL}/enroll", json=enrolment())
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<html>")
    assert len(simulator.orders) == 0
    assert await enrolled(client) > 0


async def test_too_many_requests_says_when_to_come_back(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("list", "status", status=429, retry_after=7)
    answer = await client.get(SSL)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


async def test_other_statuses_are_scms_own(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("types", "status", status=401)
    simulator.faults.add("types", "status", status=400)
    simulator.faults.add("types", "status", status=400, code=-3, description="You are not authorized to perform it.")
    assert refusal(await client.get(f"{SSL}/types")) == (401, -16)
    assert refusal(await client.get(f"{SSL}/types")) == (400, -14)
    assert refusal(await client.get(f"{SSL}/types")) == (400, -3)
    assert (await client.get(f"{SSL}/types")).status_code == 200


async def test_a_fault_hits_its_operation_as_often_as_it_says(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("types", "status", times=2)
    ssl_id = await enrolled(client)
    assert (await client.get(f"{SSL}/{ssl_id}")).status_code == 200
    assert [(await client.get(f"{SSL}/types")).status_code for _ in range(3)] == [503, 503, 200]


async def test_a_fault_of_any_operation_lasts_until_it_is_cleared(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.faults.add("*", "status", status=502, times=None)
    assert (await client.get(f"{SSL}/types")).status_code == 502
    assert (await client.get("/api/organization/v1")).status_code == 502
    simulator.faults.clear()
    assert (await client.get(f"{SSL}/types")).status_code == 200


async def test_drop_before_books_nothing(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("enroll", "drop_before")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post(f"{SSL}/enroll", json=enrolment())
    assert len(simulator.orders) == 0


async def test_drop_after_books_and_says_nothing(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("enroll", "drop_after")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post(f"{SSL}/enroll", json=enrolment(comments="lost"))
    assert [order.subscription.comments for order in simulator.orders] == ["lost"]


async def test_drop_after_also_hides_a_refusal(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("enroll", "drop_after")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post(f"{SSL}/enroll", json={})


async def test_slow_answers_late(client: httpx.AsyncClient, simulator: Simulator, clock: Clock) -> None:
    simulator.faults.add("enroll", "slow", seconds=12.5)
    await enrolled(client)
    assert clock.slept == [12.5]


async def test_latency_is_before_every_answer(client: httpx.AsyncClient, simulator: Simulator, clock: Clock) -> None:
    simulator.settings.latency = 0.2
    await client.get(f"{SSL}/types")
    await client.get(f"{SSL}/types")
    assert clock.slept == [0.2, 0.2]


async def test_empty_does_it_and_answers_200_without_a_body(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("enroll", "empty")
    answer = await client.post(f"{SSL}/enroll", json=enrolment())
    assert (answer.status_code, answer.content) == (200, b"")
    assert len(simulator.orders) == 1


@pytest.mark.parametrize("operation", ["collect", "replace", "*"])
async def test_stale_delivers_the_certificate_before_the_replacement(
    client: httpx.AsyncClient, simulator: Simulator, operation: str
) -> None:
    ssl_id = await enrolled(client)
    old, *_ = await collected(client, ssl_id)
    simulator.faults.add(operation, "stale", times=2)
    assert (await collected(client, ssl_id))[0] == old
    assert len(simulator.faults) == 1
    simulator.settings.pending_polls = 1
    await client.post(f"{SSL}/replace/{ssl_id}", json={"csr": make_csr(), "reason": "r"})
    assert (await collected(client, ssl_id))[0] == old  # while the new one is being made
    assert (await collected(client, ssl_id))[0] == old  # and once more although it is there
    assert (await collected(client, ssl_id))[0] != old
    assert len(simulator.faults) == 0


@pytest.mark.parametrize("status", [200, 302, 403, 503])
@pytest.mark.parametrize("booked", [False, True])
async def test_a_page_stands_in_for_the_answer_of_a_call_that_was_made_or_not(
    client: httpx.AsyncClient, simulator: Simulator, status: int, *, booked: bool
) -> None:
    simulator.faults.add("enroll", "page", status=status, booked=booked)
    answer = await client.post(f"{SSL}/enroll", json=enrolment())
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    assert answer.text.startswith("<html>")
    assert ("location" in answer.headers) == (status == 302)
    assert len(simulator.orders) == booked


async def test_a_body_is_answered_as_it_is(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("list", "body", status=200, body='[{"sslId": 0}, {}]')
    answer = await client.get(SSL)
    assert (answer.status_code, answer.json()) == (200, [{"sslId": 0}, {}])


async def test_an_echo_shows_the_headers_in_scms_shape(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("enroll", "echo", status=400, code=-5)
    answer = await client.post(f"{SSL}/enroll", json=enrolment())
    assert refusal(answer) == (400, -5)
    assert all(value in answer.json()["description"] for value in LOGIN.values())
    assert len(simulator.orders) == 0


def test_faults_strike_in_the_order_they_were_added() -> None:
    faults = Faults()
    first, second = faults.add("list", "status"), faults.add("list", "status")
    assert list(faults) == [first, second]
    assert faults.take("collect") is None
    assert faults.take("list") is first
    assert faults.take("list") is second
    assert faults.take("list") is None
