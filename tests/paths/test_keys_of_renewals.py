"""Which key a renewal has after replacements: SCM says so, and the stored key must be the one that fits."""

from collections.abc import Mapping
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.vault_plugin.logical import BadRequestError
from tests.support.audit import key_digests_of, records_of
from tests.support.certificates import key_fits, pem_of
from tests.support.mount import ORDER, Mount, answered
from tests.support.orders import ORDERS

REPLACEMENT: Mapping[str, Mapping[str, object]] = {
    "ssl_cert": {"sectigo_reason": "new key"},
    "client_cert": {"sectigo_reason": "new key", "sectigo_client_cert_revoked_on_replace": False},
}
CERTIFICATE_TYPES = sorted(REPLACEMENT)


async def issued(mount: Mount, certificate_type: str) -> Mapping[str, Any]:
    await mount.configure(sectigo_config_type=certificate_type)
    mount.simulator.settings.pending_polls = 0
    return answered(await mount.write("enroll/web", ORDERS[certificate_type]()))


async def replaced(mount: Mount, data: Mapping[str, Any], **parameters: object) -> Mapping[str, Any]:
    fields = {**REPLACEMENT[data["certificate_type"]], **parameters}
    return answered(await mount.write(f"replace/web/{data['cert_unique_id']}", fields))


async def renewed(mount: Mount, data: Mapping[str, Any]) -> Mapping[str, Any]:
    return answered(await mount.write(f"renew/web/{data['cert_unique_id']}", {}))


@pytest.mark.parametrize("first", [True, False])
async def test_an_ssl_renewal_has_the_newest_key_whatever_scm_would_take_by_itself(mount: Mount, first: bool) -> None:
    replacement = await replaced(mount, await issued(mount, "ssl_cert"))
    mount.simulator.settings.renew_reuses_first_csr = first
    renewal = await renewed(mount, replacement)
    assert renewal["private_key"] == replacement["private_key"]
    assert renewal["csr"] == replacement["csr"]
    assert key_fits(renewal)


async def test_a_client_renewal_that_goes_back_to_an_earlier_key_gets_that_key_and_a_warning(mount: Mount) -> None:
    original = await issued(mount, "client_cert")
    await replaced(mount, original)
    mount.simulator.settings.renew_reuses_first_csr = True
    response = await mount.write(f"renew/web/{original['cert_unique_id']}", {})
    renewal = answered(response)
    assert renewal["status"] == "Issued"
    assert renewal["private_key"] == original["private_key"]
    assert renewal["csr"] == original["csr"]
    assert key_fits(renewal)
    assert response is not None
    assert any("with another key" in warning for warning in response.warnings)


async def test_a_renewal_with_the_key_of_a_replacement_that_came_to_nothing_gets_that_key(mount: Mount) -> None:
    original = await issued(mount, "client_cert")
    mount.simulator.settings.never_issue = True
    lost = await replaced(mount, original, sectigo_max_timeout=0)
    (order,) = mount.simulator.orders
    request, order.in_flight = order.request, None
    mount.clock.advance(minutes=11)
    mount.simulator.settings.never_issue = False
    await replaced(mount, original, sectigo_max_timeout=600)
    order.issued[-1].request = request
    renewal = await renewed(mount, original)
    assert renewal["private_key"] == lost["private_key"]
    assert key_fits(renewal)


async def test_no_key_of_a_replacement_is_lost_when_the_certificate_is_revoked_before_it_comes(mount: Mount) -> None:
    original = await issued(mount, "ssl_cert")
    mount.simulator.settings.never_issue = True
    await replaced(mount, original, sectigo_max_timeout=0)
    (order,) = mount.simulator.orders
    mount.simulator.orders.issue(order)
    asked = order.request.csr.public_key_sha256
    answered(await mount.write(f"revoke/web/{original['cert_unique_id']}", {"sectigo_reason": "superseded"}))
    answered(await mount.read(f"certs/web/{original['cert_unique_id']}"))
    (record,) = (await records_of(mount, "web")).values()
    assert asked in key_digests_of(record, ())


@pytest.mark.parametrize("certificate_type", CERTIFICATE_TYPES)
async def test_a_due_certificate_is_renewed_beside_a_replacement_that_scm_declined(
    mount: Mount, certificate_type: str
) -> None:
    original = await issued(mount, certificate_type)
    path = f"certs/web/{original['cert_unique_id']}"
    mount.simulator.settings.never_issue = True
    await replaced(mount, original, sectigo_max_timeout=0)
    (order,) = mount.simulator.orders
    mount.simulator.orders.decline(order)
    assert answered(await mount.read(path))["status"] == "ErrorCode"
    order.in_flight = None  # the entry is back to what it was
    mount.simulator.settings.never_issue = False
    mount.clock.advance(days=360)
    renewal = answered(await mount.read(path, {"sectigo_max_timeout": 600}))
    assert renewal["renewed_from"] == original["cert_unique_id"]
    assert renewal["private_key"] == original["private_key"]
    assert key_fits(renewal)


async def test_a_replacement_that_scm_works_on_is_never_given_up(mount: Mount) -> None:
    original = await issued(mount, "ssl_cert")
    path = f"certs/web/{original['cert_unique_id']}"
    mount.simulator.settings.never_issue = True
    mount.simulator.faults.add("replace", "drop_after")
    lost = await replaced(mount, original)
    mount.clock.advance(minutes=11)
    mount.simulator.faults.add("collect", "stale", times=1)
    doubtful = await mount.read(path)
    assert doubtful is not None
    assert "SCM is working on another certificate under this id" in doubtful.warnings[0]
    mount.simulator.settings.never_issue = False
    assert answered(await mount.read(path))["private_key"] == lost["private_key"]


def csr_with(key: ec.EllipticCurvePrivateKey, subject: str, alternative: x509.GeneralName) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name.from_rfc4514_string(subject))
    extended = builder.add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
    return extended.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("operation", ["renew", "replace"])
async def test_a_csr_whose_names_are_not_all_ordered_is_answered_with_a_warning(mount: Mount, operation: str) -> None:
    old = await issued(mount, "ssl_cert")
    key = ec.generate_private_key(ec.SECP256R1())
    csr = csr_with(key, f"CN={ORDER['sectigo_csr_domain']}", x509.UniformResourceIdentifier("urn:web"))
    fields = {"sectigo_csr": csr, "sectigo_private_key": pem_of(key)}
    reason = {"sectigo_reason": "stolen"} if operation == "replace" else {}
    response = await mount.write(f"{operation}/web/{old['cert_unique_id']}", {**fields, **reason})
    assert response is not None
    assert any("names of sectigo_csr that are not ordered" in warning for warning in response.warnings)


@pytest.mark.parametrize("operation", ["renew", "replace"])
async def test_a_csr_without_a_common_name_is_refused(mount: Mount, operation: str) -> None:
    old = await issued(mount, "ssl_cert")
    csr = csr_with(ec.generate_private_key(ec.SECP256R1()), "O=Example Inc", x509.DNSName("web.example.test"))
    with pytest.raises(BadRequestError, match="no common name"):
        await mount.write(f"{operation}/web/{old['cert_unique_id']}", {"sectigo_csr": csr, "sectigo_reason": "stolen"})
