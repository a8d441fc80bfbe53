"""The control listener's part about the tenant."""

from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from tests.unit.scm_simulator.tenant import LOGIN, SSL, TOKEN, Clock, enrolment, refusal, token_form, token_of


async def test_administrators_are_added_changed_and_removed(
    client: httpx.AsyncClient, control: httpx.AsyncClient
) -> None:
    robot = {"login": "robot", "password": "pass word 1", "privileges": ["sslRequest"]}
    answer = await control.post("/administrators", json=robot)
    assert (answer.status_code, answer.json()) == (
        201,
        {"login": "robot", "privileges": ["sslRequest"], "password_state": "NEVER_EXPIRE", "password_ends": None},
    )
    headers = {"login": "robot", "password": "pass word 1"}
    assert (await client.get(SSL, headers=headers)).status_code == 200
    ends = {"login": "robot", "password_ends": "2026-11-23T13:00:00+01:00"}
    assert (await control.post("/administrators", json=ends)).json()["password_state"] == "EXPIRED"
    assert (await client.get(SSL, headers=headers)).status_code == 401
    shown = (await control.get("/administrators")).json()
    assert [each["login"] for each in shown] == ["demo-user", "robot"]
    assert "pass word 1" not in str(shown)
    assert (await control.delete("/administrators/robot")).status_code == 204
    assert (await control.delete("/administrators/robot")).status_code == 404


async def test_clients_are_added_and_revoked(admin: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
    second = {"client_id": "second", "client_secret": "its secret", "login": "demo-user"}
    answer = await control.post("/clients", json=second)
    assert (answer.status_code, answer.json()) == (201, {**second, "revoked": False})
    token = {"authorization": f"Bearer {await token_of(admin, 'second', 'its secret')}"}
    assert (await control.post("/clients/second/revoke", json={"keep_tokens": True})).json()["revoked"] is True
    assert (await admin.get(SSL, headers=token)).status_code == 200
    assert (await control.post("/clients/second/revoke")).status_code == 200
    assert (await admin.get(SSL, headers=token)).status_code == 401
    assert (await admin.post(TOKEN, data=token_form("second", "its secret"))).status_code == 401
    assert (await control.post("/clients/third/revoke")).status_code == 404
    assert [each["client_id"] for each in (await control.get("/clients")).json()] == ["demo-client-id", "second"]


async def test_tokens_are_ended(admin: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
    assert (await admin.get(SSL)).status_code == 200
    assert (await control.delete("/tokens")).status_code == 204
    assert (await admin.get(SSL)).status_code == 401


async def test_client_certificates_are_issued_and_distrusted(control: httpx.AsyncClient, simulator: Simulator) -> None:
    issued = (await control.post("/client-certificates", json={"login": "demo-user"})).json()
    certificate = x509.load_pem_x509_certificate(issued["certificate"].encode())
    key = load_pem_private_key(issued["private_key"].encode(), None)
    assert key.public_key() == certificate.public_key()
    transport = SimulatorTransport(simulator, client_certificate=certificate)
    async with httpx.AsyncClient(transport=transport, base_url="http://scm.test/private", headers=LOGIN) as client:
        assert (await client.get(f"{SSL}/types")).status_code == 200
        assert (await control.delete(f"/client-certificates/{issued['fingerprint']}")).status_code == 204
        assert (await client.get(f"{SSL}/types")).status_code == 401
        own = {"login": "demo-user", "certificate": issued["certificate"]}
        answer = (await control.post("/client-certificates", json=own)).json()
        assert answer == {"login": "demo-user", "trusted": True, "fingerprint": issued["fingerprint"]}
        assert (await client.get(f"{SSL}/types")).status_code == 200
    untrusted = (await control.post("/client-certificates", json={"login": "demo-user", "trusted": False})).json()
    assert untrusted.keys() == {"login", "trusted", "certificate", "private_key"}
    assert (await control.delete("/client-certificates/nonsense")).status_code == 404


async def test_domains_are_added_validated_and_removed(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.dcv = "refuse"
    assert (await control.post("/domains", json={"name": "example.test"})).json()["status"] == "Not validated"
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment())) == (400, -724)
    assert (await control.post("/domains/example.test/validate")).json() == {
        "name": "example.test",
        "status": "Validated",
        "method": "CNAME",
        "order_mode": None,
        "validated_at": "2026-11-23T12:00:00.250000+00:00",
        "ends_at": "2027-06-09T12:00:00.250000+00:00",
    }
    assert (await client.post(f"{SSL}/enroll", json=enrolment())).status_code == 200
    past = {"name": "example.test", "validated_at": "2026-01-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"}
    assert (await control.post("/domains", json=past)).json()["status"] == "Expired"
    assert [each["name"] for each in (await control.get("/domains")).json()] == ["example.test"]
    assert (await control.delete("/domains/example.test")).status_code == 204
    assert (await control.get("/domains")).json() == []


async def test_organizations_and_custom_fields_are_put(
    client: httpx.AsyncClient, control: httpx.AsyncClient, clock: Clock
) -> None:
    organization = {
        "id": 7002,
        "name": "Another",
        "country": "BE",
        "departments": [{"id": 7021, "name": "Web"}],
        "ssl_certs_api_enabled": True,
        "client_certs_api_enabled": False,
    }
    answer = await control.post("/organizations", json=organization)
    assert (answer.status_code, answer.json()) == (201, organization)
    assert len((await control.get("/organizations")).json()) == 2
    field = {"name": "Stage", "cert_types": ["SSL"], "mandatories": ["REST_API"]}
    assert (await control.post("/custom-fields", json=field)).json()["id"] == 83
    body = enrolment(orgId=7021)
    assert refusal(await client.post(f"{SSL}/enroll", json=body)) == (400, -62)
    assert (await control.post("/custom-fields", json={"name": "Stage"})).json()["id"] == 83
    assert (await client.post(f"{SSL}/enroll", json=body)).status_code == 200
    assert len((await control.get("/custom-fields")).json()) == 3
    assert (await control.delete("/custom-fields/Stage")).status_code == 204


async def test_a_reset_puts_the_tenant_back(control: httpx.AsyncClient, simulator: Simulator) -> None:
    await control.post("/administrators", json={"login": "robot", "password": "pass word 1"})
    await control.post("/domains", json={"name": "example.test"})
    await control.post("/organizations", json={"id": 7002, "name": "Another"})
    await control.post("/custom-fields", json={"name": "Stage"})
    assert (await control.post("/reset")).status_code == 204
    lengths = [
        len((await control.get(path)).json())
        for path in ("/administrators", "/clients", "/domains", "/organizations", "/custom-fields")
    ]
    assert lengths == [1, 1, 0, 1, 2]


FLAWED: list[tuple[str, dict[str, Any]]] = [
    ("/administrators", {"login": "robot"}),
    ("/administrators", {"login": "demo-user", "password_ends": "2026-11-23"}),
    ("/clients", {"client_id": "second"}),
    ("/client-certificates", {"login": "demo-user", "certificate": "none"}),
    ("/domains", {"domain": "example.test"}),
    ("/organizations", {"id": 0, "name": "x"}),
    ("/custom-fields", {"name": "x", "mandatories": ["API"]}),
]


@pytest.mark.parametrize(("path", "body"), FLAWED)
async def test_a_flawed_call_is_refused(control: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    answer = await control.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json().keys() == {"error"}
