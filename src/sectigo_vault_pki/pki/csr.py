"""Certificate signing requests (PKCS#10, RFC 2986)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.errors import InvalidCsrError, InvalidInputError, KeyMismatchError
from sectigo_vault_pki.pki.keys import PrivateKey, key_kind, public_key_digest, weakness
from sectigo_vault_pki.pki.names import general_name, host_of_common_name, names_of, normalise_email, normalise_names
from sectigo_vault_pki.pki.pem import PemBlock, normalise_pem, pem_blocks

MAX_CSR_LENGTH = 32_767  # characters; scm-api.md 3.2

_LABELS = frozenset({"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})
_LABEL = "CERTIFICATE REQUEST"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_COUNTRY = re.compile(r"[A-Za-z]{2}")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a certificate is for; an empty text is the same as None."""

    common_name: str
    country: str | None = None
    state: str | None = None
    locality: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    email_address: str | None = None


@dataclass(frozen=True, slots=True)
class CertificateSigningRequest:
    """A CSR whose signature was checked.

    Attributes:
        pem: exactly one block, labelled `CERTIFICATE REQUEST`.
        common_name: empty where the subject has none.
        subject_alt_names: normalised host names, IP addresses and e-mail addresses.
        public_key_digest: SHA-256 of the SubjectPublicKeyInfo in DER.
        key_type: `rsa` or `ec`.
        key_size: bits of the modulus or of the curve.
        has_other_names: whether it asks for names besides: SANs of other kinds, more than one common name, or an
            e-mail address in its subject.
    """

    pem: str
    common_name: str
    subject_alt_names: tuple[str, ...]
    public_key_digest: bytes
    key_type: str
    key_size: int
    has_other_names: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a subject: its word in errors, its place in X.509, its upper bound (RFC 5280 appendix A.1)."""

    word: str
    oid: x509.ObjectIdentifier
    limit: int


_PARTS: Mapping[str, _Part] = MappingProxyType(
    {
        "country": _Part("country", NameOID.COUNTRY_NAME, 2),
        "state": _Part("state", NameOID.STATE_OR_PROVINCE_NAME, 128),
        "locality": _Part("locality", NameOID.LOCALITY_NAME, 128),
        "organization": _Part("organization", NameOID.ORGANIZATION_NAME, 64),
        "organizational_unit": _Part("organizational unit", NameOID.ORGANIZATIONAL_UNIT_NAME, 64),
        "common_name": _Part("common name", NameOID.COMMON_NAME, 64),
        "email_address": _Part("e-mail address", NameOID.EMAIL_ADDRESS, 255),
    }
)

# A curve is signed with the hash of its own strength (RFC 5656 6.2.1 gives the same pairs); everything else: SHA-256.
_HASHES: Mapping[tuple[str, int], hashes.SHA384 | hashes.SHA512] = MappingProxyType(
    {("ec", 384): hashes.SHA384(), ("ec", 521): hashes.SHA512()}
)


def build_csr(subject: Subject, subject_alt_names: Sequence[str], key: PrivateKey) -> CertificateSigningRequest:
    """Make a CSR: what `parse_csr` says of it, without the cost of reading and checking what was just written.

    A common name that is a host name or an IP address becomes the first SAN, as public CAs demand.

    Raises:
        InvalidInputError: a part of the subject or a SAN cannot stand in a certificate; the text names which.
    """
    names = _with_common_name(subject.common_name, normalise_names(subject_alt_names))
    return CertificateSigningRequest(
        pem=_signed(_x509_name(subject), names, key),
        common_name=subject.common_name.strip(),
        subject_alt_names=names,
        public_key_digest=key.public_key_digest,
        key_type=key.key_type,
        key_size=key.key_size,
        has_other_names=bool(subject.email_address),
    )


def _signed(subject: x509.Name, names: tuple[str, ...], key: PrivateKey) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        extension = x509.SubjectAlternativeName([general_name(name) for name in names])
        builder = builder.add_extension(extension, critical=False)
    csr = builder.sign(key.signer, _HASHES.get((key.key_type, key.key_size), hashes.SHA256())).public_bytes(
        Encoding.DER
    )
    pem = PemBlock(_LABEL, csr).text
    if len(pem) > MAX_CSR_LENGTH:
        raise InvalidInputError(f"too many subject alternative names: the CSR exceeds {MAX_CSR_LENGTH} characters")
    return pem


def parse_csr(pem: str) -> CertificateSigningRequest:
    """Read a CSR and check the signature it carries.

    Raises:
        InvalidCsrError: it is none, is signed by another key, or asks for what no CA here could certify.
    """
    block = _csr_block(pem)
    try:
        csr = x509.load_der_x509_csr(block.der)
        signature_is_valid = csr.is_signature_valid
        public_key = csr.public_key()
        common_name = common_name_of(csr.subject)
        names, has_other_kinds = _names_in(csr)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidCsrError("the CSR cannot be read: an RSA or EC CSR in PEM is needed") from None
    if not signature_is_valid:
        raise InvalidCsrError("the CSR's signature is wrong: it is damaged, or was signed by another key")
    problem = weakness(public_key)
    if problem is not None:
        raise InvalidCsrError(f"the CSR's key is not supported: {problem}")
    key_type, key_size = key_kind(public_key)
    return CertificateSigningRequest(
        pem=PemBlock(_LABEL, block.der).text,
        common_name=common_name,
        subject_alt_names=_normalised(names),
        public_key_digest=public_key_digest(public_key),
        key_type=key_type,
        key_size=key_size,
        has_other_names=has_other_kinds or _has_other_names(csr.subject),
    )


def check_key_fits(csr: CertificateSigningRequest, key: PrivateKey) -> None:
    """Make sure that a CSR was made with a key.

    Raises:
        KeyMismatchError: it was not.
    """
    if csr.public_key_digest != key.public_key_digest:
        raise KeyMismatchError("the private key does not belong to the CSR")


def common_name_of(name: x509.Name) -> str:
    """Return the most specific common name of a subject, empty where it has none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else ""


def _csr_block(pem: str) -> PemBlock:
    if len(pem) > MAX_CSR_LENGTH:
        raise InvalidCsrError(f"the CSR is longer than {MAX_CSR_LENGTH} characters")
    try:
        blocks = [block for block in pem_blocks(normalise_pem(pem)) if block.label in _LABELS]
    except ValueError:
        raise InvalidCsrError("the CSR cannot be read: its PEM is no base64") from None
    if len(blocks) != 1:
        raise InvalidCsrError(f"exactly one PEM block CERTIFICATE REQUEST is needed, there are {len(blocks)}")
    return blocks[0]


def _names_in(csr: x509.CertificateSigningRequest) -> tuple[tuple[str, ...], bool]:
    """Return the SANs that can be written as text, and whether there are others."""
    try:
        extension = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return (), False
    names = names_of(extension.value)
    return names, len(names) < len(list(extension.value))


def _has_other_names(subject: x509.Name) -> bool:
    common_names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return len(common_names) > 1 or bool(subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS))


def _normalised(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return normalise_names(names)
    except InvalidInputError as error:
        raise InvalidCsrError(f"the CSR has an unusable subject alternative name: {error}") from None


def _with_common_name(common_name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    host = host_of_common_name(common_name)
    return names if host is None or host in names else (host, *names)


def _x509_name(subject: Subject) -> x509.Name:
    values = ((part, getattr(subject, attribute)) for attribute, part in _PARTS.items())
    attributes = [x509.NameAttribute(part.oid, _checked(part, value)) for part, value in values if value]
    if not subject.common_name:
        raise InvalidInputError("common name is missing")
    return x509.Name(attributes)


def _checked(part: _Part, text: str) -> str:
    value = text.strip()
    if part.oid == NameOID.COUNTRY_NAME:
        return _country(value)
    if not value:
        raise InvalidInputError(f"{part.word} consists of blanks only")
    if len(value) > part.limit:
        raise InvalidInputError(f"{part.word} is longer than {part.limit} characters")
    if _CONTROL.search(value):
        raise InvalidInputError(f"{part.word} contains control characters")
    if part.oid == NameOID.COMMON_NAME and not value.isascii() and _reads_as_host(value):
        raise InvalidInputError("common name has characters outside ASCII: write international names as xn--…")
    return _email_address(value) if part.oid == NameOID.EMAIL_ADDRESS else value


def _reads_as_host(common_name: str) -> bool:
    """Tell a host's name from a person's, which may be written in any letters."""
    return "." in common_name and " " not in common_name


def _email_address(value: str) -> str:
    try:
        return normalise_email(value)
    except InvalidInputError as error:
        raise InvalidInputError(f"e-mail address is {error}") from None


def _country(value: str) -> str:
    if not _COUNTRY.fullmatch(value):
        raise InvalidInputError("country is not a code of exactly 2 letters, such as DE")
    return value.upper()
