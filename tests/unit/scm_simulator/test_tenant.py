"""Today's profiles, custom fields by access method, organizations with departments, and dates (scm-api.md 13.4)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from sectigo_vault_pki.scm_simulator.model.tenant import CustomField, Department, Organization
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    CLIENT_V1,
    DEVICE,
    EC_ONLY,
    ORG,
    PUBLIC,
    SSL,
    client_enrolment,
    collected,
    enrolled,
    enrolment,
    make_csr,
    refusal,
)

CUSTOM_FIELD = "/api/customField/v2"
RSA_3072 = rsa.generate_private_key(65537, 3072)


async def test_todays_profiles_have_todays_terms_and_keys(client: httpx.AsyncClient) -> None:
    types = {profile["id"]: profile for profile in (await client.get(f"{SSL}/types")).json()}
    assert types[PUBLIC]["terms"] == [47, 200, 397]
    assert types[PUBLIC]["keyTypes"] == {"RSA": ["2048", "4096", "8192"], "EC": ["P-256", "P-384"]}
    assert types[EC_ONLY]["keyTypes"] == {"EC": ["P-384"]}
    assert (types[DEVICE]["terms"], types[DEVICE]["keyTypes"]) == ([30], {"EC": ["P-521"]})


@pytest.mark.parametrize(
    ("profile", "term", "key", "code"),
    [
        (PUBLIC, 200, "RSA 3072", -13),
        (PUBLIC, 365, "P-256", -36),
        (EC_ONLY, 200, "P-256", -13),
        (EC_ONLY, 200, "RSA 3072", -11),
        (DEVICE, 30, "P-256", -13),
    ],
)
async def test_other_keys_and_terms_are_refused(
    client: httpx.AsyncClient, profile: int, term: int, key: str, code: int
) -> None:
    csr = make_csr(key=RSA_3072 if key == "RSA 3072" else None)
    body = enrolment(certType=profile, term=term, csr=csr)
    assert refusal(await client.post(f"{SSL}/enroll", json=body)) == (400, code)


async def test_an_older_service_shows_no_keys(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.types_with_keys = False
    for row in (await client.get(f"{SSL}/types")).json():
        assert row.keys() == {"id", "name", "terms"}


async def test_their_own_keys_and_terms_are_issued(client: httpx.AsyncClient) -> None:
    for profile, term, curve in ((PUBLIC, 47, ec.SECP256R1()), (DEVICE, 30, ec.SECP521R1())):
        csr = make_csr(key=ec.generate_private_key(curve))
        leaf, *_ = await collected(client, await enrolled(client, certType=profile, term=term, csr=csr))
        assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == term


async def test_a_renewal_is_shortened_to_the_longest_term_that_is_left(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    ssl_id = await enrolled(client, certType=PUBLIC, term=397)
    simulator.settings.longest_term = 200
    renewed = (await client.post(f"{SSL}/renewById/{ssl_id}", json={})).json()["sslId"]
    assert (await client.get(f"{SSL}/{renewed}")).json()["term"] == 200
    leaf, *_ = await collected(client, renewed)
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 200


async def test_public_servers_may_be_certified_for_server_authentication_alone(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.settings.tls_client_auth = False
    leaf, *_ = await collected(client, await enrolled(client))
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]


async def test_fields_are_described_with_their_access_methods(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.custom_fields.put(
        CustomField(
            90,
            "Stage",
            cert_types=("SSL",),
            input_type="TEXT_OPTION",
            options=("test", "live"),
            mandatories=("ADMIN_UI", "REST_API"),
        )
    )
    (row,) = [
        row for row in (await client.get(CUSTOM_FIELD, params={"certType": "SSL"})).json() if row["name"] == "Stage"
    ]
    assert row == {
        "id": 90,
        "name": "Stage",
        "certType": "SSL",
        "state": "ACTIVE",
        "input": {"type": "TEXT_OPTION", "options": ["test", "live"]},
        "mandatories": ["ADMIN_UI", "REST_API"],
    }
    people = (await client.get(CUSTOM_FIELD, params={"certType": "SMIME"})).json()
    assert [row["name"] for row in people] == ["Cost centre", "Ticket"]
    assert (await client.get(CUSTOM_FIELD, params={"certType": "Device"})).json() == []
    assert len((await client.get(CUSTOM_FIELD)).json()) == 5
    assert refusal(await client.get(CUSTOM_FIELD, params={"certType": "TLS"})) == (400, -1601)


async def test_a_field_that_is_mandatory_for_the_api_must_be_there(
    client: httpx.AsyncClient, simulator: Simulator
) -> None:
    simulator.custom_fields.put(CustomField(90, "Stage", cert_types=("SSL",), mandatories=("REST_API",)))
    simulator.custom_fields.put(CustomField(91, "Floor", mandatories=("ADMIN_UI", "SOAP_API", "WEB_FORM")))
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment())) == (400, -62)
    blank = [{"name": "Stage", "value": ""}]
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment(customFields=blank))) == (400, -62)
    assert await enrolled(client, customFields=[{"name": "Stage", "value": "live"}])
    assert (await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment())).status_code == 200
    old = {field["name"]: field["mandatory"] for field in (await client.get(f"{SSL}/customFields")).json()}
    assert old == {"Cost centre": False, "Ticket": False, "Stage": True, "Floor": False}


async def test_an_inactive_field_does_not_exist_for_an_order(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.custom_fields.put(CustomField(90, "Stage", state="INACTIVE", mandatories=("REST_API",)))
    assert await enrolled(client)
    stage = [{"name": "Stage", "value": "live"}]
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment(customFields=stage))) == (400, -135)
    assert "Stage" in [row["name"] for row in (await client.get(CUSTOM_FIELD)).json()]


@pytest.mark.parametrize(
    ("input_type", "good", "bad"),
    [
        ("NUMBER", "-12.5", "twelve"),
        ("EMAIL", "ann@example.test", "ann"),
        ("DATE", "2026-11-23", "23.11.2026"),
        ("TEXT_OPTION", "live", "dead"),
        ("TEXT_SINGLE_LINE", "one line", "two\nlines"),
    ],
)
async def test_a_value_is_of_the_type_of_its_field(
    client: httpx.AsyncClient, simulator: Simulator, input_type: Any, good: str, bad: str
) -> None:
    simulator.custom_fields.put(CustomField(90, "Stage", input_type=input_type, options=("live",)))
    assert await enrolled(client, customFields=[{"name": "Stage", "value": good}])
    wrong = [{"name": "Stage", "value": bad}]
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment(customFields=wrong))) == (400, -1601)


async def test_departments_are_listed_and_ordered_for(client: httpx.AsyncClient, simulator: Simulator) -> None:
    departments = (Department(7011, "Web"), Department(7012, "Mail"))
    simulator.organizations.put(Organization(ORG, "Simulated Organization", "NL", departments))
    simulator.organizations.put(Organization(7002, "Another", "BE"))
    listed = (await client.get("/api/organization/v1")).json()
    assert [row["id"] for row in listed] == [ORG, 7002]
    assert listed[0]["departments"][1] == {"id": 7012, "name": "Mail", "parentName": "Simulated Organization"}
    described = (await client.get("/api/organization/v1/7011")).json()
    assert (described["name"], described["parentId"]) == ("Web", ORG)
    ssl_id = await enrolled(client, orgId=7011)
    assert (await client.get(f"{SSL}/{ssl_id}")).json()["orgId"] == 7011
    leaf, *_ = await collected(client, ssl_id)
    assert "O=Simulated Organization" in leaf.subject.rfc4514_string()
    assert len((await client.get(f"{SSL}/types", params={"organizationId": 7011})).json()) == 10
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment(orgId=7013))) == (400, -639)


async def test_an_organization_may_be_closed_to_the_api(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.organizations.put(Organization(ORG, "Simulated", "NL", ssl_certs_api_enabled=False))
    described = (await client.get(f"/api/organization/v1/{ORG}")).json()
    assert (described["sslCertsApiEnabled"], described["clientCertsApiEnabled"]) == (False, True)
    assert refusal(await client.post(f"{SSL}/enroll", json=enrolment())) == (400, -37)
    assert (await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment())).status_code == 200
    simulator.organizations.put(Organization(ORG, "Simulated", "NL", client_certs_api_enabled=False))
    assert refusal(await client.post(f"{CLIENT_V1}/enroll", json=client_enrolment())) == (400, -37)


async def test_the_date_of_answers_may_be_off(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.date_offset_seconds = -420
    answer = await client.get(f"{SSL}/types")
    assert parsedate_to_datetime(answer.headers["date"]) == datetime(2026, 11, 23, 11, 53, tzinfo=UTC)
    leaf, *_ = await collected(client, await enrolled(client))
    assert leaf.not_valid_before_utc == datetime(2026, 11, 23, 12, tzinfo=UTC)
