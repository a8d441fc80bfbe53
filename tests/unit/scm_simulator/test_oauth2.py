"""OAuth2: the token endpoint, calls with a token, and what a 401 says (scm-api.md 1.2 and 13.1)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from tests.unit.scm_simulator.tenant import (
    LOGIN,
    SSL,
    TOKEN,
    Clock,
    enrolled,
    refusal,
    token_form,
    token_of,
)

OWN_URL = f"http://scm.test{TOKEN}"


@pytest.fixture
async def anyone(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = SimulatorTransport(simulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://scm.test") as client:
        yield client


async def test_a_client_gets_a_token_and_how_long_it_lives(anyone: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.token_seconds = 90
    answer = await anyone.post(TOKEN, data=token_form())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["expires_in"] == 90
    assert answer.json()["token_type"] == "Bearer"
    assert len(answer.json()["access_token"]) > 40


async def test_a_token_acts_as_the_administrator_of_its_client(anyone: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.accounts.add_administrator("robot", "pass word 1")
    simulator.accounts.add_client("second", "its secret", login="robot")
    anyone.headers["authorization"] = f"Bearer {await token_of(anyone, 'second', 'its secret')}"
    ssl_id = await enrolled(anyone)
    assert (await anyone.get(f"{SSL}/{ssl_id}")).json()["requester"] == "robot"
    simulator.accounts.remove_administrator("robot")
    assert refusal(await anyone.get(SSL)) == (401, -16)


async def test_a_token_ends_by_the_clock_of_the_simulator(anyone: httpx.AsyncClient, clock: Clock) -> None:
    anyone.headers["authorization"] = f"Bearer {await token_of(anyone)}"
    clock.advance(seconds=299)
    assert (await anyone.get(SSL)).status_code == 200
    clock.advance(seconds=1)
    assert refusal(await anyone.get(SSL)) == (401, -16)


async def test_tokens_can_be_ended_before_their_time(anyone: httpx.AsyncClient, simulator: Simulator) -> None:
    anyone.headers["authorization"] = f"Bearer {await token_of(anyone)}"
    simulator.accounts.end_tokens()
    assert (await anyone.get(SSL)).status_code == 401
    anyone.headers["authorization"] = f"Bearer {await token_of(anyone)}"
    assert (await anyone.get(SSL)).status_code == 200


@pytest.mark.parametrize(("keep_tokens", "status"), [(False, 401), (True, 200)])
async def test_a_revoked_client_gets_no_token(
    anyone: httpx.AsyncClient, simulator: Simulator, *, keep_tokens: bool, status: int
) -> None:
    anyone.headers["authorization"] = f"Bearer {await token_of(anyone)}"
    simulator.accounts.revoke_client("demo-client-id", keep_tokens=keep_tokens)
    answer = await anyone.post(TOKEN, data=token_form())
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert (await anyone.get(SSL)).status_code == status


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_id": None}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": None}, 400, "invalid_request"),
    ],
)
async def test_a_refused_token_is_an_error_of_oauth2(
    anyone: httpx.AsyncClient, changes: dict[str, Any], status: int, error: str
) -> None:
    form = {name: value for name, value in {**token_form(), **changes}.items() if value is not None}
    answer = await anyone.post(TOKEN, data=form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]


async def test_the_status_of_a_refused_token_is_a_setting(anyone: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.token_refusal_status = 400
    assert (await anyone.post(TOKEN, data=token_form(secret="wrong"))).status_code == 400


async def test_a_token_is_asked_for_with_a_form(anyone: httpx.AsyncClient) -> None:
    assert refusal(await anyone.post(TOKEN, json=token_form())) == (400, -1002)
    assert refusal(await anyone.get(TOKEN)) == (405, -1)


async def test_the_token_endpoint_has_faults_of_its_own(anyone: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("token", "status", status=429, retry_after=7)
    answer = await anyone.post(TOKEN, data=token_form())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert simulator.calls.operations() == ["token"]
    assert (await anyone.post(TOKEN, data=token_form())).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic ZDpk"}])
async def test_a_401_names_the_token_url(
    anyone: httpx.AsyncClient, simulator: Simulator, headers: dict[str, str]
) -> None:
    answer = await anyone.get(SSL, headers=headers)
    assert refusal(answer) == (401, -16)
    assert answer.headers["www-authenticate"] == OWN_URL
    simulator.settings.www_authenticate = "authorization_uri"
    answer = await anyone.get(SSL, headers=headers)
    assert answer.headers["www-authenticate"] == f'Bearer authorization_uri="{OWN_URL}"'


async def test_a_401_can_name_a_foreign_host(anyone: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.token_url = "https://sso.attacker.test/token"
    answer = await anyone.get(SSL)
    assert answer.headers["www-authenticate"] == "https://sso.attacker.test/token"


async def test_a_wrong_header_login_is_told_nothing_about_tokens(anyone: httpx.AsyncClient) -> None:
    answer = await anyone.get(SSL, headers={**LOGIN, "password": "wrong"})
    assert answer.status_code == 401
    assert "www-authenticate" not in answer.headers


async def test_a_login_can_be_turned_off(anyone: httpx.AsyncClient, simulator: Simulator) -> None:
    token = {"authorization": f"Bearer {await token_of(anyone)}"}
    simulator.settings.logins = ("headers", "certificate")
    assert (await anyone.get(SSL, headers=token)).status_code == 401
    assert (await anyone.post(TOKEN, data=token_form())).status_code == 401
    assert (await anyone.get(SSL, headers=LOGIN)).status_code == 200
    simulator.settings.logins = ("oauth2",)
    assert (await anyone.get(SSL, headers=token)).status_code == 200
    assert (await anyone.get(SSL, headers=LOGIN)).status_code == 401


async def test_a_reset_leaves_the_first_client_alone_and_ends_tokens(
    anyone: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.accounts.add_client("second", "its secret", login="demo-user")
    token = {"authorization": f"Bearer {await token_of(anyone, 'second', 'its secret')}"}
    simulator.reset()
    assert (await anyone.get(SSL, headers=token)).status_code == 401
    assert [client.client_id for client in simulator.accounts.clients()] == ["demo-client-id"]
