"""The certificates in the form that the page carries: column by column, deflated, in base64.

`page/data.js` reads it back. A column is one of

* `{"words": […], "at": […]}`: each row's place in a list of words;
* `{"first": n, "steps": […]}`: numbers, each as the difference to the one before; -1 stands for none;
* a list with a value for each row; of successors: the row's number, counted from 1, or an id that is not listed, or 0.
"""

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from sectigo_vault_pki.console.report.certificates import Certificate, state_of
from sectigo_vault_pki.console.report.summary import Report

_MINUTE = 60
_BEST = 9


def packed(report: Report) -> str:
    """Return the report's data as base64 of zlib's format; the alphabet needs no escaping anywhere."""
    rows = report.certificates
    places = {row.unique_id: place for place, row in enumerate(rows, 1)}
    content = {
        "server": report.server,
        "mount": report.mount,
        "generated": report.generated,
        "version": report.version,
        "warnings": list(report.warnings),
        "count": len(rows),
        "columns": {
            "name": [row.common_name for row in rows],
            "others": [_other_names(row) for row in rows],
            "number": [row.unique_id.partition("_")[0] for row in rows],
            "customer": _coded("".join(row.unique_id.partition("_")[1:]) for row in rows),
            "config": _coded(row.config for row in rows),
            "status": _coded(row.status for row in rows),
            "state": _coded(state_of(row, report.generated).value for row in rows),
            "key": _coded(row.key for row in rows),
            "issuer": _coded(row.issuer for row in rows),
            "requested": _coded(row.requested_by for row in rows),
            "end": _steps(row.not_after for row in rows),
            "life": _coded(str(_life(row)) for row in rows),
            "serial": [row.serial_number.replace(":", "") for row in rows],
            "successor": [places.get(row.renewed_to, row.renewed_to or 0) for row in rows],
        },
    }
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode(errors="replace"), _BEST)).decode()


def _other_names(row: Certificate) -> str:
    """Return the names besides the common name, which most certificates have among them."""
    return " ".join(name for name in row.dns_names if name != row.common_name)


def _life(row: Certificate) -> int:
    """Return the minutes from beginning to end, of which there are few different numbers; -1 for none."""
    if row.not_after is None or row.not_before is None:
        return -1
    return row.not_after // _MINUTE - row.not_before // _MINUTE


def _coded(values: Iterable[str]) -> dict[str, Any]:
    words: dict[str, int] = {}
    at = [words.setdefault(value, len(words)) for value in values]
    return {"words": [*words], "at": at}


def _steps(moments: Iterable[int | None]) -> dict[str, Any]:
    """Return minutes since 1970 as steps; of sorted moments, most are short."""
    minutes: Sequence[int] = [-1 if moment is None else moment // _MINUTE for moment in moments]
    steps = [b - a for a, b in zip([minutes[0], *minutes[:-1]], minutes, strict=True)] if minutes else []
    return {"first": minutes[0] if minutes else 0, "steps": steps}
