"""The reports (scm-api.md 13.2)."""

from typing import Any

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    CLIENT_V1,
    ORG,
    SSL,
    Clock,
    client_enrolled,
    collected,
    enrolled,
    make_csr,
    refusal,
)

SSL_REPORT, CLIENT_REPORT = "/api/report/v1/ssl-certificates", "/api/report/v1/client-certificates"
WINDOW = {"from": "2026-11-01", "to": "2026-11-30"}


async def rows(client: httpx.AsyncClient, path: str, **body: Any) -> list[dict[str, Any]]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"statusCode", "message", "reports"}
    found: list[dict[str, Any]] = answer.json()["reports"]
    return found


async def test_a_row_has_everything_about_a_certificate(client: httpx.AsyncClient) -> None:
    fields = [{"name": "Ticket", "value": "T-1"}]
    ssl_id = await enrolled(client, subjAltNames="a.test", comments="mark", customFields=fields)
    leaf, *_ = await collected(client, ssl_id)
    (row,) = await rows(client, SSL_REPORT, **WINDOW)
    assert row.pop("orderNumber") == int(row.pop("backendCertId"))
    assert len(row.pop("sha1")) == 40
    assert "Issuing CA" in row.pop("issuer")
    assert row == {
        "id": ssl_id,
        "type": "Simulated OV SSL",
        "typeId": 501,
        "orgId": ORG,
        "organizationName": "Simulated Organization",
        "commonName": "web.example.test",
        "subjAltNames": "web.example.test, a.test",
        "status": "Issued",
        "requester": "demo-user",
        "requestedVia": "REST API",
        "term": 365,
        "comments": "mark",
        "externalRequester": "",
        "requested": "2026-11-23T12:00:00.250Z",
        "approved": "2026-11-23T12:00:00.250Z",
        "issued": "2026-11-23T12:00:00.250Z",
        "expires": "2027-11-23T12:00:00.000Z",
        "serialNumber": f"{leaf.serial_number:X}",
        "signatureAlg": "SHA256withECDSA",
        "publicKeyType": "EC - P-256",
        "customFields": fields,
    }


async def test_serial_numbers_have_leading_zeros_on_request(client: httpx.AsyncClient) -> None:
    await collected(client, await enrolled(client))
    (row,) = await rows(client, SSL_REPORT, serialNumberFormat="HEXWithLeadingZeros")
    assert len(row["serialNumber"]) >= 32


async def test_a_report_is_chosen_by_a_window_of_dates(client: httpx.AsyncClient, clock: Clock) -> None:
    old = await enrolled(client)
    clock.advance(days=40)
    revoked = await enrolled(client, csr=make_csr("revoked.test"), certType=502, term=47)
    await client.post(f"{SSL}/revoke/{revoked}", json={"reason": "r"})
    expected: list[tuple[str, str, str, list[int]]] = [
        ("4", "2026-11-23", "2026-11-23", [old]),
        ("4", "2026-11-24", "2027-01-02", [revoked]),
        ("5", "2026-01-01", "2027-12-31", [old, revoked]),
        ("3", "2027-02-18", "2027-02-18", [revoked]),
        ("3", "2027-11-01", "2027-11-30", [old]),
        ("2", "2026-01-01", "2027-12-31", [revoked]),
        ("2", "2026-01-01", "2026-12-31", []),
    ]
    found = [
        (
            attribute,
            first,
            last,
            [
                row["id"]
                for row in await rows(
                    client, SSL_REPORT, **{"from": first, "to": last, "certificateDateAttribute": attribute}
                )
            ],
        )
        for attribute, first, last, _ in expected
    ]
    assert found == expected


async def test_a_report_is_chosen_by_status_organization_and_name(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    issued, revoked = await enrolled(client), await enrolled(client, csr=make_csr("revoked.test"))
    await client.post(f"{SSL}/revoke/{revoked}", json={"reason": "r"})
    simulator.settings.never_issue = True
    waiting = await enrolled(client)
    chosen: list[tuple[dict[str, Any], list[int]]] = [
        ({"certificateStatus": "0"}, [issued, revoked, waiting]),
        ({"certificateStatus": "1"}, [waiting]),
        ({"certificateStatus": 2}, [issued]),
        ({"certificateStatus": "3"}, [revoked]),
        ({"certificateStatus": "4"}, []),
        ({"organizationIds": [ORG, 5]}, [issued, revoked, waiting]),
        ({"organizationIds": [5]}, []),
        ({"commonName": "revoked"}, [revoked]),
    ]
    found = [(body, [row["id"] for row in await rows(client, SSL_REPORT, **body)]) for body, _ in chosen]
    assert found == chosen
    (row,) = await rows(client, SSL_REPORT, certificateStatus="1")
    assert "serialNumber" not in row


async def test_people_have_a_report_of_their_own(client: httpx.AsyncClient, clock: Clock) -> None:
    order_number = await client_enrolled(client, comments="mark")
    await enrolled(client)
    (row,) = await rows(client, CLIENT_REPORT, **WINDOW)
    assert row["person"] == {"name": "Ann Example", "email": "ann@example.test"}
    assert row["organization"] == {"id": str(ORG), "name": "Simulated Organization"}
    assert (row["orderNumber"], row["backendCertId"]) == (order_number, str(order_number))
    assert (row["enrolled"], row["expire"]) == ("2026-11-23T12:00:00.250Z", "2027-11-23T12:00:00.000Z")
    assert row["comments"] == "mark"
    clock.advance(days=1)
    await client.post(f"{CLIENT_V1}/revoke/order/{order_number}", json={"reason": ""})
    window = {"from": "2026-11-24", "to": "2026-11-24", "certificateDateAttribute": "2"}
    assert [row["revoked"] for row in await rows(client, CLIENT_REPORT, **window)] == ["2026-11-24T12:00:00.250Z"]
    assert await rows(client, CLIENT_REPORT, certificateStatus="2") == []


@pytest.mark.parametrize("path", [SSL_REPORT, CLIENT_REPORT])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"from": "yesterday"}, -1601),
        ({"to": "2026-13-01"}, -1601),
        ({"certificateStatus": "9"}, -1601),
        ({"organizationIds": "7001"}, -1002),
    ],
)
async def test_a_flawed_report_is_refused(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], code: int
) -> None:
    assert refusal(await client.post(path, json=body)) == (400, code)


async def test_reports_are_on_the_admin_host_too(admin: httpx.AsyncClient, simulator: Simulator) -> None:
    await enrolled(admin)
    assert len(await rows(admin, SSL_REPORT, **WINDOW)) == 1
    simulator.faults.add("ssl_report", "status", status=503)
    assert (await admin.post(SSL_REPORT, json=WINDOW)).status_code == 503
