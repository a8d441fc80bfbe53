"""A CA's certificates, and where it publishes what belongs to them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from sectigo_vault_pki.errors import ChainError
from sectigo_vault_pki.pki import CaCertificate, Published, format_serial_number

ISSUING_ID, ROOT_ID = "65eff121-6b47-5b0d-a9a7-223c7b8c63ed", "95e76b6e-8b08-53dd-b151-7421676e55ae"
START = datetime(2026, 1, 1, tzinfo=UTC)

Vector = Callable[[str], str]


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def certificate(*extensions: x509.ExtensionType) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "web.example.test")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(START).not_valid_after(START + timedelta(days=9))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def point(*names: x509.GeneralName) -> x509.DistributionPoint:
    return x509.DistributionPoint(names, None, None, None)


def test_an_issuer_has_the_same_id_wherever_it_is_derived(vector: Vector) -> None:
    issuing, root = CaCertificate(vector("issuing.pem")), CaCertificate(vector("root.pem"))
    assert (issuing.issuer_id, root.issuer_id) == (ISSUING_ID, ROOT_ID)
    assert CaCertificate(issuing.pem.strip()).issuer_id == issuing.issuer_id


def test_an_issuer_has_its_serial_number(vector: Vector) -> None:
    number = x509.load_pem_x509_certificate(vector("issuing.pem").encode()).serial_number
    assert CaCertificate(vector("issuing.pem")).serial_number == format_serial_number(number)


def test_what_is_no_certificate_has_no_serial_number() -> None:
    with pytest.raises(ChainError):
        _ = CaCertificate("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").serial_number


def test_urls_stand_in_the_order_of_the_certificate_and_nothing_but_urls() -> None:
    relative = x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COMMON_NAME, "CRL1")])
    crls = x509.CRLDistributionPoints(
        [
            point(uri("http://one.example/a.crl"), uri("ldap://one.example/a")),
            x509.DistributionPoint(None, relative, None, None),
            point(x509.DNSName("two.example"), uri("http://two.example/a.crl")),
        ]
    )
    access = x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(AuthorityInformationAccessOID.OCSP, uri("http://ocsp.example")),
            x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, uri("http://crt.example/a.crt")),
        ]
    )
    assert Published.by_ca_of(certificate(crls, access)) == Published(
        crl_distribution_points=("http://one.example/a.crl", "ldap://one.example/a", "http://two.example/a.crl"),
        issuing_certificates=("http://crt.example/a.crt",),
        ocsp_servers=("http://ocsp.example",),
    )


def test_a_certificate_without_extensions_names_nothing() -> None:
    assert Published.by_ca_of(certificate()) == Published()


def test_extensions_that_cannot_be_read_name_nothing() -> None:
    broken = x509.UnrecognizedExtension(x509.CRLDistributionPoints.oid, b"no DER")
    assert Published.by_ca_of(certificate(broken)) == Published()
