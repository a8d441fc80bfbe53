"""Enrolment of a client certificate: what SCM takes, and each thing it refuses (scm-api.md 4.1 and 6.1)."""

from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    CLIENT_V1,
    ORG,
    OV,
    PRIVATE_SMIME,
    SMIME,
    client_collected,
    client_details,
    client_enrolled,
    client_enrolment,
    client_row,
    ec_key,
    enrolled,
    make_csr,
    names_of,
    refusal,
)


async def test_enroll_answers_one_number_twice_in_compact_json(client: httpx.AsyncClient) -> None:
    answer = await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    number = answer.json()["orderNumber"]
    assert answer.text == f'{{"orderNumber":{number},"backendCertId":"{number}"}}'
    assert len(str(number)) == 10


async def test_two_equal_enrolments_are_two_orders_with_growing_numbers(client: httpx.AsyncClient) -> None:
    first, second = [await client_enrolled(client) for _ in range(2)]
    assert second > first


async def test_everything_optional_is_kept(client: httpx.AsyncClient) -> None:
    given = {
        "middleName": "Bea",
        "phone": "+31 (20) 123-45x6|#7",
        "secondaryEmails": ["ann@example.org", "a.example@example.test"],
        "commonName": "Ann of Example",
        "eppn": "ann@example.edu",
        "upn": "ann@corp.example.test",
        "comments": "a comment",
        "customFields": [{"name": "Ticket", "value": "4711"}],
    }
    number = await client_enrolled(client, **given, somethingNew={"of": "later"})
    assert (await client_details(client, number)).items() >= given.items()
    assert (await client_row(client, number))["comments"] == "a comment"


async def test_null_is_absent_for_what_is_optional(client: httpx.AsyncClient) -> None:
    optional = ("middleName", "phone", "secondaryEmails", "commonName", "eppn", "upn", "comments", "customFields")
    shown = await client_details(client, await client_enrolled(client, **dict.fromkeys(optional)))
    assert [shown[name] for name in optional] == [None, None, [], "Ann Example", None, None, None, []]


async def test_the_common_name_is_made_of_the_names(client: httpx.AsyncClient) -> None:
    number = await client_enrolled(client, firstName=" Ann ", middleName="Bea", lastName="Example")
    assert (await client_details(client, number))["commonName"] == "Ann Bea Example"


FLAWED: list[tuple[dict[str, Any], int]] = [
    ({"orgId": ...}, -7),
    ({"csr": ...}, -7),
    ({"certType": ...}, -7),
    ({"term": ...}, -7),
    ({"email": ...}, -7),
    ({"firstName": ...}, -7),
    ({"lastName": ...}, -7),
    ({"email": None}, -1001),
    ({"firstName": None}, -1001),
    ({"orgId": "7001"}, -1002),
    ({"secondaryEmails": "ann@example.org"}, -1002),
    ({"customFields": {"name": "Ticket"}}, -1002),
    ({"firstName": ""}, -1601),
    ({"lastName": "  "}, -1601),
    ({"firstName": "A" * 32, "lastName": "B" * 32}, -1601),
    ({"firstName": "A" * 20, "middleName": "B" * 23, "lastName": "C" * 20}, -1601),
    ({"commonName": ""}, -1601),
    ({"commonName": "c" * 65}, -1601),
    ({"email": "nobody"}, -1601),
    ({"email": "a@b@example.test"}, -1601),
    ({"email": "a..b@example.test"}, -1601),
    ({"email": "ann(me)@example.test"}, -1601),
    ({"email": "änn@example.test"}, -1601),
    ({"email": "ann@example.test\n"}, -1601),
    ({"email": "a" * 116 + "@example.test"}, -1601),
    ({"secondaryEmails": ["ann@example.org", "nobody"]}, -1601),
    ({"phone": "1" * 33}, -1601),
    ({"phone": "call me"}, -1601),
    ({"eppn": "x" * 129}, -1601),
    ({"upn": "x" * 257}, -1601),
    ({"comments": "x" * 1025}, -1601),
    ({"customFields": [{"name": "", "value": "x"}]}, -1601),
    ({"orgId": 7002}, -639),
    ({"certType": 1}, -172),
    ({"certType": OV}, -172),
    ({"term": 366}, -36),
    ({"customFields": [{"name": "Colour", "value": "red"}]}, -135),
    ({"csr": "what?"}, -9),
    ({"csr": "AAAA"}, -10),
    ({"csr": make_csr(None, key=ec_key(ec.SECP521R1()))}, -13),
    ({"csr": make_csr(None, key=rsa.generate_private_key(65537, 1024))}, -141),
]


@pytest.mark.parametrize(("changes", "code"), FLAWED)
async def test_a_flawed_enrolment_is_refused_with_its_code_and_books_nothing(
    client: httpx.AsyncClient, simulator: Simulator, changes: dict[str, Any], code: int
) -> None:
    answer = await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment(**changes))
    assert refusal(answer) == (400, code)
    assert answer.headers["content-type"] == "application/json"
    assert len(simulator.orders) == 0


async def test_the_limits_themselves_are_allowed(client: httpx.AsyncClient) -> None:
    email = "a" * 115 + "@example.test"
    number = await client_enrolled(
        client, email=email, firstName="A" * 31, lastName="B" * 32, phone="1" * 32, eppn="x" * 128, upn="x" * 256
    )
    leaf, *_ = await client_collected(client, number)
    assert names_of(leaf) == [email]


@pytest.mark.parametrize("local", ["o'neil", "a+b", "!#$%&*/=?^_`{|}~-", "a.b.c", "-", "1"])
async def test_every_mailbox_that_is_taken_can_stand_in_a_certificate(client: httpx.AsyncClient, local: str) -> None:
    leaf, *_ = await client_collected(client, await client_enrolled(client, email=f"{local}@x-1.example.test"))
    assert names_of(leaf) == [f"{local}@x-1.example.test"]


async def test_a_profile_of_the_other_kind_is_unknown_to_ssl_too(client: httpx.AsyncClient) -> None:
    body = {"orgId": ORG, "csr": make_csr(), "certType": SMIME, "term": 365}
    assert refusal(await client.post("/api/ssl/v1/enroll", json=body)) == (400, -111)


async def test_the_private_profile_takes_what_public_ones_do_not(client: httpx.AsyncClient) -> None:
    csr = make_csr(None, key=ec_key(ec.SECP521R1()))
    assert await client_enrolled(client, csr=csr, certType=PRIVATE_SMIME, term=1) > 0


async def test_a_tenants_demands_hold_for_client_certificates(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.mandatory_custom_fields = ("Ticket",)
    simulator.settings.longest_term = 365
    assert refusal(await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment())) == (400, -62)
    fields = [{"name": "Ticket", "value": "1"}]
    assert await client_enrolled(client, customFields=fields) > 0
    long = client_enrolment(customFields=fields, term=730)
    assert refusal(await client.post(f"{CLIENT_V1}/enroll", json=long)) == (400, -36)
    simulator.settings.ecc_allowed = False
    assert refusal(await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment())) == (400, -170)


async def test_types_and_custom_fields_are_those_of_client_certificates(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{CLIENT_V1}/types", params={"organizationId": ORG})
    assert answer.headers["content-type"] == "application/json"
    assert " " not in answer.text.split('"name"', maxsplit=1)[0]
    assert {profile["id"]: profile["terms"] for profile in answer.json()} == {
        601: [365, 730, 1095],
        602: [365, 730, 1095],
        603: [1, 30, 365, 730, 1095],
    }
    assert answer.json()[0]["keyTypes"] == {"RSA": ["2048", "3072", "4096"], "EC": ["P-256", "P-384"]}
    refused = await client.get(f"{CLIENT_V1}/types", params={"organizationId": "1"})
    assert refusal(refused) == (400, -1023)
    fields = (await client.get(f"{CLIENT_V1}/customFields")).json()
    assert [field["name"] for field in fields] == ["Cost centre", "Ticket"]


async def test_orders_of_one_kind_do_not_exist_for_the_other_api(client: httpx.AsyncClient) -> None:
    ssl_id = await enrolled(client)
    number = await client_enrolled(client)
    shown = await client_row(client, number)
    for path in (f"/api/ssl/v1/{shown['id']}", f"/api/ssl/v1/collect/{number}", f"{CLIENT_V1}/{ssl_id}"):
        assert refusal(await client.get(path)) == (404, -5101)
    assert refusal(await client.get(f"{CLIENT_V1}/collect/{ssl_id}")) == (400, -1104)
    assert [row["sslId"] for row in (await client.get("/api/ssl/v1")).json()] == [ssl_id]
    serial = (await client.get(f"/api/ssl/v1/{ssl_id}")).json()["serialNumber"]
    answer = await client.post(f"{CLIENT_V1}/revoke/serial/{serial}", json={"reason": ""})
    assert refusal(answer) == (400, -5101)


async def test_64_characters_are_a_common_name_however_many_bytes_they_take(client: httpx.AsyncClient) -> None:
    name = "ü" * 64
    number = await client_enrolled(client, commonName=name)
    leaf, *_ = await client_collected(client, number)
    with pytest.warns(UserWarning, match="it was 128"):
        (common_name,) = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == name
