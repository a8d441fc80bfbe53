"""The lists of orders: pages of them, and by what they can be filtered (scm-api.md 2, 3.8, 4.2 and 13.2)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.certificates import (
    SIGNATURE_ALGORITHM,
    extended_key_usages,
    fingerprint,
    key_usages,
)
from sectigo_vault_pki.scm_simulator.model.ca import VENDOR
from sectigo_vault_pki.scm_simulator.model.orders import Issued, Order, parse_serial_number, state_of

LARGEST_PAGE = 200

Filter = Callable[[Order, str, datetime], bool]
"""Whether the order fits the value of a query parameter at that time."""


@dataclass(frozen=True)
class Page:
    """A part of a list, and how long the whole list is."""

    orders: Sequence[Order]
    total: int


def find(orders: Iterable[Order], query: Mapping[str, str], now: datetime, filters: Mapping[str, Filter]) -> Page:
    """Filter and cut out a page; parameters that SCM does not know are ignored.

    Raises:
        Problem: -1601 for a bad `size` or `position`.
    """
    size, position = page_of(query)
    wanted = [(filters[name], value) for name, value in query.items() if name in filters]
    found = [order for order in orders if all(matches(order, value, now) for matches, value in wanted)]
    return Page(orders=found[position : position + size], total=len(found))


def page_of(query: Mapping[str, str]) -> tuple[int, int]:
    """Return the size of a page and where it begins."""
    size = number(query, "size", default=LARGEST_PAGE, largest=LARGEST_PAGE)
    return size, number(query, "position", default=0, largest=None)


def number(query: Mapping[str, str], name: str, *, default: int, largest: int | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len("2147483647")):
        raise scm_problems.invalid_value(name)
    value = int(text)
    if largest is not None and value > largest:
        raise scm_problems.invalid_value(name)
    return value


def _within(text: str, wanted: str) -> bool:
    return wanted.lower() in text.lower()


def _same(text: str, wanted: str) -> bool:
    return wanted.lower() == text.lower()


def _serial_number(order: Order, wanted: str, _now: datetime) -> bool:
    serial_number = parse_serial_number(wanted)
    if serial_number is None or order.current is None:
        return False
    return order.current.serial_number == serial_number


def _hash(algorithm: hashes.HashAlgorithm) -> Filter:
    def matches(order: Order, wanted: str, _now: datetime) -> bool:
        if order.current is None:
            return False
        return _same(fingerprint(order.current.certificate, algorithm), wanted.replace(":", ""))

    return matches


def _issuer(order: Order, wanted: str, _now: datetime) -> bool:
    return order.current is not None and _within(order.current.certificate.issuer.rfc4514_string(), wanted)


def _usage(order: Order, wanted: str, _now: datetime) -> bool:
    return any(_same(usage, wanted) for usage in _shown(order, key_usages))


def _extended_usage(order: Order, wanted: str, _now: datetime) -> bool:
    return any(_same(usage, wanted) for usage in _shown(order, extended_key_usages))


def _shown(order: Order, view: Callable[[x509.Certificate], list[str]]) -> list[str]:
    return [] if order.current is None else view(order.current.certificate)


def _signature(order: Order, wanted: str, _now: datetime) -> bool:
    return order.current is not None and _same(SIGNATURE_ALGORITHM, wanted)


def _any_name(order: Order, wanted: str, _now: datetime) -> bool:
    return any(_within(name, wanted) for name in order.request.names)


_COMMON: Mapping[str, Filter] = {
    "serialNumber": _serial_number,
    "keyAlgorithm": lambda order, wanted, _now: _same(order.request.csr.algorithm, wanted),
    "keyParam": lambda order, wanted, _now: _same(order.request.csr.size, wanted),
}

# That names match in part is inferred: clients have to look at what they get.
SSL_FILTERS: Mapping[str, Filter] = {
    **_COMMON,
    "commonName": lambda order, wanted, _now: _within(order.request.common_name, wanted),
    "subjectAlternativeName": _any_name,
    "status": lambda order, wanted, now: _same(order.status(now), wanted),
    "sslTypeId": lambda order, wanted, _now: str(order.subscription.profile.id) == wanted,
    "orgId": lambda order, wanted, _now: str(order.subscription.organization.id) == wanted,
    "vendor": lambda _order, wanted, _now: _same(VENDOR, wanted),
    "issuer": _issuer,
    "requester": lambda order, wanted, _now: _same(order.requester, wanted),
    "externalRequester": lambda order, wanted, _now: _within(order.subscription.external_requester, wanted),
    "keySize": lambda order, wanted, _now: str(order.request.csr.public_key.key_size) == wanted,
    "sha1Hash": _hash(hashes.SHA1()),  # noqa: S303 - a field of SCM's, no protection
    "md5Hash": _hash(hashes.MD5()),  # noqa: S303 - a field of SCM's, no protection
    "requestedVia": lambda _order, wanted, _now: wanted.upper() in {"API", "REST"},
}

_LARGEST_WINDOW = 200  # days, scm-api.md 13.2


def _window(name: str, moment: Callable[[Order], datetime | None], *, ahead: bool = False) -> Filter:
    """Filter by a time that was in the last days, or is in the next ones."""

    def matches(order: Order, wanted: str, now: datetime) -> bool:
        if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:9]) <= _LARGEST_WINDOW):
            raise scm_problems.invalid_value(name)
        days, then = timedelta(days=int(wanted)), moment(order)
        if then is None:
            return False
        return now <= then <= now + days if ahead else now - days <= then <= now

    return matches


def _current(order: Order, attribute: Callable[[Issued], datetime | None]) -> datetime | None:
    return None if order.current is None else attribute(order.current)


SSL_V2_FILTERS: Mapping[str, Filter] = {
    **SSL_FILTERS,
    "expiresIn": _window("expiresIn", lambda order: _current(order, lambda issued: issued.not_after), ahead=True),
    "issuedIn": _window("issuedIn", lambda order: _current(order, lambda issued: issued.issued_at)),
    "renewedIn": _window("renewedIn", lambda order: order.renewed_at),
    "requestedIn": _window("requestedIn", lambda order: order.requested_at),
    "renewed": lambda order, wanted, _now: _same(str(order.renewed_to is not None), wanted),
    "sha256Hash": _hash(hashes.SHA256()),
}

CLIENT_FILTERS: Mapping[str, Filter] = {
    **_COMMON,
    "state": lambda order, wanted, now: _same(state_of(order, now), wanted),
    "certTypeId": lambda order, wanted, _now: str(order.subscription.profile.id) == wanted,
    "backendCertId": lambda order, wanted, _now: str(order.order_number) == wanted,
    "email": _any_name,
    "signatureAlgorithm": _signature,
    "keyUsage": _usage,
    "extendedKeyUsage": _extended_usage,
}
