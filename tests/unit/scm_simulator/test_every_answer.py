"""What holds for every answer: it has a date, and what breaks one request breaks no other."""

import logging
from datetime import UTC, datetime

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.model import book
from sectigo_vault_pki.scm_simulator.model.book import OrderBook
from sectigo_vault_pki.scm_simulator.serve.uvicorn_server import bind, serving
from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from tests.unit.scm_simulator.tenant import LOGIN, SSL, Clock, enrolled, enrolment, refusal


@pytest.mark.parametrize("path", [SSL, f"{SSL}/types", "/nowhere", f"{SSL}/collect/1"])
@pytest.mark.parametrize("headers", [LOGIN, {}])
async def test_every_answer_is_dated_by_the_clock_of_the_simulator(
    simulator: Simulator, clock: Clock, path: str, headers: dict[str, str]
) -> None:
    clock.time = datetime(2031, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
    async with httpx.AsyncClient(transport=SimulatorTransport(simulator), headers=headers) as client:
        answer = await client.get(f"http://scm.test{path}")
    assert answer.headers.get_list("date") == ["Mon, 03 Feb 2031 04:05:06 GMT"]


async def test_a_served_answer_has_one_date(simulator: Simulator) -> None:
    simulator.faults.add("list", "page", status=403)
    listener = bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with serving(simulator.app, listener), httpx.AsyncClient(base_url=url, headers=LOGIN) as client:
        for _ in range(2):
            assert (await client.get(SSL)).headers.get_list("date") == ["Mon, 23 Nov 2026 12:00:00 GMT"]


async def test_a_request_that_breaks_the_simulator_is_answered_and_the_next_one_too(
    client: httpx.AsyncClient,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(OrderBook, "add", broken)
        assert refusal(await client.post(f"{SSL}/enroll", json=enrolment())) == (500, -14)
    assert "ZeroDivisionError" in caplog.text
    assert await enrolled(client) > 0
    assert len(simulator.orders) == 1


async def test_an_order_that_cannot_be_signed_is_rejected_and_spoils_no_list(
    client: httpx.AsyncClient,
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_args: object) -> None:
        raise ValueError("a name that no certificate takes")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(book, "leaf", broken)
        ssl_id = await enrolled(client)
    assert "a name that no certificate takes" in caplog.text
    assert (await client.get(f"{SSL}/{ssl_id}")).json()["status"] == "Rejected"
    other = await enrolled(client)
    assert [row["sslId"] for row in (await client.get(SSL)).json()] == [ssl_id, other]
    assert len(list(simulator.orders)) == 2
