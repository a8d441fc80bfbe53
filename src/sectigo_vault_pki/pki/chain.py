"""A certificate with its issuers, found in whatever a CA hands out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from sectigo_vault_pki.errors import ChainError, InvalidInputError, OtherKeyError
from sectigo_vault_pki.pki.authorities import CERTIFICATE, Authorities, Facts, FoundCertificate, facts_of
from sectigo_vault_pki.pki.csr import Subject, subject_of
from sectigo_vault_pki.pki.der import decoded
from sectigo_vault_pki.pki.pem import STORED_UNREADABLE, is_cut_off, normalise_pem, pem_blocks, pem_der, pem_texts

MAX_COLLECTED_LENGTH = 256 * 1024  # bytes
MAX_CERTIFICATES = 32

_SERIAL_NUMBER = re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){0,39}", re.ASCII)
_RESERVED_POLICY = re.compile(r"2\.23\.140\.1\.(?:1|2\.[0-9]+)", re.ASCII)
_PKCS7_LABELS = frozenset({"PKCS7", "PKCS #7 SIGNED DATA", "CMS"})
_DER_SEQUENCE = b"\x30"


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
            raise ChainError(STORED_UNREADABLE)
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
        key_size: bits of the modulus or of the curve; 0 for such a kind.
        public_key_digest: SHA-256 of the SubjectPublicKeyInfo in DER.
    """

    serial_number: str
    not_before: datetime
    not_after: datetime
    common_name: str
    subject_alt_names: tuple[str, ...]
    key_type: str
    key_size: int
    public_key_digest: bytes

    @property
    def subject(self) -> Subject:
        """What the leaf's subject has of the parts that a CSR can be made with; parsed anew each time.

        Raises:
            ChainError: it cannot be read.
        """
        return decoded(lambda: subject_of(_leaf_of(self).subject), ChainError, STORED_UNREADABLE)

    @property
    def issuer(self) -> str:
        """The distinguished name of the leaf's issuer, as RFC 4514 writes it; parsed anew each time.

        Raises:
            ChainError: the leaf cannot be read.
        """
        return decoded(lambda: _issuer(_leaf_of(self)), ChainError, STORED_UNREADABLE)

    @property
    def authority_key_id(self) -> str:
        """The key identifier of the leaf's issuer (RFC 5280 section 4.2.1.1), as `serial_number` is printed.

        Empty where the leaf does not say it; parsed anew each time.

        Raises:
            ChainError: the leaf cannot be read.
        """
        return decoded(lambda: _authority_key_id(_leaf_of(self)), ChainError, STORED_UNREADABLE)

    @property
    def is_public(self) -> bool:
        """Whether the leaf is for a server, and by the rules of public CAs: each of those names them.

        The reserved policies of the CA/Browser Forum's baseline requirements for TLS, 7.1.6.1; parsed anew each time.

        Raises:
            ChainError: the leaf cannot be read.
        """
        return decoded(lambda: _has_reserved_policy(_leaf_of(self)), ChainError, STORED_UNREADABLE)

    @property
    def lacks_issuers(self) -> bool:
        """Whether no issuer is there and the leaf is not its own.

        Raises:
            ChainError: the leaf cannot be read.
        """
        return not self.issuers_pem and not is_self_signed(self.leaf_pem)

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
        return cls._of(decoded(lambda: facts_of(_leaf_of(texts)), ChainError, STORED_UNREADABLE), texts)

    @classmethod
    def _of(cls, facts: Facts, texts: PemBundle) -> Self:
        return cls(
            leaf_pem=texts.leaf_pem,
            issuers_pem=texts.issuers_pem,
            serial_number=format_serial_number(facts.serial_number),
            not_before=facts.not_before,
            not_after=facts.not_after,
            common_name=facts.common_name,
            subject_alt_names=facts.subject_alt_names,
            key_type=facts.key.key_type,
            key_size=facts.key.key_size,
            public_key_digest=facts.key.digest,
        )


def parse_chain(
    collected: bytes, *, public_key_digest: bytes | None, authorities: Authorities | None = None
) -> CertificateChain:
    """Find the certificate of a key, and order its issuers behind it by name and signature.

    Takes PEM in any order and PKCS#7 in PEM or DER. Certificates that do not lead up from the leaf are dropped. Where
    several fit the key, as after a replacement, the newest by its start of validity counts.

    Args:
        collected: what the CA handed out.
        public_key_digest: of the key; None where that is not known: then it is the certificate that is no CA's.
        authorities: what is known of CAs from earlier chains; learns what this one tells.

    Raises:
        ChainError: nothing in it can be read, no certificate has that key, or not exactly one key can be meant.
    """
    known = Authorities() if authorities is None else authorities
    certificates = _certificates(collected, known)
    if public_key_digest is None:
        fitting = _of_one_subscriber(certificates)
    else:
        fitting = _of_key(certificates, public_key_digest)
    leaf = max(fitting, key=lambda found: (found.facts.not_before, found.facts.serial_number))
    issuers = _Issuing(certificates, known).issuers_of(leaf)
    known.remember(issuers)
    texts = PemBundle(leaf.pem, tuple(issuer.pem for issuer in issuers))
    return CertificateChain._of(leaf.facts, texts)  # noqa: SLF001 - own class


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


@dataclass(frozen=True, slots=True)
class GivenCertificate:
    """A certificate that a user gave, to name it; serial numbers alone may be shared by two issuers.

    Attributes:
        serial_number: as `format_serial_number` prints it.
        der: its bytes.
    """

    serial_number: str
    der: bytes = field(repr=False)

    @classmethod
    def parse(cls, pem: str) -> Self:
        """Read the one certificate in a text.

        Raises:
            InvalidInputError: it is not exactly one certificate in PEM, or can be none that is stored.
        """
        return decoded(lambda: cls._parsed(pem), InvalidInputError, "exactly one certificate in PEM is needed")

    @classmethod
    def _parsed(cls, pem: str) -> Self:
        (block,) = (block for block in pem_blocks(normalise_pem(pem)) if block.label == CERTIFICATE)
        number = x509.load_der_x509_certificate(block.der).serial_number
        if number < 0:
            raise InvalidInputError("its serial number is negative, and no stored certificate has such a one")
        return cls(format_serial_number(number), block.der)

    def is_leaf_of(self, leaf_first_bundle: str) -> bool:
        """Tell whether a stored bundle is this certificate's.

        Raises:
            ChainError: the bundle cannot be read.
        """
        return pem_der(PemBundle.split(leaf_first_bundle).leaf_pem) == self.der


def is_self_signed(certificate_pem: str) -> bool:
    """Tell a root, which issued itself, from another certificate.

    Raises:
        ChainError: it cannot be read.
    """
    certificate = FoundCertificate(pem_der(certificate_pem))
    return certificate.issued(certificate)


def certificates_of(bundle: PemBundle) -> list[x509.Certificate]:
    """Return the leaf and its issuers as `cryptography` takes them.

    Raises:
        ChainError: one of them cannot be read.
    """
    pem = bundle.bundle_pem.encode()
    return decoded(lambda: x509.load_pem_x509_certificates(pem), ChainError, STORED_UNREADABLE)


def _leaf_of(bundle: PemBundle) -> x509.Certificate:
    return x509.load_der_x509_certificate(pem_der(bundle.leaf_pem))


def _issuer(certificate: x509.Certificate) -> str:
    return certificate.issuer.rfc4514_string()


def _authority_key_id(certificate: x509.Certificate) -> str:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return ""
    return (extension.value.key_identifier or b"").hex(":")


def _has_reserved_policy(certificate: x509.Certificate) -> bool:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.CertificatePolicies)
    except x509.ExtensionNotFound:
        return False
    return any(_RESERVED_POLICY.fullmatch(policy.policy_identifier.dotted_string) for policy in extension.value)


def _certificates(collected: bytes, known: Authorities) -> Sequence[FoundCertificate]:
    if len(collected) > MAX_COLLECTED_LENGTH:
        raise ChainError(f"what was collected is longer than {MAX_COLLECTED_LENGTH} bytes")
    ders = decoded(lambda: tuple(_ders(collected)), ChainError, "what was collected cannot be read as certificates")
    if not ders:
        raise ChainError("what was collected holds no certificate")
    if len(ders) > MAX_CERTIFICATES:
        raise ChainError(f"what was collected holds more than {MAX_CERTIFICATES} certificates")
    return [known.find(der) for der in dict.fromkeys(ders)]


def _ders(collected: bytes) -> Iterable[bytes]:
    if collected.startswith(_DER_SEQUENCE):
        yield from _within(pkcs7.load_der_pkcs7_certificates(collected))
        return
    text = normalise_pem(collected.decode("ascii", errors="replace"))
    if is_cut_off(text):
        raise ChainError("what was collected is cut off: a line that begins a certificate has no line that ends it")
    for block in pem_blocks(text):
        if block.label == CERTIFICATE:
            yield block.der
        elif block.label in _PKCS7_LABELS:
            yield from _within(pkcs7.load_der_pkcs7_certificates(block.der))


def _within(certificates: Iterable[x509.Certificate]) -> Iterable[bytes]:
    return (certificate.public_bytes(Encoding.DER) for certificate in certificates)


def _of_key(certificates: Sequence[FoundCertificate], public_key_digest: bytes) -> Sequence[FoundCertificate]:
    fitting = [found for found in certificates if found.key_digest == public_key_digest]
    if not fitting:
        raise OtherKeyError("none of the collected certificates belongs to the key")
    return fitting


def _of_one_subscriber(certificates: Sequence[FoundCertificate]) -> Sequence[FoundCertificate]:
    found = [certificate for certificate in certificates if not _is_authority(certificate, certificates)]
    if not found:
        raise ChainError("what was collected holds only certificates of CAs")
    if len({certificate.key_digest for certificate in found}) > 1:
        raise ChainError("what was collected holds several certificates, and it is not clear which one is meant")
    return found


def _is_authority(certificate: FoundCertificate, certificates: Sequence[FoundCertificate]) -> bool:
    """Tell a CA's certificate by what it says, or, where it says nothing, by what it signed."""
    if certificate.says_ca is not None:
        return certificate.says_ca
    return any(other is not certificate and certificate.issued(other) for other in certificates)


class _Issuing:
    """Who issued whom among some certificates; each signature is checked once, as that is what it costs."""

    def __init__(self, certificates: Sequence[FoundCertificate], authorities: Authorities) -> None:
        self._certificates = certificates
        self._authorities = authorities
        self._known: dict[tuple[FoundCertificate, FoundCertificate], bool] = {}

    def issuers_of(self, leaf: FoundCertificate) -> Sequence[FoundCertificate]:
        """Walk up from the leaf until a root, a gap or a circle ends the way."""
        path = [leaf]
        while candidates := self._candidates(path):
            only, *others = candidates
            path.append(max(candidates, key=lambda found: self._rank([*path, found])) if others else only)
        return path[1:]

    def _candidates(self, path: Sequence[FoundCertificate]) -> list[FoundCertificate]:
        """Return who may have issued the end of the path; nobody else than itself issued a root."""
        end = path[-1]
        others = [found for found in self._certificates if found not in path and self._issued(found, end)]
        return [] if others and self._issued(end, end) else others

    def _rank(self, path: Sequence[FoundCertificate]) -> tuple[bool, bool, datetime]:
        """Order those of one name and key: a cross-signed one that leads on, then a root, then the longest lived."""
        end = path[-1]
        return bool(self._candidates(path)), self._issued(end, end), end.not_after

    def _issued(self, issuer: FoundCertificate, certificate: FoundCertificate) -> bool:
        pair = issuer, certificate
        if pair not in self._known:
            self._known[pair] = self._authorities.issued(issuer, certificate)
        return self._known[pair]
