"""Renew, replace, revoke, approve and decline (scm-api.md 3.5 to 3.7 and 3.10)."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.model.orders import colon_hex
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    ONE_TIME,
    SHORT,
    SINGLE_DOMAIN,
    SSL,
    Clock,
    collected,
    ec_key,
    enrolled,
    enrolment,
    make_csr,
    names_of,
    refusal,
)

REVOCATION = {"reasonCode": 4, "reason": "superseded"}
UNKNOWN_ID = 12


async def details(client: httpx.AsyncClient, ssl_id: int) -> dict[str, Any]:
    answer = await client.get(f"{SSL}/{ssl_id}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


# Renew


async def test_renew_by_id_is_a_new_order_with_the_same_key_and_parameters(client: httpx.AsyncClient) -> None:
    old_id = await enrolled(client, subjAltNames="a.example.test", comments="mark", certType=SHORT, term=199)
    answer = await client.post(f"{SSL}/renewById/{old_id}", json={})
    assert answer.status_code == 200
    assert answer.json().keys() == {"sslId"}
    new_id = answer.json()["sslId"]
    assert new_id != old_id
    old, new = (await collected(client, old_id))[0], (await collected(client, new_id))[0]
    assert new.public_key() == old.public_key()
    assert new.serial_number != old.serial_number
    assert names_of(new) == names_of(old)
    assert (await details(client, new_id))["comments"] == "mark"
    assert (await details(client, new_id))["term"] == 199


async def test_the_renewed_certificate_stays_issued_and_says_so(client: httpx.AsyncClient, clock: Clock) -> None:
    old_id = await enrolled(client)
    assert (await details(client, old_id))["renewed"] is False
    clock.advance(days=2)
    await client.post(f"{SSL}/renewById/{old_id}", json={})
    after = await details(client, old_id)
    assert (after["status"], after["renewed"], after["renewedDate"]) == ("Issued", True, "11/25/2026")


async def test_a_renewal_may_bring_another_key(client: httpx.AsyncClient) -> None:
    key = ec_key()
    answer = await client.post(
        f"{SSL}/renewById/{await enrolled(client)}", json={"csr": make_csr(key=key), "dcvMode": None}
    )
    leaf, *_ = await collected(client, answer.json()["sslId"])
    assert leaf.public_key() == key.public_key()


@pytest.mark.parametrize("first", [True, False])
async def test_a_renewal_of_a_replaced_certificate_reuses_the_first_or_the_newest_key(
    client: httpx.AsyncClient, simulator: Simulator, first: bool
) -> None:
    old_id = await enrolled(client)
    original, *_ = await collected(client, old_id)
    await client.post(f"{SSL}/replace/{old_id}", json={"csr": make_csr(), "reason": "r"})
    replaced, *_ = await collected(client, old_id)
    simulator.settings.renew_reuses_first_csr = first
    renewed, *_ = await collected(client, (await client.post(f"{SSL}/renewById/{old_id}", json={})).json()["sslId"])
    assert renewed.public_key() == (original if first else replaced).public_key()


async def test_renew_by_renew_id_answers_nothing(client: httpx.AsyncClient, simulator: Simulator) -> None:
    order = (await client.post(f"{SSL}/enroll", json=enrolment())).json()
    answer = await client.post(f"{SSL}/renew/{order['renewId']}", json={})
    assert (answer.status_code, answer.content) == (204, b"")
    old, new = simulator.orders
    assert old.renewed_to == new.ssl_id
    assert new.renew_id != old.renew_id


@pytest.mark.parametrize("body", [b"", b'""', b"[]", b'{"csr": 5}'])
@pytest.mark.parametrize("path", ["renewById/{ssl_id}", "renew/{renew_id}"])
async def test_the_body_of_a_renewal_is_an_object(
    client: httpx.AsyncClient, simulator: Simulator, path: str, body: bytes
) -> None:
    order = (await client.post(f"{SSL}/enroll", json=enrolment())).json()
    target = f"{SSL}/" + path.format(ssl_id=order["sslId"], renew_id=order["renewId"])
    answer = await client.post(target, content=body, headers={"content-type": "application/json"})
    assert refusal(answer) == (400, -1002)
    assert len(simulator.orders) == 1


@pytest.mark.parametrize("body", [b"", b'""'])
async def test_older_builds_took_an_empty_renewal(client: httpx.AsyncClient, simulator: Simulator, body: bytes) -> None:
    simulator.settings.strict_renew_body = False
    path = f"{SSL}/renewById/{await enrolled(client)}"
    answer = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200


async def test_what_cannot_be_renewed(client: httpx.AsyncClient, simulator: Simulator) -> None:
    assert refusal(await client.post(f"{SSL}/renewById/{UNKNOWN_ID}", json={})) == (400, -124)
    assert refusal(await client.post(f"{SSL}/renew/nonsense", json={})) == (400, -123)
    one_time = await enrolled(client, certType=ONE_TIME)
    assert refusal(await client.post(f"{SSL}/renewById/{one_time}", json={})) == (400, -180)
    revoked = await enrolled(client)
    await client.post(f"{SSL}/revoke/{revoked}", json=REVOCATION)
    assert refusal(await client.post(f"{SSL}/renewById/{revoked}", json={})) == (400, -105)
    simulator.settings.never_issue = True
    pending = await enrolled(client)
    answer = await client.post(f"{SSL}/renewById/{pending}", json={})
    assert refusal(answer) == (400, -105)
    assert answer.json()["description"].endswith("Status = Applied")


async def test_an_expired_certificate_can_be_renewed(client: httpx.AsyncClient, clock: Clock) -> None:
    ssl_id = await enrolled(client)
    clock.advance(days=365)
    assert (await details(client, ssl_id))["status"] == "Expired"
    assert (await client.post(f"{SSL}/renewById/{ssl_id}", json={})).status_code == 200


async def test_a_term_that_is_too_long_by_now_is_shortened_without_a_word(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    ssl_id = await enrolled(client, certType=SHORT, term=199)
    simulator.settings.longest_term = 100
    renewed = (await client.post(f"{SSL}/renewById/{ssl_id}", json={})).json()["sslId"]
    assert (await details(client, renewed))["term"] == 100
    profile = next(item for item in (await client.get(f"{SSL}/types")).json() if item["id"] == SHORT)
    assert profile["terms"] == [100, 47]
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment(certType=SHORT, term=199))) == (400, -36)
    simulator.settings.longest_term = 10
    assert refusal(await client.post(f"{SSL}/renewById/{ssl_id}", json={})) == (400, -36)


# Replace


async def test_replace_keeps_the_id_and_delivers_another_certificate(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    ssl_id = await enrolled(client, subjAltNames="a.example.test")
    old, *_ = await collected(client, ssl_id)
    clock.advance(days=10)
    simulator.settings.pending_polls = 1
    key = ec_key()
    answer = await client.post(f"{SSL}/replace/{ssl_id}", json={"csr": make_csr(key=key), "reason": "lost"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await details(client, ssl_id))["status"] == "Applied"
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}")) == (400, 0)
    new, *_ = await collected(client, ssl_id)
    assert new.public_key() == key.public_key()
    assert new.serial_number != old.serial_number
    assert new.not_valid_after_utc == old.not_valid_after_utc
    assert new.not_valid_before_utc - old.not_valid_before_utc == timedelta(days=10)
    assert names_of(new) == names_of(old)
    after = await details(client, ssl_id)
    assert (after["status"], after["replaced"]) == ("Issued", "12/03/2026")


async def test_replace_takes_a_list_of_names(client: httpx.AsyncClient) -> None:
    ssl_id = await enrolled(client, subjAltNames="a.example.test")
    body = {
        "csr": make_csr("ignored.example.test"),
        "reason": "moved",
        "commonName": "new.example.test",
        "subjectAlternativeNames": ["b.example.test"],
    }
    assert (await client.post(f"{SSL}/replace/{ssl_id}", json=body)).status_code == 204
    leaf, *_ = await collected(client, ssl_id)
    assert names_of(leaf) == ["new.example.test", "b.example.test"]


async def test_a_single_domain_replacement_keeps_its_www(client: httpx.AsyncClient) -> None:
    ssl_id = await enrolled(client, certType=SINGLE_DOMAIN)
    await client.post(f"{SSL}/replace/{ssl_id}", json={"csr": make_csr(), "reason": "r"})
    assert names_of((await collected(client, ssl_id))[0]) == ["web.example.test", "www.web.example.test"]


REPLACEMENTS: list[tuple[dict[str, Any], int]] = [
    ({"reason": "r"}, -7),
    ({"csr": make_csr()}, -7),
    ({"csr": make_csr(), "reason": None}, -1001),
    ({"csr": make_csr(), "reason": ""}, -1601),
    ({"csr": make_csr(), "reason": "r" * 513}, -1601),
    ({"csr": make_csr(), "reason": "r", "commonName": "c" * 65}, -1601),
    ({"csr": make_csr(), "reason": "r", "subjectAlternativeNames": "a.example.test"}, -1002),
    ({"csr": make_csr(), "reason": "r", "subjectAlternativeNames": ["not a name"]}, -1601),
    ({"csr": "?", "reason": "r"}, -9),
]


@pytest.mark.parametrize(("body", "code"), REPLACEMENTS)
async def test_a_flawed_replacement_changes_nothing(client: httpx.AsyncClient, body: dict[str, Any], code: int) -> None:
    ssl_id = await enrolled(client)
    assert refusal(await client.post(f"{SSL}/replace/{ssl_id}", json=body)) == (400, code)
    assert (await details(client, ssl_id))["status"] == "Issued"


async def test_a_replacement_is_rejected_once_nothing_is_left_of_the_validity(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    ssl_id = await enrolled(client)
    simulator.settings.never_issue = True
    await client.post(f"{SSL}/replace/{ssl_id}", json={"csr": make_csr(), "reason": "r"})
    clock.advance(days=400)
    (order,) = simulator.orders
    simulator.orders.issue(order)
    assert (await details(client, ssl_id))["status"] == "Rejected"


async def test_only_issued_certificates_are_replaced(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.never_issue = True
    body = {"csr": make_csr(), "reason": "r"}
    answer = await client.post(f"{SSL}/replace/{await enrolled(client)}", json=body)
    assert answer.json() == {"code": -130, "description": "SSL state is not 'ISSUED': Applied"}
    assert refusal(await client.post(f"{SSL}/replace/{UNKNOWN_ID}", json=body)) == (400, -124)


# Revoke


@pytest.mark.parametrize("code", [{}, {"reasonCode": 1}, {"reasonCode": "1"}, {"more": "later"}])
async def test_a_revoked_certificate_cannot_be_collected(client: httpx.AsyncClient, code: dict[str, Any]) -> None:
    ssl_id = await enrolled(client)
    answer = await client.post(f"{SSL}/revoke/{ssl_id}", json={"reason": "key lost", **code})
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}/x509")) == (400, -110)
    after = await details(client, ssl_id)
    assert (after["status"], after["revoked"]) == ("Revoked", "11/23/2026")
    assert after["reasonCode"] == int(code.get("reasonCode", 0))


@pytest.mark.parametrize("spelling", ["colons", "plain", "lower"])
async def test_revoke_by_serial_takes_every_spelling(client: httpx.AsyncClient, spelling: str) -> None:
    ssl_id = await enrolled(client)
    serial = (await details(client, ssl_id))["serialNumber"]
    path = {"colons": serial, "plain": serial.replace(":", ""), "lower": serial.lower()}[spelling]
    assert (await client.post(f"{SSL}/revoke/serial/{path}", json=REVOCATION)).status_code == 204
    assert (await details(client, ssl_id))["status"] == "Revoked"


async def test_revoking_the_serial_of_a_replaced_certificate_leaves_the_new_one(client: httpx.AsyncClient) -> None:
    ssl_id = await enrolled(client)
    old, *_ = await collected(client, ssl_id)
    await client.post(f"{SSL}/replace/{ssl_id}", json={"csr": make_csr(), "reason": "r"})
    path = f"{SSL}/revoke/serial/{colon_hex(old.serial_number)}"
    assert (await client.post(path, json=REVOCATION)).status_code == 204
    assert (await details(client, ssl_id))["status"] == "Issued"
    assert refusal(await client.post(path, json=REVOCATION)) == (400, -159)


REVOCATIONS: list[tuple[dict[str, Any], int]] = [
    ({}, -7),
    ({"reason": None}, -1001),
    ({"reason": ""}, -1601),
    ({"reason": "r" * 513}, -1601),
    ({"reason": 5}, -1002),
    ({"reason": "r", "reasonCode": 2}, -1601),
    ({"reason": "r", "reasonCode": 6}, -1601),
    ({"reason": "r", "reasonCode": "x"}, -1601),
]


@pytest.mark.parametrize(("body", "code"), REVOCATIONS)
async def test_a_flawed_revocation_revokes_nothing(client: httpx.AsyncClient, body: dict[str, Any], code: int) -> None:
    ssl_id = await enrolled(client)
    assert refusal(await client.post(f"{SSL}/revoke/{ssl_id}", json=body)) == (400, code)
    assert (await details(client, ssl_id))["status"] == "Issued"


async def test_what_cannot_be_revoked(client: httpx.AsyncClient, simulator: Simulator, clock: Clock) -> None:
    ssl_id = await enrolled(client)
    await client.post(f"{SSL}/revoke/{ssl_id}", json=REVOCATION)
    again = await client.post(f"{SSL}/revoke/{ssl_id}", json=REVOCATION)
    assert again.json() == {"code": -159, "description": "Your certificate already revoked"}
    assert refusal(await client.post(f"{SSL}/revoke/{UNKNOWN_ID}", json=REVOCATION)) == (400, -124)
    for serial in ("01:02", "xyz", "1" * 41):
        assert refusal(await client.post(f"{SSL}/revoke/serial/{serial}", json=REVOCATION)) == (400, -5101)
    expired = await enrolled(client)
    serial = (await details(client, expired))["serialNumber"]
    clock.advance(days=400)
    assert refusal(await client.post(f"{SSL}/revoke/{expired}", json=REVOCATION)) == (400, -102)
    assert refusal(await client.post(f"{SSL}/revoke/serial/{serial}", json=REVOCATION)) == (400, -102)
    simulator.settings.never_issue = True
    pending = await client.post(f"{SSL}/revoke/{await enrolled(client)}", json=REVOCATION)
    assert pending.json() == {"code": -102, "description": "Only issued certificates could be revoked."}


# Approve and decline


async def test_without_auto_approval_an_order_waits_for_somebody(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.settings.auto_approve = False
    simulator.settings.pending_seconds = 5
    ssl_id = await enrolled(client)
    clock.advance(days=1)
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}")) == (400, 0)
    waiting = await details(client, ssl_id)
    assert waiting["status"] == "Requested"
    assert "approved" not in waiting
    answer = await client.post(f"{SSL}/approve/{ssl_id}", json={"message": "fine"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}")) == (400, 0)
    clock.advance(seconds=5)
    approved = await details(client, ssl_id)
    assert (approved["status"], approved["approved"]) == ("Issued", "11/24/2026")


async def test_a_declined_order_never_issues(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.auto_approve = False
    ssl_id = await enrolled(client)
    assert (await client.post(f"{SSL}/decline/{ssl_id}", json={"message": "no"})).status_code == 204
    status, code = refusal(await client.get(f"{SSL}/collect/{ssl_id}"))
    assert status > 400
    assert code == -1112
    declined = await details(client, ssl_id)
    assert (declined["status"], declined["declined"]) == ("Declined", "11/23/2026")


@pytest.mark.parametrize("decision", ["approve", "decline"])
async def test_only_a_requested_order_is_decided_on(client: httpx.AsyncClient, decision: str) -> None:
    ssl_id = await enrolled(client)
    answer = await client.post(f"{SSL}/{decision}/{ssl_id}", json={"message": "m"})
    assert refusal(answer) == (400, -1112)
    assert refusal(await client.post(f"{SSL}/{decision}/{UNKNOWN_ID}", json={"message": "m"})) == (400, -124)
    assert refusal(await client.post(f"{SSL}/{decision}/{ssl_id}", json={"message": ""})) == (400, -1601)
    assert refusal(await client.post(f"{SSL}/{decision}/{ssl_id}", json={})) == (400, -7)
