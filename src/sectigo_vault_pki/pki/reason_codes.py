"""Reasons to revoke a certificate (RFC 5280 5.3.1)."""

from collections.abc import Mapping
from types import MappingProxyType

# Those that CAs take from subscribers (CA/B Forum Baseline Requirements 4.9.1.1), which are those that SCM takes.
_CODES: Mapping[str, int] = MappingProxyType(
    {
        "unspecified": 0,
        "keycompromise": 1,
        "affiliationchanged": 3,
        "superseded": 4,
        "cessationofoperation": 5,
    }
)


def reason_code_of(reason: str) -> int | None:
    """Return the code of a reason that is one of RFC 5280's words, in any case; None for a text in other words."""
    return _CODES.get(reason.strip().lower())
