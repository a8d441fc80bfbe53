"""What holds for every path: login, shape of the path, size of the body (scm-api.md 1.1 and 2)."""

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.api.endpoint import LARGEST_BODY
from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from tests.unit.scm_simulator.tenant import LOGIN, SSL, enrolled, refusal


@pytest.mark.parametrize("name", LOGIN)
@pytest.mark.parametrize("value", [None, "", "wrong", "wröng"])
@pytest.mark.parametrize("path", [f"{SSL}/types", f"{SSL}/enroll", "/api/organization/v1", "/nowhere"])
async def test_a_wrong_login_is_refused_on_every_path(
    simulator: Simulator, path: str, name: str, value: str | None
) -> None:
    login = [(key.encode(), text.encode()) for key, text in LOGIN.items() if key != name]
    if value is not None:
        login.append((name.encode(), value.encode()))
    async with httpx.AsyncClient(transport=SimulatorTransport(simulator), headers=login) as stranger:
        answer = await stranger.get(f"http://scm.test{path}")
    assert answer.status_code == 401
    assert answer.text == '{"code":-16,"description":"Unknown user"}'
    assert answer.headers["content-type"] == "application/json"
    assert simulator.calls.operations() == ["unauthorized"]


async def test_header_names_are_taken_in_any_case(simulator: Simulator) -> None:
    login = {name.upper(): value for name, value in LOGIN.items()}
    async with httpx.AsyncClient(transport=SimulatorTransport(simulator), headers=login) as client:
        assert (await client.get(f"http://scm.test{SSL}/types")).status_code == 200


@pytest.mark.parametrize("path", [f"/{SSL}//types", f"{SSL}/types/", f"{SSL}///types//", "//api//ssl/v1/types"])
async def test_slashes_too_many_do_no_harm(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(f"http://scm.test{path}")).status_code == 200


async def test_the_list_takes_a_slash_too(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{SSL}/")).json() == []


@pytest.mark.parametrize("path", ["/", "/api", "/api/ssl/v2/types", f"{SSL}/enroll/now", "/favicon.ico"])
async def test_an_unknown_path_is_a_json_404(client: httpx.AsyncClient, path: str) -> None:
    assert refusal(await client.get(path)) == (404, -1)


async def test_another_method_is_a_json_405(client: httpx.AsyncClient, simulator: Simulator) -> None:
    assert refusal(await client.get(f"{SSL}/revoke/serial/1")) == (405, -1)
    assert refusal(await client.delete(f"{SSL}/types")) == (405, -1)
    assert simulator.calls.operations() == ["unknown", "unknown"]


async def test_a_body_out_of_bounds_is_not_read(client: httpx.AsyncClient, simulator: Simulator) -> None:
    answer = await client.post(f"{SSL}/enroll", json={"comments": "x" * LARGEST_BODY})
    assert refusal(answer) == (413, -1)
    assert len(simulator.orders) == 0


async def test_calls_are_logged_by_operation_without_headers(client: httpx.AsyncClient, simulator: Simulator) -> None:
    ssl_id = await enrolled(client)
    await client.get(f"{SSL}//collect/{ssl_id}/")
    await client.get(f"{SSL}/{ssl_id}")
    assert simulator.calls.operations() == ["enroll", "collect", "details"]
    assert simulator.calls.count("collect") == 1
    assert "demo-password" not in repr(list(simulator.calls))
    assert "demo-password" not in repr(simulator.credentials)
