"""A CA's certificates, and where the CA publishes what belongs to them."""

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from sectigo_vault_pki.errors import ChainError
from sectigo_vault_pki.pki.chain import format_serial_number
from sectigo_vault_pki.pki.der import decoded
from sectigo_vault_pki.pki.pem import STORED_UNREADABLE, pem_der


@dataclass(frozen=True, slots=True)
class CaCertificate:
    """One certificate of a CA.

    Attributes:
        pem: one PEM block.
    """

    pem: str

    @property
    def der(self) -> bytes:
        """Its bytes."""
        return pem_der(self.pem)

    @property
    def issuer_id(self) -> str:
        """A name for it that every mount derives alike: a UUID of version 5, of its SHA-256."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sha256:{hashlib.sha256(self.der).hexdigest()}"))

    @property
    def serial_number(self) -> str:
        """Hex with colons; of a negative one, as old roots have, the digits.

        Raises:
            ChainError: the certificate cannot be read.
        """
        return decoded(lambda: format_serial_number(abs(_read(self.pem).serial_number)), ChainError, STORED_UNREADABLE)


@dataclass(frozen=True, slots=True)
class Published:
    """Where a CA publishes what belongs to a certificate: URLs, in the order in which the certificate names them.

    Attributes:
        crl_distribution_points: of CRLs (RFC 5280 section 4.2.1.13).
        issuing_certificates: of the issuer's certificate (RFC 5280 section 4.2.2.1).
        ocsp_servers: of OCSP responders (the same section).
    """

    crl_distribution_points: tuple[str, ...] = ()
    issuing_certificates: tuple[str, ...] = ()
    ocsp_servers: tuple[str, ...] = ()

    @classmethod
    def by_ca_of(cls, certificate_pem: str) -> "Published":
        """Read it in a certificate; extensions that cannot be read name nothing."""
        try:
            return decoded(lambda: _published(_read(certificate_pem)), ChainError, STORED_UNREADABLE)
        except ChainError:
            return cls()


def _read(certificate_pem: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(pem_der(certificate_pem))


def _published(certificate: x509.Certificate) -> Published:
    access = list(_access_descriptions(certificate))
    return Published(
        crl_distribution_points=tuple(_urls(_crl_names(certificate))),
        issuing_certificates=tuple(
            _urls(at.access_location for at in access if at.access_method == AuthorityInformationAccessOID.CA_ISSUERS)
        ),
        ocsp_servers=tuple(
            _urls(at.access_location for at in access if at.access_method == AuthorityInformationAccessOID.OCSP)
        ),
    )


def _crl_names(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except x509.ExtensionNotFound:
        return
    for point in extension.value:
        yield from point.full_name or ()


def _access_descriptions(certificate: x509.Certificate) -> Iterable[x509.AccessDescription]:
    try:
        return certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return ()


def _urls(names: Iterable[x509.GeneralName]) -> Iterator[str]:
    return (name.value for name in names if isinstance(name, x509.UniformResourceIdentifier))
