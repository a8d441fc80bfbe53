"""Certificate signing requests (PKCS#10, RFC 2986): what is known of one, and how one is made."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.errors import InvalidInputError, KeyMismatchError
from sectigo_vault_pki.pki.der import decoded
from sectigo_vault_pki.pki.keys import PrivateKey
from sectigo_vault_pki.pki.names import (
    general_name,
    has_control_characters,
    host_of_common_name,
    name_attribute,
    normalise_email,
    normalise_names,
)
from sectigo_vault_pki.pki.pem import PemBlock

MAX_CSR_LENGTH = 32_767  # characters; scm-api.md 3.2
CSR_LABEL = "CERTIFICATE REQUEST"

ROLE_SUBJECT_FIELDS = frozenset(
    {"country", "province", "locality", "organization", "ou", "street_address", "postal_code"}
)
"""The parts of a subject that a role of Vault's pki sets, in its words."""

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
        subject_fields: what its subject has besides the common name, as pairs of word and value in the CSR's order. The
            words are those of `ROLE_SUBJECT_FIELDS`, `common_name` for any but the last one, `email_address`,
            `serial_number`, `user_id`, `domain_component`, `unstructured_name`, or an object identifier.
        other_names: names that it asks for and nobody orders, such as `URI urn:a`: SANs of other kinds, and names in
            other places.
        privileges: what it asks for beyond the certificate of a server or client, such as `basicConstraints CA:TRUE`.
    """

    pem: str
    common_name: str
    subject_alt_names: tuple[str, ...]
    public_key_digest: bytes
    key_type: str
    key_size: int
    subject_fields: tuple[tuple[str, str], ...] = ()
    other_names: tuple[str, ...] = ()
    privileges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a subject: its word in errors, its place in X.509, its upper bound (RFC 5280 appendix A.1).

    Attributes:
        limit: in characters.
        field: its word among `subject_fields`.
    """

    word: str
    oid: x509.ObjectIdentifier
    limit: int
    field: str


_PARTS: Mapping[str, _Part] = MappingProxyType(
    {
        "country": _Part("country", NameOID.COUNTRY_NAME, 2, "country"),
        "state": _Part("state", NameOID.STATE_OR_PROVINCE_NAME, 128, "province"),
        "locality": _Part("locality", NameOID.LOCALITY_NAME, 128, "locality"),
        "organization": _Part("organization", NameOID.ORGANIZATION_NAME, 64, "organization"),
        "organizational_unit": _Part("organizational unit", NameOID.ORGANIZATIONAL_UNIT_NAME, 64, "ou"),
        "common_name": _Part("common name", NameOID.COMMON_NAME, 64, "common_name"),
        "email_address": _Part("e-mail address", NameOID.EMAIL_ADDRESS, 255, "email_address"),
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
    parts = _checked_parts(subject)
    pem = decoded(
        lambda: _signed(parts, names, key), InvalidInputError, "the subject or a name cannot be written into a CSR"
    )
    return CertificateSigningRequest(
        pem=pem,
        common_name=subject.common_name.strip(),
        subject_alt_names=names,
        public_key_digest=key.public_key_digest,
        key_type=key.key_type,
        key_size=key.key_size,
        subject_fields=tuple((part.field, value) for part, value in parts if part.oid != NameOID.COMMON_NAME),
    )


def _signed(parts: Sequence[tuple[_Part, str]], names: tuple[str, ...], key: PrivateKey) -> str:
    subject = x509.Name([name_attribute(part.oid, value) for part, value in parts])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        extension = x509.SubjectAlternativeName([general_name(name) for name in names])
        builder = builder.add_extension(extension, critical=False)
    csr = builder.sign(key.signer, _HASHES.get((key.key_type, key.key_size), hashes.SHA256())).public_bytes(
        Encoding.DER
    )
    pem = PemBlock(CSR_LABEL, csr).text
    if len(pem) > MAX_CSR_LENGTH:
        raise InvalidInputError(f"too many subject alternative names: the CSR exceeds {MAX_CSR_LENGTH} characters")
    return pem


def subject_of(name: x509.Name) -> Subject:
    """Return the parts of a subject that a CSR can be made with, of each the most specific value."""
    found = {
        part.oid: attribute.value for part in _PARTS.values() for attribute in name.get_attributes_for_oid(part.oid)
    }
    parts = {attribute: str(found.get(part.oid, "")) for attribute, part in _PARTS.items()}
    return Subject(**{attribute: value for attribute, value in parts.items() if value or attribute == "common_name"})


def check_key_fits(csr: CertificateSigningRequest, key: PrivateKey) -> None:
    """Make sure that a CSR was made with a key.

    Raises:
        KeyMismatchError: it was not.
    """
    if csr.public_key_digest != key.public_key_digest:
        raise KeyMismatchError("the private key does not belong to the CSR")


def _with_common_name(common_name: str, names: tuple[str, ...]) -> tuple[str, ...]:
    host = host_of_common_name(common_name)
    return names if host is None or host in names else (host, *names)


def _checked_parts(subject: Subject) -> Sequence[tuple[_Part, str]]:
    values = ((part, getattr(subject, attribute)) for attribute, part in _PARTS.items())
    parts = [(part, _checked(part, value)) for part, value in values if value]
    if not subject.common_name:
        raise InvalidInputError("common name is missing")
    return parts


def _checked(part: _Part, text: str) -> str:
    value = text.strip()
    if part.oid == NameOID.COUNTRY_NAME:
        return _country(value)
    if not value:
        raise InvalidInputError(f"{part.word} consists of blanks only")
    if len(value) > part.limit:
        raise InvalidInputError(f"{part.word} is longer than {part.limit} characters")
    if has_control_characters(value):
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
