"""The little CA: a root, an intermediate that signs, and what the certificates of orders say.

Its keys are new at each start and kept in memory only.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

from sectigo_vault_pki.scm_simulator.model.orders import (
    LONGEST_COMMON_NAME,
    CertificateRequest,
    Person,
    PublicKey,
    Subscription,
    general_name,
    name_attribute,
)
from sectigo_vault_pki.scm_simulator.model.tenant import PRIVATE, Organization

VENDOR = "Sectigo SCM Simulator"
_CA_LIFE = timedelta(days=20 * 365)
_CLOCK_SKEW = timedelta(days=1)
_ORGANIZATION_VALIDATED = x509.ObjectIdentifier("2.23.140.1.2.2")  # CA/B Forum baseline requirements 7.1.6.1
# CA/B Forum S/MIME baseline requirements 7.1.6.1, sponsor-validated legacy: the one that allowed three years.
_SPONSOR_VALIDATED = x509.ObjectIdentifier("2.23.140.1.5.3.1")
# Where a public CA publishes its CRL, its own certificate and OCSP; nothing listens there.
_PUBLISHED_AT = "simulator.example"
_CRL_POINTS = x509.CRLDistributionPoints(
    [
        x509.DistributionPoint(
            [x509.UniformResourceIdentifier(f"http://crl.{_PUBLISHED_AT}/issuing.crl")], None, None, None
        )
    ]
)
_AUTHORITY_ACCESS = x509.AuthorityInformationAccess(
    [
        x509.AccessDescription(
            AuthorityInformationAccessOID.CA_ISSUERS,
            x509.UniformResourceIdentifier(f"http://crt.{_PUBLISHED_AT}/issuing.crt"),
        ),
        x509.AccessDescription(
            AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(f"http://ocsp.{_PUBLISHED_AT}")
        ),
    ]
)


@dataclass(frozen=True)
class Leaf:
    """What a certificate is to say.

    Args:
        public_key: Whose certificate it is.
        subject: As it stands in the certificate.
        names: The subject alternative names.
        key_usage: What the key is for.
        purposes: The extended key usages.
        policy: What was validated, by whose rules; None: by those of a private CA.
    """

    public_key: PublicKey
    subject: x509.Name
    names: Sequence[x509.GeneralName]
    key_usage: x509.KeyUsage
    purposes: Sequence[x509.ObjectIdentifier]
    policy: x509.ObjectIdentifier | None


class CertificateAuthority:
    """Signs at once and cheaply: the issuing key is EC P-256.

    Args:
        now: The start of this simulator, in UTC.
    """

    def __init__(self, *, now: datetime) -> None:
        root_key = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        root_name = _ca_name("Root")
        self.root = _ca_certificate(root_name, root_name, root_key.public_key(), root_key, now=now, path_length=1)
        self.intermediate = _ca_certificate(
            _ca_name("Issuing CA"), root_name, self._key.public_key(), root_key, now=now, path_length=0
        )
        self._authority_key_identifier = _issuer_key_identifier(self._key.public_key())

    def issue(self, leaf: Leaf, *, not_before: datetime, not_after: datetime) -> x509.Certificate:
        """Sign a certificate."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(leaf.subject)
            .issuer_name(self.intermediate.subject)
            .public_key(leaf.public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(not_before)
            .not_valid_after(not_after)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(leaf.key_usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage(leaf.purposes), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf.public_key), critical=False)
            .add_extension(self._authority_key_identifier, critical=False)
            .add_extension(_CRL_POINTS, critical=False)
            .add_extension(_AUTHORITY_ACCESS, critical=False)
            .add_extension(x509.SubjectAlternativeName(leaf.names), critical=False)
        )
        if leaf.policy is not None:
            policies = x509.CertificatePolicies([x509.PolicyInformation(leaf.policy, None)])
            builder = builder.add_extension(policies, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _ca_name(role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, VENDOR),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "For tests only, trust nothing it signs"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{VENDOR} {role}"),
        ]
    )


def _ca_certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    now: datetime,
    path_length: int,
) -> x509.Certificate:
    start = now.replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - _CLOCK_SKEW)
        .not_valid_after(start + _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(_issuer_key_identifier(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _issuer_key_identifier(public_key: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(public_key)


def key_usage(
    *, key_encipherment: bool = False, key_agreement: bool = False, signs_certificates: bool = False
) -> x509.KeyUsage:
    """Return the usages of a key that signs, and whatever else it does."""
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=key_agreement,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def leaf(request: CertificateRequest, subscription: Subscription) -> Leaf:
    """Return what the certificate of an order is to say; SANs within the CSR have no say (scm-api.md 8.4)."""
    if subscription.person is None:
        is_private = subscription.profile.validation_type == PRIVATE
        return _server_leaf(request, subscription.organization, None if is_private else _ORGANIZATION_VALIDATED)
    return _client_leaf(request, subscription.organization, subscription.person)


def _server_leaf(request: CertificateRequest, organization: Organization, policy: x509.ObjectIdentifier | None) -> Leaf:
    return Leaf(
        public_key=request.csr.public_key,
        subject=x509.Name([*_organization(organization), *_common_name(request.common_name)]),
        names=[general_name(name) for name in request.names],
        key_usage=key_usage(key_encipherment=_is_rsa(request)),
        purposes=[ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
        policy=policy,
    )


def server_authentication_alone(wanted: Leaf) -> Leaf:
    """Return the leaf without client authentication, as public ones are today (scm-api.md 13.4)."""
    return replace(wanted, purposes=[ExtendedKeyUsageOID.SERVER_AUTH])


def _client_leaf(request: CertificateRequest, organization: Organization, person: Person) -> Leaf:
    given_names = " ".join(name for name in (person.first_name, person.middle_name) if name)
    subject = [
        *_organization(organization),
        name_attribute(NameOID.GIVEN_NAME, given_names),
        name_attribute(NameOID.SURNAME, person.last_name),
        *_common_name(request.common_name),
        name_attribute(NameOID.EMAIL_ADDRESS, person.email),
    ]
    return Leaf(
        public_key=request.csr.public_key,
        subject=x509.Name(subject),
        names=[x509.RFC822Name(address) for address in request.names],
        key_usage=key_usage(key_encipherment=_is_rsa(request), key_agreement=not _is_rsa(request)),
        purposes=[ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CLIENT_AUTH],
        policy=_SPONSOR_VALIDATED,
    )


def _organization(organization: Organization) -> list[x509.NameAttribute[str]]:
    return [
        name_attribute(NameOID.COUNTRY_NAME, organization.country),
        name_attribute(NameOID.ORGANIZATION_NAME, organization.name),
    ]


def _common_name(common_name: str) -> list[x509.NameAttribute[str]]:
    """Leave a name out that is too long for a subject; a server's is among the SANs as well."""
    return [name_attribute(NameOID.COMMON_NAME, common_name)] if len(common_name) <= LONGEST_COMMON_NAME else []


def _is_rsa(request: CertificateRequest) -> bool:
    return isinstance(request.csr.public_key, rsa.RSAPublicKey)
