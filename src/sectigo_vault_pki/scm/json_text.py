"""JSON as it comes from outside, read without surprises."""

import json
from typing import Any


def parse(body: bytes) -> Any:
    """Read a body that should be JSON: a byte order mark and bytes that are no UTF-8 do not spoil it.

    `NaN` and the infinities, which are no JSON, are read as null; of equal names the last one counts.

    Raises:
        ValueError: it is none, or none that anybody would send: too deep, a number too long.
    """
    try:
        return json.loads(body.decode("utf-8-sig", errors="replace"), parse_constant=lambda _word: None)
    except RecursionError:
        raise ValueError("nested too deep") from None


def whole(value: str) -> str:
    """Return text that every encoder takes: half of a surrogate pair, which JSON can carry, becomes a question mark."""
    return value.encode("utf-8", errors="replace").decode()
