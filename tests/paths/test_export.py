"""Stored certificates in the formats of other programs; OpenSSL judges what is binary."""

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat

from sectigo_vault_pki.vault_plugin.logical import BadRequestError, UnsupportedOperationError
from sectigo_vault_pki.vault_plugin.testing import STANDBY
from tests.support.certificates import key_of, pem_of
from tests.support.mount import Mount, answered
from tests.support.openssl import openssl

PASSWORD = "correct horse battery"
FILE = {"format": "pkcs12", "password": PASSWORD}
FACTS = {"cert_unique_id", "format", "not_after", "private_key_type", "serial_number", "version"}
FIELDS = {
    "pem_bundle": {"certificate", "private_key"},
    "pkcs8": {"certificate", "private_key"},
    "der": {"ca_chain", "certificate", "private_key"},
    "pkcs12": {"pkcs12"},
}


async def issued(mount: Mount, **changes: Any) -> Mapping[str, Any]:
    await mount.configure()
    mount.simulator.settings.pending_polls = 0
    return await mount.enroll(**changes)


async def keyless(mount: Mount) -> Mapping[str, Any]:
    """Return a certificate whose key the engine never had."""
    data = await issued(mount)
    await mount.delete(f"certs/web/{data['cert_unique_id']}")
    return answered(await mount.write(f"fetch/web/{data['ssl_id']}", {}))


async def export(mount: Mount, unique_id: str, *, entry: str = "web", **fields: Any) -> Mapping[str, Any]:
    """Return the data of an export that has no warnings."""
    response = await mount.write(f"export/{entry}/{unique_id}", fields)
    assert response is not None
    assert response.warnings == ()
    return answered(response)


async def replaced(mount: Mount, unique_id: str, **fields: object) -> Mapping[str, Any]:
    return answered(await mount.write(f"replace/web/{unique_id}", {"sectigo_reason": "new key", **fields}))


def der(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def opened(data: Mapping[str, Any], *options: str, password: str = PASSWORD) -> str:
    return openssl("pkcs12", "-passin", f"pass:{password}", "-nodes", *options, given=der(data["pkcs12"]))


@pytest.mark.parametrize("chosen", FIELDS)
async def test_an_answer_has_the_facts_and_the_fields_of_its_format(mount: Mount, chosen: str) -> None:
    data = await issued(mount)
    fields = FILE if chosen == "pkcs12" else {"format": chosen.upper()}
    exported = await export(mount, data["cert_unique_id"], **fields)
    assert set(exported) == FACTS | FIELDS[chosen]
    assert exported["format"] == chosen
    assert exported["version"] == 0
    for name in ("cert_unique_id", "not_after", "private_key_type", "serial_number"):
        assert exported[name] == data[name]


async def test_without_a_word_it_is_a_bundle_and_the_key_as_it_is_stored(mount: Mount) -> None:
    data = await issued(mount)
    exported = await export(mount, data["cert_unique_id"])
    assert exported["format"] == "pem_bundle"
    assert exported["certificate"] == data["certificate_bundle"]
    assert exported["private_key"] == data["private_key"]


@pytest.mark.parametrize("stored", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
async def test_pkcs8_is_a_bundle_and_the_key_in_pkcs8(mount: Mount, stored: PrivateFormat) -> None:
    key = rsa.generate_private_key(65537, 2048)
    data = await issued(mount, sectigo_private_key=pem_of(key, stored))
    exported = await export(mount, data["cert_unique_id"], format="pkcs8")
    assert exported["certificate"] == data["certificate_bundle"]
    assert exported["private_key"] == pem_of(key)


@pytest.mark.parametrize("algorithm", ["RSA", "EC"])
async def test_der_is_base64_of_leaf_issuers_and_traditional_key(mount: Mount, algorithm: str) -> None:
    data = await issued(mount, sectigo_csr_key_algo=algorithm)
    exported = await export(mount, data["cert_unique_id"], format="der")
    leaf = openssl("x509", "-inform", "DER", given=der(exported["certificate"]))
    issuers = [openssl("x509", "-inform", "DER", given=der(issuer)) for issuer in exported["ca_chain"]]
    assert leaf == data["leaf_certificate"]
    assert issuers == data["ca_chain"]
    assert openssl("pkey", "-inform", "DER", "-traditional", given=der(exported["private_key"])) == data["private_key"]


@pytest.mark.parametrize(
    ("fields", "cipher"),
    [({}, "AES-256-CBC"), ({"pkcs12_encryption": "Legacy"}, "pbeWithSHA1And3-KeyTripleDES-CBC")],
)
async def test_pkcs12_is_one_file_of_everything_under_the_password(
    mount: Mount, fields: Mapping[str, Any], cipher: str
) -> None:
    data = await issued(mount)
    exported = await export(mount, data["cert_unique_id"], **FILE, **fields)
    assert opened(exported, "-info", "-noout").count(cipher) == 2
    assert "friendlyName: web.example.test" in opened(exported, "-clcerts", "-nokeys")
    assert data["leaf_certificate"] in opened(exported, "-clcerts", "-nokeys")
    assert all(issuer in opened(exported, "-cacerts", "-nokeys") for issuer in data["ca_chain"])
    assert pem_of(key_of(data)) in opened(exported, "-nocerts")


async def test_a_client_certificate_is_exported_too(mount: Mount) -> None:
    await mount.configure_client()
    mount.simulator.settings.pending_polls = 0
    data = await mount.enroll_client()
    exported = await export(mount, data["cert_unique_id"], entry="people", **FILE)
    assert "friendlyName: Ada Lovelace" in opened(exported, "-clcerts", "-nokeys")
    bundle = await export(mount, data["cert_unique_id"], entry="people")
    assert bundle["certificate"] == data["certificate_bundle"]


async def test_earlier_versions_are_exported_with_their_own_keys(mount: Mount) -> None:
    first = await issued(mount)
    unique_id = first["cert_unique_id"]
    second = await replaced(mount, unique_id, sectigo_csr_key_algo="RSA")
    third = await replaced(mount, unique_id)
    for number, data in enumerate((third, second, first)):
        exported = await export(mount, unique_id, version=str(number))
        assert exported["version"] == number
        assert exported["private_key_type"] == data["private_key_type"]
        for name in ("serial_number", "not_after", "private_key"):
            assert exported[name] == data[name]
        assert exported["certificate"] == data["certificate_bundle"]
    assert pem_of(key_of(first)) in opened(await export(mount, unique_id, version=2, **FILE), "-nocerts")


@pytest.mark.parametrize(("version", "kept"), [(1, 0), (2, 1), (10**12, 1)])
async def test_a_version_that_is_not_kept_is_refused_with_how_many_are(mount: Mount, version: int, kept: int) -> None:
    unique_id = (await issued(mount))["cert_unique_id"]
    if kept:
        await replaced(mount, unique_id)
    with pytest.raises(BadRequestError, match=f"^there is no version {version}: {kept} earlier ones are kept$"):
        await export(mount, unique_id, version=version)


@pytest.mark.parametrize(
    ("version", "complaint"),
    [
        (-1, "at least 0, it is -1"),
        ("1.5", "a whole number of at least 0"),
        ("newest", "a whole number of at least 0"),
        (True, "a whole number of at least 0"),
    ],
)
async def test_a_version_that_is_no_number_is_refused(mount: Mount, version: object, complaint: str) -> None:
    unique_id = (await issued(mount))["cert_unique_id"]
    with pytest.raises(BadRequestError, match=f"^version must be {complaint}$"):
        await export(mount, unique_id, version=version)


@pytest.mark.parametrize("chosen", ["pem_bundle", "pkcs8", "der"])
async def test_a_certificate_without_a_key_is_exported_with_a_warning(mount: Mount, chosen: str) -> None:
    data = await keyless(mount)
    response = await mount.write(f"export/web/{data['cert_unique_id']}", {"format": chosen})
    assert response is not None
    assert response.warnings == ("the engine never had the private key of this certificate",)
    assert answered(response)["private_key"] == ""
    assert answered(response)["certificate"] != ""


async def test_there_is_no_pkcs12_file_without_a_key(mount: Mount) -> None:
    data = await keyless(mount)
    with pytest.raises(BadRequestError, match=r"^the engine never had the private key of this certificate, without"):
        await export(mount, data["cert_unique_id"], **FILE)


async def test_pkcs12_needs_a_password(mount: Mount) -> None:
    unique_id = (await issued(mount))["cert_unique_id"]
    for password in (None, ""):
        with pytest.raises(BadRequestError, match=r"^password is required for format pkcs12$"):
            await export(mount, unique_id, format="pkcs12", password=password)


@pytest.mark.parametrize("password", ["s3cret-", "s3cret" * 22, "s3cret-ümlaut", "s3cret\ntail", ["s3cret", "s3cret"]])
async def test_a_password_that_not_every_program_takes_is_refused_without_an_echo(
    mount: Mount, password: object
) -> None:
    unique_id = (await issued(mount))["cert_unique_id"]
    with pytest.raises(BadRequestError, match=r"^password ") as caught:
        await export(mount, unique_id, format="pkcs12", password=password)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("chosen", ["pem_bundle", "pkcs8", "der"])
@pytest.mark.parametrize("fields", [{"password": PASSWORD}, {"pkcs12_encryption": "legacy"}])
async def test_nobody_is_left_to_think_that_another_format_is_encrypted(
    mount: Mount, chosen: str, fields: Mapping[str, Any]
) -> None:
    unique_id = (await issued(mount))["cert_unique_id"]
    with pytest.raises(BadRequestError, match=f"applies to format pkcs12 only: {chosen} is not encrypted"):
        await export(mount, unique_id, format=chosen, **fields)


async def test_an_unknown_format_is_refused_with_what_is_allowed(mount: Mount) -> None:
    unique_id = (await issued(mount))["cert_unique_id"]
    with pytest.raises(BadRequestError, match=r"^format must be one of pem_bundle, der, pkcs8, pkcs12$"):
        await export(mount, unique_id, format="jks")


async def test_what_is_not_collected_says_how_to_collect_it(mount: Mount) -> None:
    await mount.configure()
    pending = await mount.enroll(sectigo_max_timeout=0)
    unique_id = pending["cert_unique_id"]
    mount.on_scm_call = lambda: pytest.fail("an export asks SCM nothing")
    with pytest.raises(BadRequestError, match=f"not collected yet, .* read certs/web/{unique_id} to collect it"):
        await export(mount, unique_id)


async def test_the_current_certificate_is_exported_while_its_replacement_is_under_way(mount: Mount) -> None:
    data = await issued(mount)
    mount.simulator.settings.never_issue = True
    await replaced(mount, data["cert_unique_id"], sectigo_max_timeout=0)
    exported = await export(mount, data["cert_unique_id"])
    assert (exported["serial_number"], exported["private_key"]) == (data["serial_number"], data["private_key"])


async def test_a_due_certificate_is_exported_as_it_is(mount: Mount) -> None:
    data = await issued(mount)
    stored = mount.storage.snapshot()
    mount.clock.advance(days=360)
    mount.on_scm_call = lambda: pytest.fail("an export asks SCM nothing")
    exported = await export(mount, data["cert_unique_id"])
    assert exported["serial_number"] == data["serial_number"]
    assert mount.storage.snapshot() == stored


async def test_a_renewed_certificate_is_exported_itself_and_names_its_successor(mount: Mount) -> None:
    old = await issued(mount)
    new = answered(await mount.write(f"renew/web/{old['cert_unique_id']}", {}))
    response = await mount.write(f"export/web/{old['cert_unique_id']}", {})
    assert response is not None
    assert answered(response)["serial_number"] == old["serial_number"]
    assert response.warnings == (f"the certificate was renewed as {new['cert_unique_id']}",)
    assert (await export(mount, new["cert_unique_id"]))["serial_number"] == new["serial_number"]


async def test_a_standby_exports_too(mount: Mount) -> None:
    data = await issued(mount)
    mount.system.state = STANDBY
    await mount.restart()
    assert (await export(mount, data["cert_unique_id"]))["private_key"] == data["private_key"]


async def test_the_certificates_of_a_deleted_entry_can_be_taken_along(mount: Mount) -> None:
    data = await issued(mount)
    await mount.delete("configs/web")
    assert (await export(mount, data["cert_unique_id"]))["private_key"] == data["private_key"]


async def test_an_order_without_an_id_is_to_be_read_first(mount: Mount) -> None:
    await mount.configure()
    mount.simulator.faults.add("enroll", "drop_after")
    lost = await mount.enroll()
    with pytest.raises(BadRequestError, match="the order is not settled yet: read it first"):
        await export(mount, lost["cert_unique_id"])


async def test_what_is_not_stored_is_said_so(mount: Mount) -> None:
    await mount.configure()
    with pytest.raises(BadRequestError, match='no certificate "1_demo-customer" under config entry "web"'):
        await export(mount, "1_demo-customer")


async def test_it_is_a_write_so_that_a_password_stays_out_of_the_url(mount: Mount) -> None:
    data = await issued(mount)
    path = f"export/web/{data['cert_unique_id']}"
    for ask in (mount.read, mount.delete, mount.list):
        with pytest.raises(UnsupportedOperationError):
            await ask(path)
