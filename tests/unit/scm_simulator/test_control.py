"""The control listener (design.md 3)."""

from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings
from tests.unit.scm_simulator.tenant import SSL, Clock, collected, ec_key, enrolled, make_csr, refusal


async def orders(control: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await control.get("/orders")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()
    return found


async def test_orders_show_everything_about_an_order(client: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
    key = ec_key()
    ssl_id = await enrolled(client, csr=make_csr(key=key), subjAltNames="a.example.test", comments="hello")
    leaf, *_ = await collected(client, ssl_id)
    await client.post(f"{SSL}/revoke/{ssl_id}", json={"reason": "gone", "reasonCode": 5})
    (order,) = await orders(control)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert order.pop("times") == {
        "requested": "2026-11-23T12:00:00.250000+00:00",
        "approved": "2026-11-23T12:00:00.250000+00:00",
        "declined": None,
        "issued": "2026-11-23T12:00:00.250000+00:00",
        "expires": "2027-11-23T12:00:00+00:00",
        "replaced": None,
        "renewed": None,
        "revoked": "2026-11-23T12:00:00.250000+00:00",
    }
    assert len(order.pop("renew_id")) == 20
    assert order.pop("order_number") > 10**9
    assert [int(serial.replace(":", ""), 16) for serial in order.pop("serials")] == [leaf.serial_number]
    assert order == {
        "id": ssl_id,
        "kind": "ssl",
        "status": "Revoked",
        "common_name": "web.example.test",
        "subject_alt_names": ["web.example.test", "a.example.test"],
        "comments": "hello",
        "external_requester": "",
        "profile": 501,
        "term": 365,
        "renewed_to": None,
        "public_key_sha256": digest.finalize().hex(),
        "collects": 1,
        "revocation_reason": "gone",
        "revocation_reason_code": 5,
    }


async def test_a_replacement_adds_a_serial_and_a_renewal_an_order(
    client: httpx.AsyncClient, control: httpx.AsyncClient
) -> None:
    ssl_id = await enrolled(client)
    await client.post(f"{SSL}/replace/{ssl_id}", json={"csr": make_csr(), "reason": "r"})
    renewed = (await client.post(f"{SSL}/renewById/{ssl_id}", json={})).json()["sslId"]
    old, new = await orders(control)
    assert len(old["serials"]) == 2
    assert old["renewed_to"] == new["id"] == renewed


async def test_approve_issue_and_decline(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.auto_approve = False
    simulator.settings.never_issue = True
    approved, issued, declined = [await enrolled(client) for _ in range(3)]
    assert (await control.post(f"/orders/{approved}/approve")).json()["status"] == "Applied"
    assert (await control.post(f"/orders/{issued}/issue")).json()["status"] == "Issued"
    assert (await control.post(f"/orders/{issued}/issue")).json()["status"] == "Issued"
    assert (await control.post(f"/orders/{declined}/decline")).json()["status"] == "Declined"
    assert len(await collected(client, issued)) == 3
    for word in ("approve", "issue", "decline"):
        answer = await control.post(f"/orders/{declined}/{word}")
        assert (answer.status_code, answer.json()) == (409, {"error": f"order {declined} is Declined"})


async def test_declining_what_the_ca_has_got_is_a_rejection(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.never_issue = True
    ssl_id = await enrolled(client)
    assert (await control.post(f"/orders/{ssl_id}/decline")).json()["status"] == "Rejected"
    simulator.settings.never_issue = False
    status, code = refusal(await client.get(f"{SSL}/collect/{ssl_id}"))
    assert status > 400
    assert code == -1112
    assert (await client.get(f"{SSL}/{ssl_id}")).json()["status"] == "Rejected"


async def test_a_replacement_can_be_issued_by_hand(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    ssl_id = await enrolled(client)
    simulator.settings.never_issue = True
    await client.post(f"{SSL}/replace/{ssl_id}", json={"csr": make_csr(), "reason": "r"})
    clock.advance(hours=1)
    order = (await control.post(f"/orders/{ssl_id}/issue")).json()
    assert order["times"]["issued"] == "2026-11-23T13:00:00.250000+00:00"
    assert len(order["serials"]) == 2


async def test_an_order_that_is_none_is_not_found(control: httpx.AsyncClient) -> None:
    for path in ("/orders/1/approve", "/orders/1/issue", "/orders/x/issue", "/nowhere"):
        answer = await control.post(path)
        assert answer.status_code == 404
        assert answer.json().keys() == {"error"}
    assert (await control.get("/reset")).status_code == 405


async def test_faults_are_posted_and_deleted(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator
) -> None:
    fault = {"operation": "types", "kind": "status", "status": 429, "retry_after": 3, "times": 2}
    answer = await control.post("/faults", json=fault)
    assert answer.status_code == 201
    assert answer.json().items() >= fault.items()
    assert (await client.get(f"{SSL}/types")).headers["retry-after"] == "3"
    assert (await control.delete("/faults")).status_code == 204
    assert (await client.get(f"{SSL}/types")).status_code == 200
    assert len(simulator.faults) == 0


FLAWED_FAULTS: list[dict[str, Any]] = [
    {},
    {"operation": "types"},
    {"kind": "slow"},
    {"operation": "type", "kind": "slow"},
    {"operation": "types", "kind": "explode"},
    {"operation": "types", "kind": "status", "status": 200},
    {"operation": "types", "kind": "page", "status": 199},
    {"operation": "types", "kind": "body", "body": 5},
    {"operation": "types", "kind": "slow", "seconds": -1},
    {"operation": "types", "kind": "slow", "times": 0},
    {"operation": "types", "kind": "slow", "second": 1},
]


@pytest.mark.parametrize("fault", FLAWED_FAULTS)
async def test_a_flawed_fault_is_refused(
    control: httpx.AsyncClient, simulator: Simulator, fault: dict[str, Any]
) -> None:
    answer = await control.post("/faults", json=fault)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}
    assert len(simulator.faults) == 0


async def test_settings_change_what_is_named_and_answer_all(control: httpx.AsyncClient, simulator: Simulator) -> None:
    changes = {"pending_polls": 7, "auto_approve": False, "mandatory_custom_fields": ["Ticket"]}
    answer = await control.post("/settings", json=changes)
    assert answer.status_code == 200
    assert answer.json() == {**Settings().model_dump(mode="json"), **changes}
    assert simulator.settings.pending_polls == 7
    assert simulator.settings.mandatory_custom_fields == ("Ticket",)


@pytest.mark.parametrize(
    "changes", [{"pending_poll": 1}, {"pending_polls": -1}, {"pending_code": 5}, {"latency": "inf"}, [], "x"]
)
async def test_flawed_settings_change_nothing(control: httpx.AsyncClient, simulator: Simulator, changes: Any) -> None:
    if isinstance(changes, dict):
        changes = {"auto_approve": False, **changes}
    answer = await control.post("/settings", json=changes)
    assert answer.status_code == 400
    assert simulator.settings == Settings(pending_polls=0)


async def test_a_body_out_of_bounds_is_refused(control: httpx.AsyncClient) -> None:
    answer = await control.post("/settings", content=b" " * 70_000)
    assert (answer.status_code, answer.json()) == (413, {"error": "the body is too large"})


async def test_reset_forgets_all_but_the_ca(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator
) -> None:
    first = await enrolled(client)
    root = simulator.ca.root.public_bytes(serialization.Encoding.PEM)
    simulator.settings.auto_approve = False
    simulator.faults.add("types", "status")
    assert (await control.post("/reset")).status_code == 204
    assert await orders(control) == []
    assert len(simulator.calls) == len(simulator.faults) == 0
    assert simulator.settings == Settings(pending_polls=0)
    second = await enrolled(client)
    assert second > first
    assert (await collected(client, second))[-1] == x509.load_pem_x509_certificate(root)
