"""Collecting a client certificate: when, in which format, and what stands in it (scm-api.md 3.4 and 4.3)."""

from datetime import timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings
from tests.unit.scm_simulator.tenant import (
    CLIENT_V1,
    Clock,
    PrivateKey,
    client_collected,
    client_enrolled,
    ec_key,
    make_csr,
    names_of,
    refusal,
)


async def test_without_a_format_it_is_pkcs7_in_pem(client: httpx.AsyncClient, simulator: Simulator) -> None:
    number = await client_enrolled(client)
    answer = await client.get(f"{CLIENT_V1}/collect/{number}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="{number}.p7b"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.content.startswith(b"-----BEGIN PKCS7-----\n")
    certificates = pkcs7.load_pem_pkcs7_certificates(answer.content)
    assert len(certificates) == 3
    assert {simulator.ca.root, simulator.ca.intermediate} < set(certificates)


@pytest.mark.parametrize("style", ["{number}/{format}", "{number}?format={format}"])
async def test_every_format_can_be_asked_for_in_both_styles(client: httpx.AsyncClient, style: str) -> None:
    number = await client_enrolled(client)
    leaf, intermediate, root = await client_collected(client, number)
    pem = {"x509": [root, intermediate, leaf], "X509R": [leaf, intermediate, root], "x509co": [leaf]}
    for name, certificates in pem.items():
        answer = await client.get(f"{CLIENT_V1}/collect/" + style.format(number=number, format=name))
        assert x509.load_pem_x509_certificates(answer.content) == certificates
    binary = await client.get(f"{CLIENT_V1}/collect/" + style.format(number=number, format="bin"))
    assert leaf in pkcs7.load_der_pkcs7_certificates(binary.content)
    unknown = await client.get(f"{CLIENT_V1}/collect/" + style.format(number=number, format="docx"))
    assert unknown.json() == {"code": -1450, "description": "Unsupported certificate format specified: docx"}
    assert unknown.status_code == 400


@pytest.mark.parametrize("number", ["1", "0", "abc", "99999999999999999999", "٣"])
async def test_an_unknown_number_is_an_invalid_one(client: httpx.AsyncClient, number: str) -> None:
    for path in (f"collect/{number}", f"collect/{number}/x509"):
        answer = await client.get(f"{CLIENT_V1}/{path}")
        assert refusal(answer) == (400, -1104)
        assert answer.json()["description"] == f"Invalid order number {number}"


async def test_by_default_the_first_collects_come_too_early(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.pending_polls = Settings().pending_polls
    number = await client_enrolled(client)
    for _ in range(2):
        early = await client.get(f"{CLIENT_V1}/collect/{number}")
        assert early.status_code == 400
        assert early.headers["content-type"] == "application/json"
        assert early.json() == {"code": -183, "description": "Certificate is not collectable."}
    assert len(await client_collected(client, number)) == 3
    order = simulator.orders.get(number)
    assert order is not None
    assert order.collects == 3


async def test_newer_builds_say_it_with_another_code(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.never_issue = True
    simulator.settings.pending_code = -1400
    assert refusal(await client.get(f"{CLIENT_V1}/collect/{await client_enrolled(client)}")) == (400, -1400)


async def test_time_alone_may_bring_the_certificate(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.settings.pending_seconds = 30
    number = await client_enrolled(client)
    clock.advance(seconds=29)
    assert refusal(await client.get(f"{CLIENT_V1}/collect/{number}")) == (400, -183)
    clock.advance(seconds=1)
    leaf, *_ = await client_collected(client, number)
    assert leaf.not_valid_before_utc == clock.now().replace(microsecond=0)


async def test_the_subject_is_the_person(client: httpx.AsyncClient) -> None:
    csr = make_csr("not.this.test", sans="nor.this.test")
    leaf, *_ = await client_collected(client, await client_enrolled(client, csr=csr, middleName="Bea"))
    shown = {attribute.oid: attribute.value for attribute in leaf.subject}
    assert shown == {
        NameOID.COUNTRY_NAME: "NL",
        NameOID.ORGANIZATION_NAME: "Simulated Organization",
        NameOID.GIVEN_NAME: "Ann Bea",
        NameOID.SURNAME: "Example",
        NameOID.COMMON_NAME: "Ann Bea Example",
        NameOID.EMAIL_ADDRESS: "ann@example.test",
    }
    assert names_of(leaf) == ["ann@example.test"]


async def test_all_mail_addresses_are_rfc822_names_each_once(client: httpx.AsyncClient) -> None:
    emails = ["b@example.test", "ANN@example.test", "b@example.test"]
    leaf, *_ = await client_collected(client, await client_enrolled(client, secondaryEmails=emails))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.RFC822Name("ann@example.test"), x509.RFC822Name("b@example.test")]


@pytest.mark.parametrize("key", [ec_key(), rsa.generate_private_key(65537, 2048)])
async def test_the_certificate_is_for_mail_and_login_and_its_chain_verifies(
    client: httpx.AsyncClient, clock: Clock, key: PrivateKey
) -> None:
    leaf, intermediate, root = await client_collected(client, await client_enrolled(client, csr=make_csr(key=key)))
    policy = PolicyBuilder().store(Store([root])).time(clock.now() + timedelta(seconds=1))
    assert policy.build_client_verifier().verify(leaf, [intermediate]).chain == [leaf, intermediate, root]
    assert leaf.public_key() == key.public_key()
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CLIENT_AUTH}
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    is_rsa = isinstance(key, rsa.RSAPrivateKey)
    assert (usage.digital_signature, usage.key_encipherment, usage.key_agreement) == (True, is_rsa, not is_rsa)


@pytest.mark.parametrize("term", [365, 730, 1095])
async def test_the_certificate_lives_for_the_term(client: httpx.AsyncClient, clock: Clock, term: int) -> None:
    leaf, *_ = await client_collected(client, await client_enrolled(client, term=term))
    assert leaf.not_valid_before_utc == clock.now().replace(microsecond=0)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=term)
