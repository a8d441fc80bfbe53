"""Collecting: when, in which format, and what stands in the certificate (scm-api.md 3.4)."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.unit.scm_simulator.tenant import (
    SINGLE_DOMAIN,
    SSL,
    Clock,
    collected,
    ec_key,
    enrolled,
    make_csr,
    names_of,
    refusal,
)

PEM_FORMATS = {
    "x509": ["root", "intermediate", "leaf"],
    "pem": ["root", "intermediate", "leaf"],
    "x509R": ["leaf", "intermediate", "root"],
    "x509CO": ["leaf"],
    "pemco": ["leaf"],
    "x509IO": ["root", "intermediate"],
    "x509IOR": ["intermediate", "root"],
    "pemia": ["leaf", "intermediate"],
}


def _roles(simulator: Simulator, certificates: list[x509.Certificate]) -> list[str]:
    known = {simulator.ca.root: "root", simulator.ca.intermediate: "intermediate"}
    return [known.get(certificate, "leaf") for certificate in certificates]


@pytest.mark.parametrize("style", ["{id}/{format}", "{id}?format={format}"])
@pytest.mark.parametrize(("name", "roles"), PEM_FORMATS.items())
async def test_a_pem_format_holds_its_certificates_in_scms_order(
    client: httpx.AsyncClient, simulator: Simulator, style: str, name: str, roles: list[str]
) -> None:
    ssl_id = await enrolled(client)
    for spelling in (name, name.upper(), name.lower()):
        answer = await client.get(f"{SSL}/collect/" + style.format(id=ssl_id, format=spelling))
        assert answer.status_code == 200
        assert _roles(simulator, x509.load_pem_x509_certificates(answer.content)) == roles


async def test_certificates_may_be_told_to_end_within_seconds(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.settings.validity_seconds = 8
    ssl_id = await enrolled(client)
    leaf, *_ = await collected(client, ssl_id)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(seconds=8)
    clock.advance(seconds=8)
    assert (await client.get(f"{SSL}/{ssl_id}")).json()["status"] == "Expired"


async def test_certificates_may_be_told_to_have_lived_for_long(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.settings.backdated_seconds = 86_400
    leaf, *_ = await collected(client, await enrolled(client))
    assert clock.now() - leaf.not_valid_before_utc >= timedelta(days=1)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=365)


@pytest.mark.parametrize("style", ["{id}/{format}", "{id}?format={format}"])
async def test_base64_and_bin_are_pkcs7(client: httpx.AsyncClient, simulator: Simulator, style: str) -> None:
    ssl_id = await enrolled(client)
    armoured = await client.get(f"{SSL}/collect/" + style.format(id=ssl_id, format="base64"))
    assert armoured.content.startswith(b"-----BEGIN PKCS7-----\n")
    binary = await client.get(f"{SSL}/collect/" + style.format(id=ssl_id, format="bin"))
    whole = ["intermediate", "leaf", "root"]
    assert sorted(_roles(simulator, pkcs7.load_pem_pkcs7_certificates(armoured.content))) == whole
    assert sorted(_roles(simulator, pkcs7.load_der_pkcs7_certificates(binary.content))) == whole


async def test_without_a_format_it_is_base64(client: httpx.AsyncClient) -> None:
    ssl_id = await enrolled(client)
    plain = await client.get(f"{SSL}/collect/{ssl_id}")
    assert plain.content == (await client.get(f"{SSL}/collect/{ssl_id}/base64")).content


async def test_what_is_collected_is_an_octet_stream_whatever_it_holds(client: httpx.AsyncClient) -> None:
    ssl_id = await enrolled(client, csr=make_csr("*.example.test"))
    answer = await client.get(f"{SSL}/collect/{ssl_id}/x509")
    assert answer.headers["content-type"] == "application/octet-stream;charset=UTF-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="__example_test.cert"'
    assert int(answer.headers["content-length"]) == len(answer.content)


async def test_an_unknown_format_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{SSL}/collect/{await enrolled(client)}/docx")
    assert answer.json() == {"code": -126, "description": "Unknown SSL certificate file format requested: docx"}


@pytest.mark.parametrize("ssl_id", ["1", "0", "abc", "99999999999999999999", "٣"])
async def test_an_unknown_id_is_not_found(client: httpx.AsyncClient, ssl_id: str) -> None:
    for path in (f"{SSL}/collect/{ssl_id}", f"{SSL}/collect/{ssl_id}/x509", f"{SSL}/{ssl_id}"):
        assert refusal(await client.get(path)) == (404, -5101)


async def test_pem_may_come_with_crlf(client: httpx.AsyncClient, simulator: Simulator) -> None:
    ssl_id = await enrolled(client)
    simulator.settings.crlf = True
    for name in ("x509", "base64"):
        text = (await client.get(f"{SSL}/collect/{ssl_id}/{name}")).content
        assert text.count(b"\r\n") == text.count(b"\n") > 0
    binary = (await client.get(f"{SSL}/collect/{ssl_id}/bin")).content
    assert len(pkcs7.load_der_pkcs7_certificates(binary)) == 3


async def test_by_default_the_first_collects_come_too_early(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.pending_polls = type(simulator.settings)().pending_polls
    ssl_id = await enrolled(client)
    early = await client.get(f"{SSL}/collect/{ssl_id}/x509")
    assert early.status_code == 400
    assert early.json() == {"code": 0, "description": "Being processed by Sectigo"}
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}/x509")) == (400, 0)
    assert len(await collected(client, ssl_id)) == 3
    order = simulator.orders.get(ssl_id)
    assert order is not None
    assert order.collects == 3


async def test_newer_builds_say_it_with_another_code(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.never_issue = True
    simulator.settings.pending_code = -1400
    ssl_id = await enrolled(client)
    answer = await client.get(f"{SSL}/collect/{ssl_id}")
    assert answer.status_code == 400
    assert answer.json() == {"code": -1400, "description": "The request is being processed by Sectigo."}


async def test_time_alone_may_bring_the_certificate(
    client: httpx.AsyncClient, simulator: Simulator, clock: Clock
) -> None:
    simulator.settings.pending_seconds = 30
    ssl_id = await enrolled(client)
    clock.advance(seconds=29)
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}")) == (400, 0)
    clock.advance(seconds=11)
    leaf, *_ = await collected(client, ssl_id)
    assert leaf.not_valid_before_utc == datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)


async def test_polls_and_time_are_both_needed(client: httpx.AsyncClient, simulator: Simulator, clock: Clock) -> None:
    simulator.settings.pending_polls, simulator.settings.pending_seconds = 1, 30
    ssl_id = await enrolled(client)
    clock.advance(seconds=60)
    assert refusal(await client.get(f"{SSL}/collect/{ssl_id}")) == (400, 0)
    leaf, *_ = await collected(client, ssl_id)
    assert leaf.not_valid_before_utc == datetime(2026, 11, 23, 12, 1, 0, tzinfo=UTC)


async def test_nothing_is_issued_while_the_knob_says_never(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.never_issue = True
    ssl_id = await enrolled(client)
    for _ in range(10):
        assert refusal(await client.get(f"{SSL}/collect/{ssl_id}")) == (400, 0)
    simulator.settings.never_issue = False
    assert len(await collected(client, ssl_id)) == 3


async def test_turning_the_knob_releases_an_order_that_waits(client: httpx.AsyncClient, simulator: Simulator) -> None:
    simulator.settings.pending_polls = 1000
    ssl_id = await enrolled(client)
    assert (await client.get(f"{SSL}/{ssl_id}")).json()["status"] == "Applied"
    simulator.settings.pending_polls = 0
    assert (await client.get(f"{SSL}/{ssl_id}")).json()["status"] == "Issued"


@pytest.mark.parametrize("key", [ec_key(), rsa.generate_private_key(65537, 2048)])
async def test_the_chain_verifies_for_every_name_of_the_order(
    client: httpx.AsyncClient,
    simulator: Simulator,
    clock: Clock,
    key: rsa.RSAPrivateKey,
) -> None:
    ssl_id = await enrolled(client, csr=make_csr(key=key), subjAltNames="a.example.test")
    leaf, intermediate, root = await collected(client, ssl_id)
    policy = PolicyBuilder().store(Store([root])).time(clock.now() + timedelta(seconds=1))
    for name in ("web.example.test", "a.example.test"):
        verifier = policy.build_server_verifier(x509.DNSName(name))
        assert verifier.verify(leaf, [intermediate]) == [leaf, intermediate, root]
    assert leaf.public_key() == key.public_key()
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.key_encipherment is isinstance(key, rsa.RSAPrivateKey)
    assert (root, intermediate) == (simulator.ca.root, simulator.ca.intermediate)


async def test_the_certificate_begins_now_and_lives_for_the_term(client: httpx.AsyncClient, clock: Clock) -> None:
    leaf, *_ = await collected(client, await enrolled(client, certType=502, term=47))
    assert leaf.not_valid_before_utc == clock.now().replace(microsecond=0)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == timedelta(days=47)


async def test_sans_are_those_of_the_order_and_never_those_of_the_csr(client: httpx.AsyncClient) -> None:
    csr = make_csr(sans="only-in-the-csr.example.test")
    leaf, *_ = await collected(client, await enrolled(client, csr=csr))
    assert names_of(leaf) == ["web.example.test"]
    leaf, *_ = await collected(
        client, await enrolled(client, csr=csr, subjAltNames="WEB.example.test,b.example.test,192.0.2.1,2001:db8::1")
    )
    assert names_of(leaf) == ["web.example.test", "b.example.test", "192.0.2.1", "2001:db8::1"]


async def test_a_single_domain_profile_adds_www(client: httpx.AsyncClient) -> None:
    leaf, *_ = await collected(client, await enrolled(client, certType=SINGLE_DOMAIN))
    assert names_of(leaf) == ["web.example.test", "www.web.example.test"]
    wildcard, *_ = await collected(
        client, await enrolled(client, certType=SINGLE_DOMAIN, csr=make_csr("*.example.test"))
    )
    assert names_of(wildcard) == ["*.example.test"]


async def test_a_name_too_long_for_a_subject_stands_among_the_sans(client: httpx.AsyncClient) -> None:
    name = f"{'x' * 60}.example.test"
    leaf, *_ = await collected(client, await enrolled(client, csr=make_csr(None), subjAltNames=name))
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME) == []
    assert names_of(leaf) == [name]


async def test_subjects_say_whose_they_are_and_that_this_is_a_simulator(client: httpx.AsyncClient) -> None:
    leaf, intermediate, root = await collected(client, await enrolled(client))
    assert leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "web.example.test"
    assert leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value == "Simulated Organization"
    for authority in (intermediate, root):
        assert "Simulator" in authority.subject.rfc4514_string()


def test_every_simulator_has_a_ca_of_its_own() -> None:
    first, second = Simulator(), Simulator()
    assert first.ca.root.public_key() != second.ca.root.public_key()
    assert first.ca.intermediate.public_key() != second.ca.intermediate.public_key()
