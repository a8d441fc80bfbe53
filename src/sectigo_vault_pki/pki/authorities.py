"""Certificates as a CA hands them out; its own ones come with each, and are looked into once."""

from collections.abc import Iterable
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from sectigo_vault_pki.pki.keys import public_key_digest
from sectigo_vault_pki.pki.pem import PemBlock

CERTIFICATE = "CERTIFICATE"
UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)
MAX_REMEMBERED = 64


class FoundCertificate:
    """A certificate, and what was found out about it.

    Attributes:
        der: its bytes.
        x509: what they say.
    """

    def __init__(self, der: bytes) -> None:
        self.der = der
        self.x509 = x509.load_der_x509_certificate(der)

    @cached_property
    def pem(self) -> str:
        """The one normal PEM block."""
        return PemBlock(CERTIFICATE, self.der).text

    @cached_property
    def public_key(self) -> CertificatePublicKeyTypes:
        """The subject's key; one of `UNREADABLE` is raised where it is of no kind that anybody orders."""
        return self.x509.public_key()

    @cached_property
    def key_digest(self) -> bytes | None:
        """SHA-256 of the SubjectPublicKeyInfo in DER; None where there is no `public_key`."""
        try:
            return public_key_digest(self.public_key)
        except UNREADABLE:
            return None

    def issued(self, other: "FoundCertificate") -> bool:
        """Check whether this one issued another, by name and signature."""
        try:
            other.x509.verify_directly_issued_by(self.x509)
        except (*UNREADABLE, InvalidSignature):
            return False
        return True


class Authorities:
    """The certificates of CAs that were met before, and who of them issued whom: signatures are what costs.

    A certificate never changes, so nothing of this can be out of date. Where there would be more than
    `MAX_REMEMBERED`, it begins anew.
    """

    def __init__(self) -> None:
        self._met: dict[bytes, FoundCertificate] = {}
        self._issued: dict[tuple[FoundCertificate, FoundCertificate], bool] = {}

    def find(self, der: bytes) -> FoundCertificate:
        """Return a certificate, the same object where it is remembered.

        Raises:
            ValueError: it is none.
        """
        return self._met.get(der) or FoundCertificate(der)

    def remember(self, issuers: Iterable[FoundCertificate]) -> None:
        """Expect to meet certificates again."""
        new = {issuer.der: issuer for issuer in issuers if issuer.der not in self._met}
        if len(self._met) + len(new) > MAX_REMEMBERED:
            self._met.clear()
            self._issued.clear()
        self._met.update(new)

    def issued(self, issuer: FoundCertificate, certificate: FoundCertificate) -> bool:
        """Tell whether one issued another; of two that are remembered, it is checked once."""
        if self._met.get(issuer.der) is not issuer or self._met.get(certificate.der) is not certificate:
            return issuer.issued(certificate)
        pair = issuer, certificate
        if pair not in self._issued:
            self._issued[pair] = issuer.issued(certificate)
        return self._issued[pair]
