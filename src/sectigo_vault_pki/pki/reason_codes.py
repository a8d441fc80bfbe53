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
_NUMBERS = frozenset(map(str, _CODES.values()))


def reason_code_of(reason: str) -> int | None:
    """Return the code of a reason of RFC 5280, named in either spelling and any case, or by its number.

    The spellings are the standard's own and that of most APIs, such as `keyCompromise` and `key_compromise`. None for a
    text in other words.
    """
    word = reason.strip().lower().replace("_", "")
    return _CODES.get(word, int(word) if word in _NUMBERS else None)
