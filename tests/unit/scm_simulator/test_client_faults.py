"""Faults, knobs and the control listener with client certificates."""

from typing import Any

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    CLIENT_V1,
    CLIENT_V2,
    LOGIN,
    SSL,
    Clock,
    client_collected,
    client_details,
    client_enrolled,
    client_enrolment,
    client_row,
    enrolled,
    enrolment,
    make_csr,
    refusal,
)


async def call(client: httpx.AsyncClient, operation: str, order_number: int, scm_id: int) -> httpx.Response:
    replacement = {"csr": make_csr(None), "reason": "r"}
    calls: dict[str, tuple[str, str, Any]] = {
        "types": ("GET", f"{CLIENT_V1}/types", None),
        "custom_fields": ("GET", f"{CLIENT_V1}/customFields", None),
        "enroll": ("POST", f"{CLIENT_V1}/enroll", client_enrolment()),
        "collect": ("GET", f"{CLIENT_V1}/collect/{order_number}", None),
        "list": ("GET", CLIENT_V2, None),
        "details": ("GET", f"{CLIENT_V1}/{scm_id}", None),
        "renew": ("POST", f"{CLIENT_V2}/renew/order/{order_number}", None),
        "replace": ("POST", f"{CLIENT_V2}/replace/order/{order_number}", replacement),
        "revoke": ("POST", f"{CLIENT_V1}/revoke/order/{order_number}", {"reason": ""}),
    }
    method, path, body = calls[operation]
    return await client.request(method, path, json=body)


@pytest.mark.parametrize(
    "operation",
    ["types", "custom_fields", "enroll", "collect", "list", "details", "renew", "replace", "revoke"],
)
async def test_a_fault_hits_the_operation_of_the_same_name(
    client: httpx.AsyncClient, simulator: Simulator, operation: str
) -> None:
    number = await client_enrolled(client)
    scm_id = (await client_row(client, number))["id"]
    simulator.faults.add(operation, "status", status=400, code=-3, description="You are not authorized.")
    answer = await call(client, operation, number, scm_id)
    assert refusal(answer) == (400, -3)
    assert answer.headers["content-type"] == "application/json"
    assert (await call(client, operation, number, scm_id)).status_code < 300
    assert [entry.operation for entry in simulator.calls][-2:] == [operation, operation]


async def test_a_lost_answer_of_an_enrolment_is_found_by_its_mark(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    await client_enrolled(client, comments="another")
    simulator.faults.add("enroll", "drop_after")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment(comments="the mark"))
    rows = (await client.get(CLIENT_V2, params={"email": "ann@example.test"})).json()
    assert [row["comments"] for row in rows] == ["another", "the mark"]
    assert len(await client_collected(client, rows[1]["orderNumber"])) == 3


async def test_empty_is_200_in_the_type_of_this_api(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.faults.add("collect", "empty")
    answer = await client.get(f"{CLIENT_V1}/collect/{await client_enrolled(client)}")
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"", "application/json")


@pytest.mark.parametrize("revoke", [False, True])
async def test_stale_delivers_the_certificate_before_the_replacement(
    client: httpx.AsyncClient, simulator: Simulator, revoke: bool
) -> None:
    number = await client_enrolled(client)
    old, *_ = await client_collected(client, number)
    simulator.faults.add("replace", "stale", times=2)
    simulator.settings.pending_polls = 1
    body = {"csr": make_csr(None), "reason": "r", "revoke": revoke}
    await client.post(f"{CLIENT_V2}/replace/order/{number}", json=body)
    assert (await client_collected(client, number))[0] == old  # while the new one is being made
    assert (await client_collected(client, number))[0] == old  # and once more although it is there
    assert (await client_collected(client, number))[0] != old
    assert len(simulator.faults) == 0


async def test_some_builds_answer_an_ssl_renewal_with_nothing(client: httpx.AsyncClient, simulator: Simulator) -> None:
    ssl_id = await enrolled(client)
    simulator.settings.renew_answers_id = False
    answer = await client.post(f"{SSL}/renewById/{ssl_id}", json={})
    assert (answer.status_code, answer.content) == (204, b"")
    old, new = simulator.orders
    assert old.renewed_to == new.ssl_id


@pytest.mark.parametrize("path", [f"{CLIENT_V1}/types", CLIENT_V2, f"{CLIENT_V2}/renew/order/1"])
async def test_every_path_wants_the_login(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={**LOGIN, "password": "wrong"})
    assert refusal(answer) == (401, -16)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"{CLIENT_V1}//collect/1", 400),
        ("GET", f"{CLIENT_V1}/types/", 200),
        ("POST", f"{CLIENT_V1}/types", 405),
        ("POST", f"{CLIENT_V1}/renew/order/1", 404),
        ("GET", f"{CLIENT_V2}/types", 404),
        ("POST", f"{CLIENT_V2}/enroll", 404),
    ],
)
async def test_what_renews_and_replaces_is_v2_and_the_rest_v1(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    assert (await client.request(method, path)).status_code == status


# The control listener


async def test_orders_of_both_kinds_are_shown_oldest_first(
    client: httpx.AsyncClient, control: httpx.AsyncClient
) -> None:
    ssl_id = await enrolled(client)
    number = await client_enrolled(client, secondaryEmails=["b@example.test"], comments="mark")
    server, person = (await control.get("/orders")).json()
    assert (server["id"], server["kind"]) == (ssl_id, "ssl")
    assert person.keys() - server.keys() == {"scm_id", "email"}
    assert person["scm_id"] == (await client_row(client, number))["id"]
    shown = ("id", "kind", "order_number", "status", "common_name", "email", "comments", "profile", "renew_id")
    assert [person[name] for name in shown] == [
        number,
        "client",
        number,
        "Issued",
        "Ann Example",
        "ann@example.test",
        "mark",
        601,
        None,
    ]
    assert person["subject_alt_names"] == ["ann@example.test", "b@example.test"]
    renewed = (await client.post(f"{CLIENT_V2}/renew/order/{number}")).json()["orderNumber"]
    assert [order["renewed_to"] for order in (await control.get("/orders")).json()] == [None, renewed, None]


async def test_a_client_order_is_approved_by_hand(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.settings.auto_approve = False
    number = await client_enrolled(client)
    assert refusal(await client.get(f"{CLIENT_V1}/collect/{number}")) == (400, -183)
    assert (await client_details(client, number))["approved"] is None
    clock.advance(days=1)
    assert (await control.post(f"/orders/{number}/approve")).json()["status"] == "Issued"
    assert (await client_details(client, number))["approved"] == "11/24/2026"
    assert len(await client_collected(client, number)) == 3


async def test_a_client_order_is_issued_by_hand(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.never_issue = True
    number = await client_enrolled(client)
    assert (await control.post(f"/orders/{number}/issue")).json()["status"] == "Issued"
    assert len(await client_collected(client, number)) == 3
    conflict = await control.post(f"/orders/{number}/decline")
    assert (conflict.status_code, conflict.json()) == (409, {"error": f"order {number} is Issued"})


@pytest.mark.parametrize(("auto_approve", "status"), [(False, "Declined"), (True, "Rejected")])
async def test_a_declined_client_order_never_issues(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator, auto_approve: bool, status: str
) -> None:
    simulator.settings.auto_approve, simulator.settings.never_issue = auto_approve, True
    number = await client_enrolled(client)
    assert (await control.post(f"/orders/{number}/decline")).json()["status"] == status
    simulator.settings.never_issue = False
    answer = await client.get(f"{CLIENT_V1}/collect/{number}")
    assert refusal(answer) == (409, -1112)
    assert answer.json()["description"].endswith(f"Status = {status}")


async def test_reset_forgets_client_orders_too(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator
) -> None:
    first = await client_enrolled(client)
    scm_id = (await client_row(client, first))["id"]
    await control.post("/reset")
    assert (await client.get(CLIENT_V2)).json() == []
    assert refusal(await client.get(f"{CLIENT_V1}/{scm_id}")) == (404, -5101)
    assert await client_enrolled(client) > first
    await client.post(f"{SSL}/enroll", json=enrolment())
    assert len(simulator.orders) == 2
