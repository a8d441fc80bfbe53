"""Types, organizations, list, count and details (scm-api.md 3.1, 3.8, 3.9 and 5)."""

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import ORG, SSL, Clock, collected, enrolled, make_csr, refusal


async def test_types_show_what_may_be_ordered(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{SSL}/types", params={"organizationId": ORG})
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    types = {profile["id"]: profile for profile in answer.json()}
    assert types[501] == {
        "id": 501,
        "name": "Simulated OV SSL",
        "description": "One year, RSA and EC",
        "terms": [365, 398],
        "keyTypes": {"RSA": ["2048", "3072", "4096"], "EC": ["P-256", "P-384"]},
        "useSecondaryOrgName": False,
    }
    assert types[502]["terms"] == [199, 100, 47]
    assert (await client.get(f"{SSL}/types")).json() == answer.json()


async def test_types_of_an_unknown_organization_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{SSL}/types", params={"organizationId": "1"})
    assert answer.json() == {"code": -1023, "description": "Organization '1' not found."}


async def test_the_organization_is_listed_and_described(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/api/organization/v1")).json()
    assert listed == [{"id": ORG, "name": "Simulated Organization", "departments": []}]
    described = (await client.get(f"/api/organization/v1/{ORG}")).json()
    assert described["sslCertsApiEnabled"] is True
    assert refusal(await client.get("/api/organization/v1/1")) == (400, -1023)


async def test_a_row_gets_its_names_and_serial_with_the_certificate(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.never_issue = True
    ssl_id = await enrolled(client)
    assert (await client.get(SSL)).json() == [{"sslId": ssl_id, "commonName": "web.example.test"}]
    simulator.settings.never_issue = False
    row = (await client.get(SSL)).json()[0]
    serial = (await collected(client, ssl_id))[0].serial_number
    assert row["subjectAlternativeNames"] == ["web.example.test"]
    assert int(row["serialNumber"].replace(":", ""), 16) == serial
    assert row["serialNumber"] == row["serialNumber"].upper()


async def test_pages_are_cut_from_the_list_and_the_total_is_in_a_header(client: httpx.AsyncClient) -> None:
    ids = [await enrolled(client) for _ in range(5)]
    page = await client.get(SSL, params={"size": 2, "position": 1})
    assert [row["sslId"] for row in page.json()] == ids[1:3]
    assert page.headers["x-total-count"] == "5"
    last = await client.get(SSL, params={"size": 2, "position": 4})
    assert [row["sslId"] for row in last.json()] == ids[4:]
    assert (await client.get(SSL, params={"position": 9})).json() == []


async def test_head_counts_without_a_body(client: httpx.AsyncClient) -> None:
    await enrolled(client)
    await enrolled(client, csr=make_csr("other.example.test"))
    answer = await client.head(SSL, params={"commonName": "other"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-total-count"] == "1"


@pytest.mark.parametrize(
    ("name", "value"), [("size", "201"), ("size", "x"), ("size", "-1"), ("position", "-1"), ("position", "9" * 30)]
)
async def test_a_page_that_cannot_be_is_refused(client: httpx.AsyncClient, name: str, value: str) -> None:
    answer = await client.get(SSL, params={name: value})
    assert answer.json() == {"code": -1601, "description": f"Field '{name}' has invalid value."}


async def test_the_list_is_filtered(client: httpx.AsyncClient, simulator: Simulator) -> None:
    web = await enrolled(client, subjAltNames="alias.example.test", externalRequester="me@example.test")
    shop = await enrolled(client, csr=make_csr("shop.example.test"), certType=502, term=47)
    simulator.settings.never_issue = True
    pending = await enrolled(client, csr=make_csr("later.example.test"))
    order = simulator.orders.get(shop)
    assert order is not None
    shown = (await client.get(f"{SSL}/{shop}")).json()
    expected: list[tuple[str, str, list[int]]] = [
        ("commonName", "SHOP.example.test", [shop]),
        ("commonName", "example", [web, shop, pending]),
        ("subjectAlternativeName", "alias", [web]),
        ("status", "Issued", [web, shop]),
        ("status", "Applied", [pending]),
        ("status", "Unheard", []),
        ("sslTypeId", "502", [shop]),
        ("orgId", str(ORG), [web, shop, pending]),
        ("orgId", "1", []),
        ("serialNumber", shown["serialNumber"], [shop]),
        ("serialNumber", shown["serialNumber"].replace(":", "").lower(), [shop]),
        ("serialNumber", "nonsense", []),
        ("sha1Hash", shown["certificateDetails"]["sha1Hash"], [shop]),
        ("md5Hash", shown["certificateDetails"]["md5Hash"], [shop]),
        ("issuer", "Issuing CA", [web, shop]),
        ("vendor", "Sectigo SCM Simulator", [web, shop, pending]),
        ("requester", "demo-user", [web, shop, pending]),
        ("externalRequester", "me@example.test", [web]),
        ("keyAlgorithm", "RSA", []),
        ("keySize", "256", [web, shop, pending]),
        ("keyParam", "P-256", [web, shop, pending]),
        ("requestedVia", "REST", [web, shop, pending]),
        ("requestedVia", "ACME", []),
        ("unknownParameter", "x", [web, shop, pending]),
    ]
    found = [
        (name, value, [row["sslId"] for row in (await client.get(SSL, params={name: value})).json()])
        for name, value, _ in expected
    ]
    assert found == expected


async def test_details_leave_out_what_is_not_known_yet(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.settings.never_issue = True
    ssl_id = await enrolled(client)
    before = (await client.get(f"{SSL}/{ssl_id}")).json()
    assert before["status"] == "Applied"
    assert before["keySize"] == 0
    for absent in ("issued", "expires", "serialNumber", "certificateDetails", "revoked", "reasonCode", "replaced"):
        assert absent not in before
    clock.advance(days=3)
    simulator.settings.never_issue = False
    after = (await client.get(f"{SSL}/{ssl_id}")).json()
    assert after["id"] == after["sslId"] == ssl_id
    assert after["backendCertId"] == str(after["orderNumber"])
    assert len(after["backendCertId"]) == 10
    assert (after["requested"], after["issued"]) == ("11/23/2026", "11/23/2026")
    assert after["expires"] == "11/23/2027"
    assert after["keyType"] == "EC - P-256"
    assert after["keySize"] == 256
    assert after["certType"]["id"] == 501
    assert after["certificateDetails"]["subjectAltNames"] == "web.example.test"
