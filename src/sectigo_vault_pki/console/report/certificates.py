"""The certificates of a report, and what each one's facts amount to at one moment."""

import enum
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

DAY = 86_400
SOON_DAYS, URGENT_DAYS = 30, 7
_SHARE_OF_LIFE = 3
"""A third of its life before its end a certificate becomes due at the latest, however short it lives."""


class Certificate(NamedTuple):
    """One certificate or order, as the list shows it; everything in it may come from somebody else.

    Attributes:
        not_before, not_after: unix seconds; None while nothing is issued.
        serial_number: hexadecimal digits with colons; empty while nothing is issued.
        renewed_to: the unique id of its successor, or empty; `renewed_from` of its predecessor.
    """

    config: str
    unique_id: str
    common_name: str
    dns_names: tuple[str, ...]
    status: str
    issuer: str
    key_type: str
    key_bits: int
    not_before: int | None
    not_after: int | None
    serial_number: str
    requested_by: str
    renewed_to: str
    renewed_from: str

    @property
    def key(self) -> str:
        """Type and size of the key, such as `RSA 2048`."""
        return f"{self.key_type.upper()} {self.key_bits}".strip() if self.key_bits else self.key_type.upper()


class State(enum.StrEnum):
    """What a certificate's facts amount to; the first that applies, in this order."""

    REVOKED = "revoked"
    UNSETTLED = "unsettled"
    """An order whose outcome is unknown."""
    PENDING = "pending"
    """Ordered, and not issued yet."""
    REPLACED = "renewed"
    """A newer certificate has taken its place."""
    EXPIRED = "expired"
    URGENT = "urgent"
    SOON = "soon"
    VALID = "valid"


IN_USE = frozenset({State.EXPIRED, State.URGENT, State.SOON, State.VALID})
"""Those whose end matters: nothing has taken their place."""


def state_of(certificate: Certificate, now: int) -> State:
    """Return what a certificate's facts amount to at `now`, in unix seconds."""
    if certificate.status == "Revoked":
        return State.REVOKED
    if certificate.status == "Unsettled":
        return State.UNSETTLED
    if certificate.not_after is None:
        return State.PENDING
    if certificate.renewed_to or certificate.status == "Renewed":
        return State.REPLACED
    return _state_in_use(certificate.not_after - (certificate.not_before or 0), certificate.not_after - now)


def _state_in_use(life: int, left: int) -> State:
    for state, end in ((State.EXPIRED, 0), (State.URGENT, URGENT_DAYS * DAY), (State.SOON, SOON_DAYS * DAY)):
        if left <= min(end, life // _SHARE_OF_LIFE):
            return state
    return State.VALID


def certificate_from(config: str, unique_id: str, info: Mapping[str, Any], words: dict[str, str]) -> Certificate:
    """Return what an entry of `key_info` says.

    Args:
        config: the config entry whose list it is in.
        unique_id: the entry's key.
        info: the entry.
        words: every text that comes again, so that it is kept once; grows.
    """

    def text(name: str) -> str:
        value = str(info.get(name) or "")
        return words.setdefault(value, value)

    bits = info.get("key_bits")
    return Certificate(
        config=text("config") or config,
        unique_id=str(info.get("unique_id") or unique_id),
        common_name=str(info.get("common_name") or ""),
        dns_names=tuple(map(str, info.get("dns_names") or ())),
        status=text("status"),
        issuer=text("issuer"),
        key_type=text("key_type"),
        key_bits=bits if isinstance(bits, int) else 0,
        not_before=seconds_from(info.get("not_before")),
        not_after=seconds_from(info.get("not_after")),
        serial_number=str(info.get("serial_number") or ""),
        requested_by=text("requested_by"),
        renewed_to=str(info.get("renewed_to") or ""),
        renewed_from=str(info.get("renewed_from") or ""),
    )


def seconds_from(text: object) -> int | None:
    """Return a moment of RFC 3339 in unix seconds; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def rfc3339(seconds: int | None) -> str:
    """Return unix seconds as RFC 3339; empty for None."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
