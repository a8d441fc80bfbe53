"""Orders: the facts of each, and what follows from them.

Status is never stored (scm-api.md 3.10): it is read off the facts, so it cannot disagree with them.
"""

import ipaddress
import re
import string
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sectigo_vault_pki.scm_simulator.model.tenant import Organization, Profile

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


_LONGEST_SERIAL_NUMBER = 40  # hex digits, RFC 5280 4.1.2.2

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class Kind(StrEnum):
    """Which of the two APIs an order came through."""

    SSL = "ssl"
    CLIENT = "client"


class Status(StrEnum):
    """SCM's words (scm-api.md 3.8), those that an order through this API can reach and stay in."""

    REQUESTED = "Requested"
    DECLINED = "Declined"
    APPLIED = "Applied"
    REJECTED = "Rejected"
    ISSUED = "Issued"
    REVOKED = "Revoked"
    EXPIRED = "Expired"


@dataclass(frozen=True)
class Person:
    """Whose client certificate it is (scm-api.md 4.1)."""

    email: str
    first_name: str
    last_name: str
    middle_name: str = ""
    secondary_emails: tuple[str, ...] = ()
    phone: str = ""
    eppn: str = ""
    upn: str = ""

    @property
    def full_name(self) -> str:
        return " ".join(name for name in (self.first_name, self.middle_name, self.last_name) if name)


@dataclass(frozen=True)
class Subscription:
    """What an order is about beyond its names and key; a renewal takes it over.

    A client certificate has a `person`, a server's has none.
    """

    organization: Organization
    profile: Profile
    term: int
    comments: str = ""
    external_requester: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()
    person: Person | None = None


@dataclass(frozen=True)
class Csr:
    """A CSR whose signature was checked.

    Attributes:
        public_key: RSA or EC.
        algorithm: "RSA" or "EC".
        size: The bits or the curve, as a profile writes them.
        common_name: Of the subject; empty if there is none.
        public_key_sha256: Hex, over the SubjectPublicKeyInfo in DER.
        der: The whole CSR.
    """

    public_key: PublicKey
    algorithm: str
    size: str
    common_name: str
    public_key_sha256: str
    der: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class CertificateRequest:
    """The certificate that is wanted; the names are a server's, or a person's mail addresses.

    `dcv_mode` and `dcv_email` are how the names are to be validated, if the order says so (scm-api.md 13.3).
    """

    csr: Csr
    common_name: str
    names: tuple[str, ...]
    dcv_mode: str | None = None
    dcv_email: str | None = None


@dataclass(eq=False)
class InFlight:
    """A certificate request that the CA works on.

    Attributes:
        request: What is wanted.
        ordered_at: When SCM took it.
        not_after: Kept from the certificate it replaces, or None.
        polls: How many collects were told to wait.
        polled_at: The last of them.
        forced_at: When the control listener had it issued.
        rejected_at: When the CA refused it.
    """

    request: CertificateRequest
    ordered_at: datetime
    not_after: datetime | None = None
    polls: int = 0
    polled_at: datetime | None = None
    forced_at: datetime | None = None
    rejected_at: datetime | None = None


@dataclass(eq=False)
class Issued:
    """A certificate that was signed, with its revocation."""

    certificate: x509.Certificate
    request: CertificateRequest
    issued_at: datetime
    revoked_at: datetime | None = None
    reason_code: int | None = None
    reason: str = ""

    def revoke(self, now: datetime, *, reason: str, code: int) -> None:
        self.revoked_at, self.reason, self.reason_code = now, reason, code

    @property
    def serial_number(self) -> int:
        return self.certificate.serial_number

    @property
    def not_after(self) -> datetime:
        return self.certificate.not_valid_after_utc


@dataclass(eq=False)
class Order:
    """One order under one SCM id. A replacement stays under it, a renewal is another order (scm-api.md 6.3).

    Attributes:
        id: SCM's own id.
        renew_id: The other handle for renewals; a client order has none.
        order_number: The CA's number.
        issued: The certificates signed so far, oldest first.
        in_flight: The request under way.
        renewed_to: The handle of its newest renewal.
        renewed_from: The handle of the order that it renews.
        collects: How often it was asked for, whatever the answer.
        dcv_rechecks: How often its validation was looked at again.
    """

    id: int
    renew_id: str | None
    order_number: int
    subscription: Subscription
    requester: str
    requested_at: datetime
    in_flight: InFlight | None
    approved_at: datetime | None = None
    declined_at: datetime | None = None
    message: str = ""
    issued: list[Issued] = field(default_factory=list)
    replaced_at: datetime | None = None
    renewed_at: datetime | None = None
    renewed_to: int | None = None
    renewed_from: int | None = None
    collects: int = 0
    dcv_rechecks: int = 0

    @property
    def kind(self) -> Kind:
        return Kind.SSL if self.subscription.person is None else Kind.CLIENT

    @property
    def ssl_id(self) -> int:
        """SCM's own id, as the SSL API calls it."""
        return self.id

    @property
    def handle(self) -> int:
        """The number that the API's paths take: the id of an SSL order, the order number of a client order."""
        return self.id if self.kind is Kind.SSL else self.order_number

    @property
    def current(self) -> Issued | None:
        """The newest certificate."""
        return self.issued[-1] if self.issued else None

    @property
    def request(self) -> CertificateRequest:
        """The newest request, whether issued or under way."""
        if self.in_flight is not None:
            return self.in_flight.request
        return self.issued[-1].request

    def status(self, now: datetime) -> Status:
        if self.in_flight is not None:
            return self._status_before_issue(self.in_flight)
        current = self.issued[-1]
        if current.revoked_at is not None:
            return Status.REVOKED
        return Status.EXPIRED if current.not_after <= now else Status.ISSUED

    def _status_before_issue(self, in_flight: InFlight) -> Status:
        if self.declined_at is not None:
            return Status.DECLINED
        if self.approved_at is None:
            return Status.REQUESTED
        return Status.APPLIED if in_flight.rejected_at is None else Status.REJECTED


# The client certificate API has no word for an order that waits at the CA: that it is "requested", as before the
# approval, is inferred.
_CLIENT_STATES: Mapping[Status, str] = {
    Status.REQUESTED: "requested",
    Status.APPLIED: "requested",
    Status.DECLINED: "rejected",
    Status.REJECTED: "rejected",
    Status.ISSUED: "issued",
    Status.REVOKED: "revoked",
    Status.EXPIRED: "expired",
}


def state_of(order: Order, now: datetime) -> str:
    """Return the status in the client certificate API's words (scm-api.md 4.2)."""
    return _CLIENT_STATES[order.status(now)]


def colon_hex(serial_number: int) -> str:
    """Return a serial number as SCM writes it: upper-case octets, colons between them."""
    octets = serial_number.to_bytes((serial_number.bit_length() + 7) // 8 or 1)
    return octets.hex(":").upper()


def parse_serial_number(text: str) -> int | None:
    """Read a serial number in hex, with or without colons; None if it is none (scm-api.md 3.7)."""
    digits = text.replace(":", "")
    if not digits or len(digits) > _LONGEST_SERIAL_NUMBER or not set(digits) <= set(string.hexdigits):
        return None
    return int(digits, 16)
