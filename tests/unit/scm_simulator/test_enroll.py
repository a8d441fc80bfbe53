"""Enrolment: what SCM takes, and each thing it refuses (scm-api.md 3.2 and 6.1)."""

import base64
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    PRIVATE,
    RSA_ONLY,
    SSL,
    PrivateKey,
    ec_key,
    enrolled,
    enrolment,
    make_csr,
    refusal,
)


async def test_enroll_answers_an_id_and_a_renew_id(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{SSL}/enroll", json=enrolment())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    order = answer.json()
    assert order.keys() == {"sslId", "renewId"}
    assert isinstance(order["sslId"], int)
    assert len(order["renewId"]) == 20
    assert order["renewId"].isalnum()
    assert '"sslId" : ' in answer.text


async def test_two_equal_enrolments_are_two_orders_with_growing_ids(client: httpx.AsyncClient) -> None:
    body = enrolment()
    first, second = [(await client.post(f"{SSL}/enroll", json=body)).json() for _ in range(2)]
    assert second["sslId"] > first["sslId"]
    assert second["renewId"] != first["renewId"]


async def test_everything_optional_is_kept(client: httpx.AsyncClient) -> None:
    ssl_id = await enrolled(
        client,
        subjAltNames="a.example.test, 192.0.2.7,,*.example.test",
        comments="a comment",
        externalRequester="one@example.test,two@example.test",
        customFields=[{"name": "Ticket", "value": "4711"}],
        numberServers=1,
        serverType=-1,
        dcvMode="EMAIL",
        dcvEmail="admin@example.test",
        somethingNew={"of": "later"},
    )
    details = (await client.get(f"{SSL}/{ssl_id}")).json()
    assert details["subjectAlternativeNames"] == [
        "web.example.test",
        "a.example.test",
        "192.0.2.7",
        "*.example.test",
    ]
    assert details["comments"] == "a comment"
    assert details["externalRequester"] == "one@example.test,two@example.test"
    assert details["customFields"] == [{"name": "Ticket", "value": "4711"}]


async def test_null_is_absent_for_what_is_optional(client: httpx.AsyncClient) -> None:
    optional = ("subjAltNames", "comments", "externalRequester", "customFields", "dcvMode", "numberServers")
    ssl_id = await enrolled(client, **dict.fromkeys(optional))
    assert (await client.get(f"{SSL}/{ssl_id}")).json()["comments"] == ""


@pytest.mark.parametrize("shape", ["armoured", "new_armour", "bare", "one_line", "crlf"])
async def test_a_csr_is_taken_in_every_shape(client: httpx.AsyncClient, shape: str) -> None:
    pem = make_csr()
    bare = "".join(pem.splitlines()[1:-1])
    csr = {
        "armoured": pem,
        "new_armour": pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        "bare": bare,
        "one_line": pem.replace("\n", ""),
        "crlf": pem.replace("\n", "\r\n"),
    }[shape]
    assert await enrolled(client, csr=csr) > 0


def _tampered() -> str:
    pem = make_csr()
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER))
    der[der.index(b"web.example.test")] ^= 0x01
    return base64.b64encode(der).decode()


MALFORMED: list[tuple[dict[str, Any], int]] = [
    ({"orgId": ...}, -7),
    ({"csr": ...}, -7),
    ({"certType": ...}, -7),
    ({"term": ...}, -7),
    ({"orgId": None}, -1001),
    ({"csr": None}, -1001),
    ({"certType": None}, -1001),
    ({"orgId": "7001"}, -1002),
    ({"orgId": True}, -1002),
    ({"term": "365"}, -1002),
    ({"term": 365.5}, -1002),
    ({"csr": ["x"]}, -1002),
    ({"subjAltNames": ["a.example.test"]}, -1002),
    ({"comments": 5}, -1002),
    ({"customFields": {"name": "Ticket"}}, -1002),
    ({"customFields": ["Ticket"]}, -1002),
    ({"orgId": 0}, -1601),
    ({"term": 0}, -1601),
    ({"csr": ""}, -1601),
    ({"csr": "A" * 32_768}, -1601),
    ({"comments": "x" * 1025}, -1601),
    ({"externalRequester": "nobody"}, -1601),
    ({"externalRequester": "x" * 510 + "@example.test"}, -1601),
    ({"customFields": [{"name": "", "value": "x"}]}, -1601),
    ({"customFields": [{"name": "Ticket", "value": "x" * 257}]}, -1601),
    ({"dcvMode": "PIGEON"}, -1601),
    ({"dcvEmail": "nobody"}, -1601),
    ({"subjAltNames": "not a name"}, -1601),
    ({"subjAltNames": "ok.example.test,-bad.example.test"}, -1601),
    ({"subjAltNames": "x" * 64 + ".example.test"}, -1601),
    ({"orgId": 7002}, -639),
    ({"certType": 1}, -111),
    ({"term": 366}, -36),
    ({"customFields": [{"name": "Colour", "value": "red"}]}, -135),
    ({"csr": "what?"}, -9),
    ({"csr": "AAA"}, -9),
    ({"csr": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"}, -9),
    ({"csr": "AAAA"}, -10),
    ({"csr": _tampered()}, -138),
    ({"csr": make_csr(None)}, -138),
    ({"csr": make_csr("not a name")}, -138),
]


@pytest.mark.parametrize(("changes", "code"), MALFORMED)
async def test_a_flawed_enrolment_is_refused_with_its_code_and_books_nothing(
    client: httpx.AsyncClient, simulator: Simulator, changes: dict[str, Any], code: int
) -> None:
    answer = await client.post(f"{SSL}/enroll", json=enrolment(**changes))
    assert refusal(answer) == (400, code)
    assert len(simulator.orders) == 0


@pytest.mark.parametrize("body", [b"", b"{", b'""', b"[]", b"\xff", b"null", b"orgId=1"])
async def test_a_body_that_is_no_json_object_cannot_be_parsed(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(f"{SSL}/enroll", content=body, headers={"content-type": "application/json"})
    assert answer.json() == {"code": -1002, "description": "Cannot parse message body"}
    assert answer.status_code == 400


async def test_a_form_is_not_json(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{SSL}/enroll", data={"orgId": "7001"})
    assert refusal(answer) == (400, -1002)


async def test_the_name_of_the_missing_field_stands_in_the_text(client: httpx.AsyncClient) -> None:
    missing = await client.post(f"{SSL}/enroll", json=enrolment(term=...))
    assert missing.json()["description"] == "term is required but missing."
    null = await client.post(f"{SSL}/enroll", json=enrolment(orgId=None))
    assert null.json()["description"] == "Value of 'orgId' must not be null."


KEYS: list[tuple[PrivateKey, int, int]] = [
    (ed25519.Ed25519PrivateKey.generate(), PRIVATE, -11),
    (ec_key(), RSA_ONLY, -11),
    (ec_key(ec.SECP521R1()), 501, -13),
    (ec_key(ec.SECP224R1()), PRIVATE, -13),
    (rsa.generate_private_key(65537, 1024), 501, -141),
    (rsa.generate_private_key(65537, 2056), 501, -13),
    (rsa.generate_private_key(3, 2048), 501, -78),
]


@pytest.mark.parametrize(("key", "profile", "code"), KEYS)
async def test_a_key_that_the_profile_does_not_allow_is_refused(
    client: httpx.AsyncClient, key: PrivateKey, profile: int, code: int
) -> None:
    answer = await client.post(f"{SSL}/enroll", json=enrolment(csr=make_csr(key=key), certType=profile))
    assert refusal(answer) == (400, code)


async def test_the_private_profile_takes_what_public_ones_do_not(client: httpx.AsyncClient) -> None:
    assert await enrolled(client, csr=make_csr(key=ec_key(ec.SECP521R1())), certType=PRIVATE, term=1095) > 0


async def test_a_tenant_without_ecc_refuses_ec_keys(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.ecc_allowed = False
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment())) == (400, -170)


async def test_a_tenant_may_demand_an_external_requester(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.external_requester_required = True
    answer = await client.post(f"{SSL}/enroll", json=enrolment(externalRequester=""))
    assert answer.json() == {"code": -139, "description": "External Requester is required."}
    assert await enrolled(client, externalRequester="me@example.test") > 0


async def test_a_tenant_may_demand_custom_fields(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.mandatory_custom_fields = ("Ticket",)
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment())) == (400, -62)
    fields = [{"name": "Ticket", "value": "1"}]
    assert await enrolled(client, customFields=fields) > 0
    listed = (await client.get(f"{SSL}/customFields")).json()
    assert {field["name"]: field["mandatory"] for field in listed} == {"Cost centre": False, "Ticket": True}


async def test_a_csr_without_a_name_takes_the_first_of_the_order(client: httpx.AsyncClient) -> None:
    ssl_id = await enrolled(client, csr=make_csr(None), subjAltNames="a.example.test,b.example.test")
    details = (await client.get(f"{SSL}/{ssl_id}")).json()
    assert details["commonName"] == "a.example.test"
    assert details["subjectAlternativeNames"] == ["a.example.test", "b.example.test"]
