"""Passwords, their change, and privileges (scm-api.md 1.1, 9 and 13.1)."""

from datetime import timedelta
from itertools import pairwise

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.model.accounts import PRIVILEGES, Administrator
from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from tests.unit.scm_simulator.tenant import (
    CLIENT_V1,
    CLIENT_V2,
    LOGIN,
    SSL,
    Clock,
    client_enrolment,
    enrolled,
    enrolment,
    make_csr,
    refusal,
)

PASSWORD, CHANGE = "/api/admin/v1/password", "/api/admin/v1/changepassword"
NEW = "a new password 1"


@pytest.fixture
def administrator(simulator: Simulator) -> Administrator:
    found = simulator.accounts.administrator("demo-user")
    assert found is not None
    return found


async def test_a_password_without_an_end_has_a_state_and_no_date(client: httpx.AsyncClient) -> None:
    assert (await client.get(PASSWORD)).json() == {"state": "NEVER_EXPIRE"}


async def test_a_password_ends_by_the_clock(
    client: httpx.AsyncClient, administrator: Administrator, clock: Clock
) -> None:
    administrator.password_ends = clock.now() + timedelta(days=50)
    assert (await client.get(PASSWORD)).json() == {"expirationDate": "2027-01-12", "state": "ALIVE"}
    clock.advance(days=50)
    assert (await client.get(PASSWORD)).json() == {"expirationDate": "2027-01-12", "state": "EXPIRED"}


async def test_an_expired_password_is_a_wrong_one_except_to_change_it(
    client: httpx.AsyncClient, administrator: Administrator, clock: Clock
) -> None:
    administrator.password_ends = clock.now()
    assert refusal(await client.get(SSL)) == (401, -16)
    assert (await client.post(CHANGE, json={"newPassword": NEW})).status_code == 204
    assert (await client.get(SSL, headers={"password": NEW})).status_code == 200


async def test_an_expired_password_may_be_of_no_use_at_all(
    client: httpx.AsyncClient, simulator: Simulator, administrator: Administrator, clock: Clock
) -> None:
    simulator.settings.expired_password_changeable = False
    administrator.password_ends = clock.now()
    assert refusal(await client.get(PASSWORD)) == (401, -16)
    assert refusal(await client.post(CHANGE, json={"newPassword": NEW})) == (401, -16)


async def test_a_changed_password_counts_at_once_and_has_its_own_life(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.password_days = 90
    answer = await client.post(CHANGE, json={"newPassword": NEW})
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await client.get(PASSWORD)) == (401, -16)
    client.headers["password"] = NEW
    assert (await client.get(PASSWORD)).json() == {"expirationDate": "2027-02-21", "state": "ALIVE"}
    assert NEW not in repr(list(simulator.accounts.administrators()))


@pytest.mark.parametrize("password", ["short 1", "onlyletters", "0123456789", LOGIN["password"]])
async def test_a_password_against_the_policy_changes_nothing(client: httpx.AsyncClient, password: str) -> None:
    assert refusal(await client.post(CHANGE, json={"newPassword": password})) == (400, -1601)
    assert (await client.get(SSL)).status_code == 200


async def test_an_earlier_password_cannot_come_back_soon(client: httpx.AsyncClient) -> None:
    passwords = [LOGIN["password"], *(f"password {number}" for number in range(5))]
    for old, new in pairwise(passwords):
        answer = await client.post(CHANGE, json={"newPassword": new}, headers={"password": old})
        assert answer.status_code == 204
    latest = {"password": passwords[-1]}
    assert refusal(await client.post(CHANGE, json={"newPassword": passwords[1]}, headers=latest)) == (400, -1601)
    assert (await client.post(CHANGE, json={"newPassword": passwords[0]}, headers=latest)).status_code == 204


@pytest.mark.parametrize(("body", "code"), [({}, -7), ({"newPassword": None}, -1001), ({"newPassword": 5}, -1002)])
async def test_a_change_without_a_new_password_is_refused(
    client: httpx.AsyncClient, body: dict[str, object], code: int
) -> None:
    assert refusal(await client.post(CHANGE, json=body)) == (400, code)


async def test_the_answer_to_a_change_can_be_lost_after_it(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("change_password", "drop_after")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post(CHANGE, json={"newPassword": NEW})
    assert (await client.get(SSL)).status_code == 401
    assert (await client.get(SSL, headers={"password": NEW})).status_code == 200


async def test_the_answer_to_a_change_can_be_lost_before_it(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("change_password", "drop_before")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post(CHANGE, json={"newPassword": NEW})
    assert (await client.get(SSL)).status_code == 200


async def test_with_a_token_the_old_password_is_in_the_header(admin: httpx.AsyncClient) -> None:
    body = {"newPassword": NEW}
    assert refusal(await admin.post(CHANGE, json=body)) == (400, -970)
    assert refusal(await admin.post(CHANGE, json=body, headers={"password": "wrong"})) == (400, -970)
    assert (await admin.post(CHANGE, json=body, headers={"password": LOGIN["password"]})).status_code == 204
    assert (await admin.get(SSL)).status_code == 200


async def test_a_reset_restores_the_password(client: httpx.AsyncClient, simulator: Simulator) -> None:
    await client.post(CHANGE, json={"newPassword": NEW})
    simulator.reset()
    assert (await client.get(SSL)).status_code == 200


async def test_each_administrator_has_a_login_of_its_own(simulator: Simulator) -> None:
    simulator.accounts.add_administrator("second", "pass word 2")
    login = {**LOGIN, "login": "second", "password": "pass word 2"}
    async with httpx.AsyncClient(transport=SimulatorTransport(simulator), base_url="http://scm.test") as client:
        ssl_id = await enrolled(_with(client, login))
        assert (await client.get(f"{SSL}/{ssl_id}")).json()["requester"] == "second"
        client.headers["password"] = LOGIN["password"]
        assert refusal(await client.get(SSL)) == (401, -16)


def _with(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.AsyncClient:
    client.headers.update(headers)
    return client


async def test_privileges_are_listed_by_name(client: httpx.AsyncClient, administrator: Administrator) -> None:
    answer = await client.get("/api/admin/v1/privileges", params={"role": "MRAO"})
    assert answer.json() == [{"name": name} for name in PRIVILEGES]
    administrator.privileges = frozenset({"sslRequest"})
    assert (await client.get("/api/admin/v1/privileges")).json() == [{"name": "sslRequest"}]


PRIVILEGED: list[tuple[str, str, dict[str, object]]] = [
    ("sslRequest", f"{SSL}/enroll", enrolment()),
    ("sslRenew", f"{SSL}/renewById/1", {}),
    ("sslReplace", f"{SSL}/replace/1", {"csr": make_csr(), "reason": "r"}),
    ("sslRevoke", f"{SSL}/revoke/1", {"reason": "r"}),
    ("sslApprove", f"{SSL}/approve/1", {"message": "m"}),
    ("clientCertRequest", f"{CLIENT_V2}/enroll", client_enrolment()),
    ("clientCertRevoke", f"{CLIENT_V2}/revoke/order/1", {"reason": "r"}),
    ("allowDCV", "/api/dcv/v2/validation/status", {"domain": "example.test"}),
]


@pytest.mark.parametrize(("privilege", "path", "body"), PRIVILEGED)
async def test_a_missing_privilege_is_403_on_the_admin_host(
    admin: httpx.AsyncClient, administrator: Administrator, privilege: str, path: str, body: dict[str, object]
) -> None:
    administrator.privileges = frozenset(PRIVILEGES) - {privilege}
    answer = await admin.post(path, json=body)
    assert refusal(answer) == (403, -3)
    assert answer.json()["description"] == f"You are not authorized to perform {privilege}."
    administrator.privileges = frozenset({privilege})
    assert (await admin.post(path, json=body)).status_code != 403


async def test_a_missing_privilege_is_400_on_the_classic_host_unless_set_otherwise(
    client: httpx.AsyncClient, simulator: Simulator, administrator: Administrator
) -> None:
    administrator.privileges = frozenset()
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment())) == (400, -3)
    assert refusal(await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment())) == (400, -3)
    assert (await client.get(SSL)).status_code == 200
    simulator.settings.missing_privilege_status = 403
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment())) == (403, -3)
    assert len(simulator.orders) == 0


async def test_orders_without_automatic_approval_wait(client: httpx.AsyncClient, administrator: Administrator) -> None:
    first = await enrolled(client)
    administrator.privileges = frozenset(PRIVILEGES) - {"autoApproveCertificates"}
    ssl_id = await enrolled(client)
    renewed = (await client.post(f"{SSL}/renewById/{first}", json={})).json()["sslId"]
    for waiting in (ssl_id, renewed):
        assert (await client.get(f"{SSL}/{waiting}")).json()["status"] == "Requested"
