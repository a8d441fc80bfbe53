"""List, count and details of client certificates (scm-api.md 4 and 4.2)."""

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    CLIENT_V1,
    CLIENT_V2,
    PRIVATE_SMIME,
    Clock,
    client_collected,
    client_details,
    client_enrolled,
    client_row,
    refusal,
)


async def test_a_row_tells_what_is_known_and_null_for_the_rest(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.never_issue = True
    number = await client_enrolled(client, comments="svp:mark")
    (pending,) = (await client.get(CLIENT_V2)).json()
    row_id = pending.pop("id")
    assert row_id != number
    assert pending == {
        "state": "requested",
        "certificateDetails": {},
        "serialNumber": None,
        "orderNumber": number,
        "backendCertId": str(number),
        "expires": None,
        "comments": "svp:mark",
    }
    simulator.settings.never_issue = False
    answer = await client.get(CLIENT_V2)
    assert answer.headers["content-type"] == "application/json"
    (issued,) = answer.json()
    assert issued.keys() == {"id", *pending}
    assert (issued["id"], issued["state"], issued["expires"]) == (row_id, "issued", "2027-11-23")
    leaf, *_ = await client_collected(client, number)
    assert int(issued["serialNumber"].replace(":", ""), 16) == leaf.serial_number
    assert issued["certificateDetails"]["subject"] == (
        "E=ann@example.test,CN=Ann Example,SN=Example,GN=Ann,O=Simulated Organization,C=NL"
    )
    assert issued["certificateDetails"]["subjectAltNames"] == "ann@example.test"


async def test_v1_lists_the_same_and_says_less(client: httpx.AsyncClient) -> None:
    await client_enrolled(client)
    ((old,), (new,)) = [(await client.get(path)).json() for path in (CLIENT_V1, CLIENT_V2)]
    assert old.items() < new.items()
    assert new.keys() - old.keys() == {"certificateDetails", "comments"}
    assert (await client.head(CLIENT_V1)).headers["x-total-count"] == "1"


async def test_pages_are_cut_from_the_list_and_the_total_is_in_a_header(client: httpx.AsyncClient) -> None:
    numbers = [await client_enrolled(client) for _ in range(5)]
    page = await client.get(CLIENT_V2, params={"size": 2, "position": 1})
    assert [row["orderNumber"] for row in page.json()] == numbers[1:3]
    assert page.headers["x-total-count"] == "5"
    assert refusal(await client.get(CLIENT_V2, params={"size": 201})) == (400, -1601)


async def test_head_counts_without_a_body(client: httpx.AsyncClient) -> None:
    for email in ("ann@example.test", "bob@example.test", "bob@example.org"):
        await client_enrolled(client, email=email)
    answer = await client.head(CLIENT_V2, params={"email": "bob"})
    assert (answer.status_code, answer.content, answer.headers["x-total-count"]) == (200, b"", "2")


async def test_the_list_is_filtered(client: httpx.AsyncClient, simulator: Simulator) -> None:
    ann = await client_enrolled(client, secondaryEmails=["a.e@example.org"])
    bob = await client_enrolled(client, email="bob@example.test", certType=PRIVATE_SMIME)
    simulator.settings.never_issue = True
    eve = await client_enrolled(client, email="eve@example.test")
    serial = (await client_row(client, bob))["serialNumber"]
    expected: list[tuple[str, object, list[int]]] = [
        ("state", "issued", [ann, bob]),
        ("state", "requested", [eve]),
        ("state", "pre_revoked", []),
        ("email", "BOB@example.test", [bob]),
        ("email", "a.e@example.org", [ann]),
        ("email", "example.test", [ann, bob, eve]),
        ("certTypeId", PRIVATE_SMIME, [bob]),
        ("backendCertId", eve, [eve]),
        ("serialNumber", serial, [bob]),
        ("serialNumber", serial.replace(":", "").lower(), [bob]),
        ("serialNumber", "nonsense", []),
        ("signatureAlgorithm", "SHA256withECDSA", [ann, bob]),
        ("keyAlgorithm", "EC", [ann, bob, eve]),
        ("keyParam", "P-384", []),
        ("keyUsage", "Key Agreement", [ann, bob]),
        ("keyUsage", "Key Encipherment", []),
        ("extendedKeyUsage", "Email Protection", [ann, bob]),
        ("extendedKeyUsage", "Server Authentication", []),
        ("unknownParameter", "x", [ann, bob, eve]),
    ]
    found = [
        (name, value, [row["orderNumber"] for row in (await client.get(CLIENT_V2, params={name: str(value)})).json()])
        for name, value, _ in expected
    ]
    assert found == expected


async def test_a_refused_order_has_lost_its_number_in_the_list(
    client: httpx.AsyncClient, control: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.auto_approve = False
    number = await client_enrolled(client, comments="mark")
    await control.post(f"/orders/{number}/decline")
    (row,) = (await client.get(CLIENT_V2)).json()
    del row["id"]
    assert row == {
        "state": "rejected",
        "certificateDetails": {},
        "serialNumber": "",
        "orderNumber": 0,
        "backendCertId": None,
        "expires": None,
        "comments": "mark",
    }


async def test_details_have_null_for_what_is_not_known_yet(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.settings.never_issue = True
    number = await client_enrolled(client, comments="mark")
    before = await client_details(client, number)
    assert (before["status"], before["keySize"], before["requested"]) == ("requested", 0, "11/23/2026")
    for unknown in ("issued", "expires", "serialNumber", "certificateDetails", "revoked", "reasonCode", "replaced"):
        assert before[unknown] is None
    clock.advance(days=3)
    simulator.settings.never_issue = False
    after = await client_details(client, number)
    assert after.keys() == before.keys()
    assert (after["orderNumber"], after["backendCertId"]) == (number, str(number))
    assert (after["status"], after["issued"], after["expires"]) == ("issued", "11/23/2026", "11/23/2027")
    assert (after["keyType"], after["keySize"], after["certType"]["id"]) == ("EC - P-256", 256, 601)
    assert (after["email"], after["firstName"], after["comments"]) == ("ann@example.test", "Ann", "mark")


@pytest.mark.parametrize("scm_id", ["1", "abc", "99999999999999999999"])
async def test_details_of_an_unknown_id_are_not_found(client: httpx.AsyncClient, scm_id: str) -> None:
    answer = await client.get(f"{CLIENT_V1}/{scm_id}")
    assert refusal(answer) == (404, -5101)
    assert answer.headers["content-type"] == "application/json"


async def test_details_want_the_id_and_not_the_order_number(client: httpx.AsyncClient) -> None:
    assert refusal(await client.get(f"{CLIENT_V1}/{await client_enrolled(client)}")) == (404, -5101)
