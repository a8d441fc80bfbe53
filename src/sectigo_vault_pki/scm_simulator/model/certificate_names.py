"""Names that stand in a certificate."""

import ipaddress
import re
import warnings
from collections.abc import Iterable

from cryptography import x509

LONGEST_COMMON_NAME = 64  # RFC 5280 appendix A.1, ub-common-name

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DNS_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_LONGEST_DNS_NAME = 253  # RFC 1035 2.3.4, as text


def is_server_name(text: str) -> bool:
    """Whether it is an IP address or a DNS name, which may start with one wildcard label."""
    if _is_ip_address(text):
        return True
    return len(text) <= _LONGEST_DNS_NAME and _DNS_NAME.fullmatch(text) is not None


def general_name(text: str) -> x509.GeneralName:
    if _is_ip_address(text):
        return x509.IPAddress(ipaddress.ip_address(text))
    return x509.DNSName(text)


def name_attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    """Return one part of a subject that has as many characters as X.520 allows; `cryptography` counts bytes."""
    if value.isascii():
        return x509.NameAttribute(oid, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return x509.NameAttribute(oid, value, _validate=False)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names in order, each once whatever its case."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.lower(), name)
    return tuple(first.values())


def _is_ip_address(text: str) -> bool:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return getattr(address, "scope_id", None) is None
