"""Renew, replace and revoke client certificates (scm-api.md 4)."""

from typing import Any

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.model.orders import colon_hex
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    CLIENT_V1,
    CLIENT_V2,
    ONE_TIME_SMIME,
    PRIVATE_SMIME,
    Clock,
    client_collected,
    client_details,
    client_enrolled,
    client_row,
    ec_key,
    make_csr,
    names_of,
    refusal,
)

UNKNOWN_NUMBER = 12
JSON = {"content-type": "application/json"}


async def serial_of(client: httpx.AsyncClient, order_number: int) -> str:
    return str((await client_row(client, order_number))["serialNumber"])


async def renew(client: httpx.AsyncClient, order_number: int) -> httpx.Response:
    return await client.post(f"{CLIENT_V2}/renew/order/{order_number}")


async def replace(client: httpx.AsyncClient, order_number: int, **changes: Any) -> httpx.Response:
    body = {"csr": make_csr(None), "reason": "lost", "revoke": False, **changes}
    body = {name: value for name, value in body.items() if value is not ...}
    return await client.post(f"{CLIENT_V2}/replace/order/{order_number}", json=body)


async def revoke(client: httpx.AsyncClient, order_number: int, **changes: Any) -> httpx.Response:
    return await client.post(f"{CLIENT_V1}/revoke/order/{order_number}", json={"reason": "gone", **changes})


# Renew


@pytest.mark.parametrize("by", ["order", "serial"])
async def test_a_renewal_is_a_new_order_for_the_same_key_and_person(client: httpx.AsyncClient, by: str) -> None:
    old_number = await client_enrolled(client, secondaryEmails=["b@example.test"], comments="mark", term=730)
    target = str(old_number) if by == "order" else await serial_of(client, old_number)
    answer = await client.post(f"{CLIENT_V2}/renew/{by}/{target}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    new_number = answer.json()["orderNumber"]
    assert answer.json() == {"orderNumber": new_number, "backendCertId": str(new_number)}
    assert new_number != old_number
    old, new = (await client_collected(client, old_number))[0], (await client_collected(client, new_number))[0]
    assert new.public_key() == old.public_key()
    assert new.serial_number != old.serial_number
    assert new.subject == old.subject
    assert names_of(new) == names_of(old)
    shown = await client_details(client, new_number)
    assert (shown["term"], shown["comments"]) == (730, "mark")
    assert (await client_row(client, new_number))["comments"] == "mark"


async def test_the_renewed_certificate_stays_issued_and_says_so(client: httpx.AsyncClient, clock: Clock) -> None:
    number = await client_enrolled(client)
    clock.advance(days=2)
    await renew(client, number)
    after = await client_details(client, number)
    assert (after["status"], after["renewed"], after["renewedDate"]) == ("issued", True, "11/25/2026")


@pytest.mark.parametrize("body", [b"{}", b'""', b"null"])
async def test_a_renewal_needs_no_body_and_minds_none(client: httpx.AsyncClient, body: bytes) -> None:
    path = f"{CLIENT_V2}/renew/order/{await client_enrolled(client)}"
    assert (await client.post(path, content=body, headers=JSON)).status_code == 200


async def test_some_builds_answer_a_renewal_with_nothing(client: httpx.AsyncClient, simulator: Simulator) -> None:
    number = await client_enrolled(client)
    simulator.settings.renew_answers_id = False
    for path in (f"order/{number}", f"serial/{await serial_of(client, number)}"):
        answer = await client.post(f"{CLIENT_V2}/renew/{path}")
        assert (answer.status_code, answer.content) == (204, b"")
    assert len(simulator.orders) == 3
    listed = (await client.get(CLIENT_V2, params={"email": "ann@example.test"})).json()
    assert len(listed) == 3


async def test_what_cannot_be_renewed(client: httpx.AsyncClient, simulator: Simulator) -> None:
    assert refusal(await renew(client, UNKNOWN_NUMBER)) == (400, -1104)
    assert refusal(await client.post(f"{CLIENT_V2}/renew/serial/01:02")) == (400, -5101)
    assert refusal(await renew(client, await client_enrolled(client, certType=ONE_TIME_SMIME))) == (400, -180)
    revoked = await client_enrolled(client)
    await revoke(client, revoked)
    assert refusal(await renew(client, revoked)) == (400, -105)
    simulator.settings.never_issue = True
    assert refusal(await renew(client, await client_enrolled(client))) == (400, -105)


async def test_an_expired_certificate_can_be_renewed(client: httpx.AsyncClient, clock: Clock) -> None:
    number = await client_enrolled(client, certType=PRIVATE_SMIME, term=1)
    clock.advance(days=1)
    assert (await client_row(client, number))["state"] == "expired"
    assert (await renew(client, number)).status_code == 200


# Replace


async def test_replace_keeps_the_number_and_delivers_another_certificate(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    number = await client_enrolled(client, secondaryEmails=["b@example.test"])
    old, *_ = await client_collected(client, number)
    clock.advance(days=10)
    simulator.settings.pending_polls = 1
    key = ec_key()
    answer = await replace(client, number, csr=make_csr(None, key=key))
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client_row(client, number))["state"] == "requested"
    assert refusal(await client.get(f"{CLIENT_V1}/collect/{number}")) == (400, -183)
    new, *_ = await client_collected(client, number)
    assert new.public_key() == key.public_key()
    assert new.serial_number != old.serial_number
    assert new.not_valid_after_utc == old.not_valid_after_utc
    assert (new.subject, names_of(new)) == (old.subject, names_of(old))
    after = await client_details(client, number)
    assert (after["status"], after["replaced"]) == ("issued", "12/03/2026")


@pytest.mark.parametrize("asked", [True, False, ...])
async def test_the_old_certificate_is_revoked_if_that_is_asked_for(client: httpx.AsyncClient, asked: Any) -> None:
    number = await client_enrolled(client)
    old, *_ = await client_collected(client, number)
    assert (await replace(client, number, revoke=asked)).status_code == 204
    path = f"{CLIENT_V1}/revoke/serial/{colon_hex(old.serial_number)}"
    again = await client.post(path, json={"reason": ""})
    assert again.status_code == (400 if asked is True else 204)
    assert not again.content or again.json()["code"] == -159
    assert (await client_row(client, number))["state"] == "issued"


async def test_what_replaced_knows_why_the_old_one_was_revoked(client: httpx.AsyncClient, simulator: Simulator) -> None:
    number = await client_enrolled(client)
    await replace(client, number, revoke=True, reason="stolen")
    order = simulator.orders.get(number)
    assert order is not None
    old, new = order.issued
    assert (old.reason, old.reason_code, new.revoked_at) == ("stolen", 4, None)


FLAWED: list[tuple[dict[str, Any], int]] = [
    ({"csr": ...}, -7),
    ({"reason": ...}, -7),
    ({"reason": None}, -1001),
    ({"reason": ""}, -1601),
    ({"reason": "r" * 513}, -1601),
    ({"revoke": "yes"}, -1002),
    ({"csr": "?"}, -9),
]


@pytest.mark.parametrize(("changes", "code"), FLAWED)
async def test_a_flawed_replacement_changes_nothing(
    client: httpx.AsyncClient, changes: dict[str, Any], code: int
) -> None:
    number = await client_enrolled(client)
    before = await client_row(client, number)
    assert refusal(await replace(client, number, **{"revoke": True, **changes})) == (400, code)
    assert await client_row(client, number) == before


async def test_only_issued_certificates_are_replaced(client: httpx.AsyncClient, simulator: Simulator) -> None:
    assert refusal(await replace(client, UNKNOWN_NUMBER)) == (400, -1104)
    simulator.settings.never_issue = True
    answer = await replace(client, await client_enrolled(client))
    assert answer.json() == {"code": -130, "description": "Client certificate state is not 'ISSUED': Applied"}


# Revoke


@pytest.mark.parametrize("reason", [{}, {"reasonCode": 1}, {"reasonCode": "1"}, {"reason": ""}])
async def test_a_revoked_certificate_cannot_be_collected(client: httpx.AsyncClient, reason: dict[str, Any]) -> None:
    number = await client_enrolled(client)
    answer = await revoke(client, number, **reason)
    assert (answer.status_code, answer.content) == (204, b"")
    refused = await client.get(f"{CLIENT_V1}/collect/{number}")
    assert refused.status_code == 400
    assert refused.json() == {"code": -192, "description": "The Certificate has been revoked!"}
    after = await client_details(client, number)
    assert (after["status"], after["revoked"]) == ("revoked", "11/23/2026")
    assert after["reasonCode"] == int(reason.get("reasonCode", 0))


@pytest.mark.parametrize("spelling", ["colons", "plain", "lower"])
async def test_revoke_by_serial_takes_every_spelling(client: httpx.AsyncClient, spelling: str) -> None:
    number = await client_enrolled(client)
    serial = await serial_of(client, number)
    path = {"colons": serial, "plain": serial.replace(":", ""), "lower": serial.lower()}[spelling]
    answer = await client.post(f"{CLIENT_V1}/revoke/serial/{path}", json={"reason": ""})
    assert answer.status_code == 204
    assert (await client_row(client, number))["state"] == "revoked"


async def test_revoke_takes_all_that_a_person_has(client: httpx.AsyncClient, simulator: Simulator) -> None:
    issued, revoked, other = [
        await client_enrolled(client, email=email) for email in ("ann@example.test",) * 2 + ("bob@example.test",)
    ]
    await revoke(client, revoked)
    simulator.settings.never_issue = True
    pending = await client_enrolled(client)
    answer = await client.post(f"{CLIENT_V1}/revoke", json={"email": "Ann@example.test", "reason": "left"})
    assert (answer.status_code, answer.content) == (204, b"")
    states = [(await client_row(client, number))["state"] for number in (issued, revoked, other, pending)]
    assert states == ["revoked", "revoked", "issued", "requested"]
    nobody = await client.post(f"{CLIENT_V1}/revoke", json={"email": "eve@example.test", "reason": "left"})
    assert refusal(nobody) == (404, -518)


async def test_what_cannot_be_revoked(client: httpx.AsyncClient, simulator: Simulator, clock: Clock) -> None:
    number = await client_enrolled(client)
    await revoke(client, number)
    assert refusal(await revoke(client, number)) == (400, -159)
    assert refusal(await revoke(client, UNKNOWN_NUMBER)) == (400, -1104)
    expired = await client_enrolled(client)
    clock.advance(days=400)
    assert refusal(await revoke(client, expired)) == (400, -102)
    simulator.settings.never_issue = True
    pending = await client_enrolled(client)
    assert refusal(await revoke(client, pending)) == (400, -102)
    flaws: list[tuple[dict[str, Any], int]] = [
        ({"reason": None}, -1001),
        ({"reason": "r" * 513}, -1601),
        ({"reasonCode": 2}, -1601),
    ]
    for flaw, code in flaws:
        assert refusal(await revoke(client, pending, **flaw)) == (400, code)
