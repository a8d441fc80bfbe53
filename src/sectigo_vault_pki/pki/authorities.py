"""Certificates as a CA hands them out; its own ones come with each, and are looked into once."""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

from cryptography import x509

from sectigo_vault_pki.errors import ChainError
from sectigo_vault_pki.pki.der import decoded
from sectigo_vault_pki.pki.keys import key_kind, public_key_digest
from sectigo_vault_pki.pki.names import common_name_of, names_of
from sectigo_vault_pki.pki.pem import PemBlock

CERTIFICATE = "CERTIFICATE"
MAX_REMEMBERED = 64

_MALFORMED = "the certificate is malformed"


class KeyFacts(NamedTuple):
    """What a certificate says of its subject's key."""

    key_type: str
    key_size: int
    digest: bytes


class Facts(NamedTuple):
    """What people ask of a certificate; `CertificateChain` says what each means."""

    serial_number: int
    not_before: datetime
    not_after: datetime
    common_name: str
    subject_alt_names: tuple[str, ...]
    key: KeyFacts


def facts_of(certificate: x509.Certificate, key: KeyFacts | None = None) -> Facts:
    """Look at all of them, unless the key is known; to be called through `decoded`.

    Raises:
        ChainError: the serial number is negative, which RFC 5280 4.1.2.2 forbids.
    """
    if certificate.serial_number < 0:
        raise ChainError("the certificate is malformed: its serial number is negative")
    return Facts(
        certificate.serial_number,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        common_name_of(certificate.subject),
        _names_in(certificate),
        key or _key_of(certificate),
    )


def _key_of(certificate: x509.Certificate) -> KeyFacts:
    key = certificate.public_key()
    return KeyFacts(*key_kind(key), public_key_digest(key))


def _names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return names_of(extension.value)


class FoundCertificate:
    """A certificate, and what was found out about it. Nothing else than a ChainError comes out.

    Attributes:
        der: its bytes.
    """

    def __init__(self, der: bytes) -> None:
        """Raise a ChainError where it is no certificate at all."""
        self.der = der
        self._x509 = decoded(
            lambda: x509.load_der_x509_certificate(der),
            ChainError,
            "what was collected cannot be read as certificates",
        )

    @cached_property
    def pem(self) -> str:
        """The one normal PEM block."""
        return PemBlock(CERTIFICATE, self.der).text

    @cached_property
    def facts(self) -> Facts:
        """What people ask of it."""
        return decoded(lambda: facts_of(self._x509, self.key), ChainError, _MALFORMED)

    @cached_property
    def not_after(self) -> datetime:
        """The end of its life, in UTC."""
        return decoded(lambda: self._x509.not_valid_after_utc, ChainError, _MALFORMED)

    @cached_property
    def key(self) -> KeyFacts | None:
        """The subject's key; None where it cannot be read, as it is of no kind that anybody orders."""
        try:
            return decoded(lambda: _key_of(self._x509), ChainError, _MALFORMED)
        except ChainError:
            return None

    @property
    def key_digest(self) -> bytes | None:
        """SHA-256 of the SubjectPublicKeyInfo in DER; None where there is no `key`."""
        return self.key.digest if self.key else None

    @cached_property
    def says_ca(self) -> bool | None:
        """Whether it says of itself to be a CA's (RFC 5280 4.2.1.9); None where it says nothing that can be read."""
        try:
            return decoded(
                lambda: self._x509.extensions.get_extension_for_class(x509.BasicConstraints).value.ca,
                ChainError,
                _MALFORMED,
            )
        except ChainError:
            return None

    def issued(self, other: "FoundCertificate") -> bool:
        """Check whether this one issued another, by name and signature."""
        try:
            decoded(lambda: other._x509.verify_directly_issued_by(self._x509), ChainError, _MALFORMED)  # noqa: SLF001 - own class
        except ChainError:
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
            ChainError: it is none.
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
