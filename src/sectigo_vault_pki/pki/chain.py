"""A certificate with its issuers, found in whatever a CA hands out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from sectigo_vault_pki.errors import ChainError, InvalidInputError
from sectigo_vault_pki.pki.csr import common_name_of
from sectigo_vault_pki.pki.keys import key_kind, public_key_digest
from sectigo_vault_pki.pki.names import names_of
from sectigo_vault_pki.pki.pem import PemBlock, normalise_pem, pem_blocks, pem_texts

MAX_COLLECTED_LENGTH = 256 * 1024  # bytes
MAX_CERTIFICATES = 32

_CERTIFICATE = "CERTIFICATE"
_SERIAL_NUMBER = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){0,39}", re.ASCII)
_PKCS7_LABELS = frozenset({"PKCS7", "PKCS #7 SIGNED DATA", "CMS"})
_DER_SEQUENCE = b"\x30"
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True)
class PemBundle:
    """A certificate and its issuers, as text.

    Attributes:
        leaf_pem: the certificate itself, one normal PEM block.
        issuers_pem: its issuers, nearest first; the last one need not be a root.
    """

    leaf_pem: str
    issuers_pem: tuple[str, ...]

    @property
    def bundle_pem(self) -> str:
        """The certificate and its issuers, leaf first."""
        return "".join((self.leaf_pem, *self.issuers_pem))

    @classmethod
    def split(cls, leaf_first_bundle: str) -> "PemBundle":
        """Take apart what `bundle_pem` gave, without looking into it.

        Raises:
            ChainError: there is no certificate in it.
        """
        texts = pem_texts(leaf_first_bundle)
        if not texts:
            raise _unreadable()
        return PemBundle(texts[0], texts[1:])


@dataclass(frozen=True, slots=True)
class CertificateChain(PemBundle):
    """A certificate, its issuers, and what people ask of it.

    Attributes:
        serial_number: lower-case hex with colons, as Vault's pki prints it.
        not_before: in UTC.
        not_after: in UTC.
        common_name: empty where the subject has none.
        subject_alt_names: host names, IP addresses and e-mail addresses, as they stand in the certificate.
        key_type: `rsa` or `ec`; empty for a kind the engine never orders.
        public_key_digest: SHA-256 of the SubjectPublicKeyInfo in DER.
    """

    serial_number: str
    not_before: datetime
    not_after: datetime
    common_name: str
    subject_alt_names: tuple[str, ...]
    key_type: str
    public_key_digest: bytes

    def with_issuers(self, issuers_pem: tuple[str, ...]) -> "CertificateChain":
        """Return the certificate with other issuers."""
        return replace(self, issuers_pem=issuers_pem)

    @classmethod
    def from_pem(cls, leaf_first_bundle: str) -> Self:
        """Read what `bundle_pem` gave; the order is trusted and only the leaf is parsed, so it is cheap.

        Raises:
            ChainError: it is no list of certificates.
        """
        texts = PemBundle.split(leaf_first_bundle)
        try:
            leaf = x509.load_pem_x509_certificate(texts.leaf_pem.encode("ascii"))
        except _UNREADABLE:
            raise _unreadable() from None
        return cls._of(leaf, texts)

    @classmethod
    def _of(cls, leaf: x509.Certificate, texts: PemBundle) -> Self:
        try:
            public_key = leaf.public_key()
            return cls(
                leaf_pem=texts.leaf_pem,
                issuers_pem=texts.issuers_pem,
                serial_number=format_serial_number(leaf.serial_number),
                not_before=leaf.not_valid_before_utc,
                not_after=leaf.not_valid_after_utc,
                common_name=common_name_of(leaf.subject),
                subject_alt_names=_names_in(leaf),
                key_type=key_kind(public_key)[0],
                public_key_digest=public_key_digest(public_key),
            )
        except _UNREADABLE:
            raise ChainError("the certificate is malformed") from None


def parse_chain(collected: bytes, *, public_key_digest: bytes | None) -> CertificateChain:
    """Find the certificate of a key, and order its issuers behind it by name and signature.

    Takes PEM in any order and PKCS#7 in PEM or DER. Certificates that do not lead up from the leaf are dropped. Where
    several fit the key, as after a replacement, the newest by its start of validity counts.

    Where the key is not known (None), the certificate is the one that is no CA's.

    Raises:
        ChainError: nothing in it can be read, no certificate has that key, or not exactly one key can be meant.
    """
    certificates = _certificates(collected)
    if public_key_digest is None:
        fitting = _of_one_subscriber(certificates)
    else:
        fitting = _of_key(certificates, public_key_digest)
    leaf = max(fitting, key=lambda found: (found.not_valid_before_utc, found.serial_number))
    issuers = _Issuing(certificates).issuers_of(leaf)
    texts = PemBundle(_pem(leaf), tuple(_pem(issuer) for issuer in issuers))
    return CertificateChain._of(leaf, texts)  # noqa: SLF001 - own class


def format_serial_number(number: int) -> str:
    """Print a serial number as Vault's pki does: whole bytes, lower-case hex, colons between."""
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big").hex(":")


def parse_serial_number(text: str) -> str:
    """Read a serial number that a user wrote, in hex with colons or hyphens between the bytes; return it with colons.

    Raises:
        InvalidInputError: it is none.
    """
    if not _SERIAL_NUMBER.fullmatch(text):
        raise InvalidInputError("not a serial number in hex with colons or hyphens")
    return text.lower().replace("-", ":")


def serial_number_of(certificate_pem: str) -> str:
    """Return the serial number of a certificate that a user gave, as `format_serial_number` prints it.

    Raises:
        InvalidInputError: it is not exactly one certificate in PEM.
    """
    try:
        blocks = [block for block in pem_blocks(normalise_pem(certificate_pem)) if block.label == _CERTIFICATE]
        (certificate,) = (x509.load_der_x509_certificate(block.der) for block in blocks)
        return format_serial_number(certificate.serial_number)
    except _UNREADABLE:
        raise InvalidInputError("exactly one certificate in PEM is needed") from None


def is_self_signed(certificate_pem: str) -> bool:
    """Tell a root, which issued itself, from another certificate."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode("ascii"))
    return _issued(certificate, certificate)


def _certificates(collected: bytes) -> Sequence[x509.Certificate]:
    if len(collected) > MAX_COLLECTED_LENGTH:
        raise ChainError(f"what was collected is longer than {MAX_COLLECTED_LENGTH} bytes")
    try:
        certificates = tuple(_loaded(collected))
    except _UNREADABLE:
        raise ChainError("what was collected cannot be read as certificates") from None
    if not certificates:
        raise ChainError("what was collected holds no certificate")
    if len(certificates) > MAX_CERTIFICATES:
        raise ChainError(f"what was collected holds more than {MAX_CERTIFICATES} certificates")
    return certificates


def _loaded(collected: bytes) -> Iterable[x509.Certificate]:
    if collected.startswith(_DER_SEQUENCE):
        yield from pkcs7.load_der_pkcs7_certificates(collected)
        return
    for block in pem_blocks(normalise_pem(collected.decode("ascii", errors="replace"))):
        if block.label == _CERTIFICATE:
            yield x509.load_der_x509_certificate(block.der)
        elif block.label in _PKCS7_LABELS:
            yield from pkcs7.load_der_pkcs7_certificates(block.der)


def _of_key(certificates: Sequence[x509.Certificate], public_key_digest: bytes) -> Sequence[x509.Certificate]:
    fitting = [found for found in certificates if _key_digest(found) == public_key_digest]
    if not fitting:
        raise ChainError("none of the collected certificates belongs to the key")
    return fitting


def _of_one_subscriber(certificates: Sequence[x509.Certificate]) -> Sequence[x509.Certificate]:
    found = [certificate for certificate in certificates if not _is_authority(certificate, certificates)]
    if not found:
        raise ChainError("what was collected holds only certificates of CAs")
    if len({_key_digest(certificate) for certificate in found}) > 1:
        raise ChainError("what was collected holds several certificates, and it is not clear which one is meant")
    return found


def _is_authority(certificate: x509.Certificate, certificates: Sequence[x509.Certificate]) -> bool:
    """Tell a CA's certificate by what it says (RFC 5280 4.2.1.9), or, where it says nothing, by what it signed."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return any(other != certificate and _issued(certificate, other) for other in certificates)


class _Issuing:
    """Who issued whom among some certificates; each signature is checked once, as that is what it costs."""

    def __init__(self, certificates: Sequence[x509.Certificate]) -> None:
        self._certificates = certificates
        self._known: dict[tuple[int, int], bool] = {}

    def issuers_of(self, leaf: x509.Certificate) -> Sequence[x509.Certificate]:
        """Walk up from the leaf until a root, a gap or a circle ends the way."""
        path = [leaf]
        while candidates := self._candidates(path):
            only, *others = candidates
            path.append(max(candidates, key=lambda found: self._rank([*path, found])) if others else only)
        return path[1:]

    def _candidates(self, path: Sequence[x509.Certificate]) -> list[x509.Certificate]:
        """Return who may have issued the end of the path; nobody else than itself issued a root."""
        end = path[-1]
        others = [found for found in self._certificates if found not in path and self._issued(found, end)]
        return [] if others and self._issued(end, end) else others

    def _rank(self, path: Sequence[x509.Certificate]) -> tuple[bool, bool, datetime]:
        """Order those of one name and key: a cross-signed one that leads on, then a root, then the longest lived."""
        end = path[-1]
        return bool(self._candidates(path)), self._issued(end, end), end.not_valid_after_utc

    def _issued(self, issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
        pair = id(issuer), id(certificate)
        if pair not in self._known:
            self._known[pair] = _issued(issuer, certificate)
        return self._known[pair]


def _unreadable() -> ChainError:
    return ChainError("the stored certificate cannot be read")


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (*_UNREADABLE, InvalidSignature):
        return False
    return True


def _key_digest(certificate: x509.Certificate) -> bytes | None:
    try:
        return public_key_digest(certificate.public_key())
    except _UNREADABLE:
        return None  # a certificate with such a key is not the one that was ordered


def _names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return names_of(extension.value)


def _pem(certificate: x509.Certificate) -> str:
    return PemBlock(_CERTIFICATE, certificate.public_bytes(Encoding.DER)).text
