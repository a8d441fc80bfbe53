"""What stands in a certificate: an order put into the words of X.509."""

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sectigo_vault_pki.scm_simulator.ca import Leaf, key_usage
from sectigo_vault_pki.scm_simulator.catalogue import Organization
from sectigo_vault_pki.scm_simulator.csr import LONGEST_COMMON_NAME
from sectigo_vault_pki.scm_simulator.names import general_name, name_attribute
from sectigo_vault_pki.scm_simulator.orders import CertificateRequest, Person, Subscription

_ORGANIZATION_VALIDATED = x509.ObjectIdentifier("2.23.140.1.2.2")  # CA/B Forum baseline requirements 7.1.6.1
# CA/B Forum S/MIME baseline requirements 7.1.6.1, sponsor-validated legacy: the one that allowed three years.
_SPONSOR_VALIDATED = x509.ObjectIdentifier("2.23.140.1.5.3.1")


def leaf(request: CertificateRequest, subscription: Subscription) -> Leaf:
    """Return what the certificate of an order is to say; SANs within the CSR have no say (scm-api.md 8.4)."""
    if subscription.person is None:
        return _server_leaf(request, subscription.organization)
    return _client_leaf(request, subscription.organization, subscription.person)


def _server_leaf(request: CertificateRequest, organization: Organization) -> Leaf:
    return Leaf(
        public_key=request.csr.public_key,
        subject=x509.Name([*_organization(organization), *_common_name(request.common_name)]),
        names=[general_name(name) for name in request.names],
        key_usage=key_usage(key_encipherment=_is_rsa(request)),
        purposes=[ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH],
        policy=_ORGANIZATION_VALIDATED,
    )


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
