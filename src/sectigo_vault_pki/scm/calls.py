"""Calls that look the same for every kind of certificate."""

from collections.abc import Iterable, Mapping
from typing import Any

from sectigo_vault_pki.scm.codes import REVOKE
from sectigo_vault_pki.scm.exchange import Call

_READ_TIMEOUT = 300.0  # seconds; enrolling can be slow (scm-api.md 2), and giving up leaves an order unsettled


def order_call(operation: str, path: str, body: Mapping[str, Any] | None) -> Call:
    """Return a call that orders something, with the time that takes."""
    return Call(operation, "POST", path, body=body, read_timeout=_READ_TIMEOUT, is_order=True)


def revocation_call(path: str, reason: str, reason_code: int | None) -> Call:
    """Return a call that revokes; made twice, it revokes once."""
    code = {} if reason_code is None else {"reasonCode": reason_code}
    return Call(REVOKE, "POST", path, body={"reason": reason, **code})


def named_values(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Return custom fields in SCM's shape."""
    return [{"name": name, "value": value} for name, value in pairs]
