"""Subject alternative names: host names, IP addresses and e-mail addresses as text."""

import ipaddress
import re
from collections.abc import Iterable

import idna
from cryptography import x509
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.errors import InvalidInputError

MAX_DNS_NAME_LENGTH = 253
MAX_EMAIL_LENGTH = 254
_MAX_SHOWN = 100
_MAX_LOCAL_PART_LENGTH = 64  # RFC 5321 4.5.3.1.1

# Underscores are no host name characters, yet private CAs certify them; whether one may is the CA's say.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DNS_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NUMERIC_TLD = re.compile(r"(?:.*\.)?[0-9]+")
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322 3.2.3
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]+")  # without a zone, which says nothing outside one machine
WRITTEN_AS_TEXT = (x509.DNSName, x509.RFC822Name, x509.IPAddress)
_LOCAL_PART = re.compile(rf"{_ATEXT}(?:\.{_ATEXT})*")


def normalise_name(text: str) -> str:
    """Give a host name, IP address or e-mail address the one form it is compared in.

    Host names are lower case without a dot at the end, with at most one `*` as the whole first label; international
    ones become A-labels. IP addresses are in their shortest form. An e-mail address keeps the case of its local part.

    Raises:
        InvalidInputError: it is none of them.
    """
    name = text.strip()
    if "@" in name:
        return normalise_email(name)
    if not name.isascii():
        return _dns_name(a_labels(name))
    return _ip_address(name) or _dns_name(name)


def a_labels(name: str) -> str:
    """Write an international host name in ASCII; one that is ASCII stays as it is.

    Letters are mapped as UTS #46 says, without its transitional part and with STD3's rules: capitals become small, the
    dots of East Asian scripts separate labels. What comes out has to be valid by IDNA 2008 (RFC 5891).

    Raises:
        InvalidInputError: it is not.
    """
    if name.isascii():
        return name
    if len(name) > MAX_DNS_NAME_LENGTH:
        raise InvalidInputError(f"longer than {MAX_DNS_NAME_LENGTH} characters")
    wildcard = "*." if name.startswith("*.") else ""
    try:
        host = idna.encode(name.removeprefix(wildcard), uts46=True, std3_rules=True).decode("ascii")
    except UnicodeError:
        raise InvalidInputError("not a valid international host name (IDNA 2008)") from None
    return wildcard + host


def normalise_email(text: str) -> str:
    """Lower the domain of an e-mail address, and write an international one in ASCII.

    Raises:
        InvalidInputError: it is none.
    """
    local_part, at, domain = text.strip().rpartition("@")
    domain = a_labels(domain)
    address = f"{local_part}{at}{domain}"
    if (
        len(address) > MAX_EMAIL_LENGTH
        or len(local_part) > _MAX_LOCAL_PART_LENGTH
        or not _LOCAL_PART.fullmatch(local_part)
        or not is_host_name(domain)
    ):
        raise InvalidInputError("not an e-mail address")
    return f"{local_part}@{domain.lower()}"


def normalise_names(names: Iterable[str]) -> tuple[str, ...]:
    """Normalise each name and drop repeats; the order stays.

    Raises:
        InvalidInputError: one of them is no host name, IP address or e-mail address; the text says which by its place,
            as the name itself might be something secret in the wrong field.
    """
    normalised: dict[str, None] = {}
    for place, name in enumerate(names, start=1):
        try:
            normalised[normalise_name(name)] = None
        except InvalidInputError as error:
            raise InvalidInputError(f"name {place} is {error}") from None
    return tuple(normalised)


def is_host_name(text: str) -> bool:
    """Tell whether text is a host name without a wildcard."""
    name = text.lower()
    return "*" not in name and _is_dns_name(name)


def is_ip_address(text: str) -> bool:
    """Tell whether text is an IP address."""
    return _ip_address(text) is not None


def host_of_common_name(common_name: str) -> str | None:
    """Return the name under which a common name joins the SANs, or None if it is no host.

    Public CAs demand that a common name which is a host name or an IP address is also a SAN (CA/B Forum Baseline
    Requirements 7.1.4.3). A single word is taken for a person's or a machine's name.
    """
    name = common_name.strip()
    if not name.isascii():
        return None
    lowered = name.lower().removesuffix(".")
    if "." in lowered and _is_dns_name(lowered):
        return lowered
    return _ip_address(name)


def general_name(name: str) -> x509.GeneralName:
    """Return the X.509 form of a name that went through `normalise_name`."""
    if "@" in name:
        return x509.RFC822Name(name)
    if _ip_address(name) is not None:
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def names_of(extension: x509.SubjectAlternativeName) -> tuple[str, ...]:
    """Return the host names, IP addresses and e-mail addresses of a certificate or CSR; other kinds are left out.

    So is an empty name: the vendor's former plugin wrote one into every CSR that it was to have no name in.
    """
    names = (str(entry.value) for entry in extension if isinstance(entry, WRITTEN_AS_TEXT))
    return tuple(name for name in names if name)


def has_control_characters(text: str) -> bool:
    """Tell whether text holds what no name on paper has: a line end, a NUL, an escape."""
    return _CONTROL.search(text) is not None


def printable(text: str) -> str:
    """Return somebody else's text as it may stand in a message: one line of at most 100 characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:_MAX_SHOWN])


def common_name_of(name: x509.Name) -> str:
    """Return the most specific common name of a subject, empty where it has none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else ""


def name_attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    """Return one part of a subject, whose length the caller has checked.

    X.520 bounds the characters of a string, `cryptography` the bytes of its UTF-8: it refuses 33 umlauts as a common
    name, and with `_validate` off, as it has it for names that it reads, it warns.
    """
    return x509.NameAttribute(oid, value, _validate=value.isascii())


def _dns_name(text: str) -> str:
    name = text.lower().removesuffix(".")
    if not _is_dns_name(name):
        raise InvalidInputError("not a host name, IP address or e-mail address")
    return name


def _is_dns_name(name: str) -> bool:
    return (
        0 < len(name) <= MAX_DNS_NAME_LENGTH
        and _DNS_NAME.fullmatch(name) is not None
        and _NUMERIC_TLD.fullmatch(name) is None
    )


def _ip_address(text: str) -> str | None:
    if not _ADDRESS.fullmatch(text):
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
