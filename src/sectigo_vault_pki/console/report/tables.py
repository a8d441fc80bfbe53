"""The report as CSV and as JSON."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TextIO

from sectigo_vault_pki.console.report.certificates import Certificate, rfc3339, state_of
from sectigo_vault_pki.console.report.summary import Report, summary_of

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SEPARATOR = " "


def write_csv(report: Report, out: TextIO) -> None:
    """Write a line of names and a line for each certificate; no program takes a cell for a formula."""
    writer = csv.writer(out)  # lines end as RFC 4180 has it
    writer.writerow((*Certificate._fields, "state"))
    for certificate in report.certificates:
        row = _shown(certificate, report.generated)
        row["dns_names"] = _SEPARATOR.join(certificate.dns_names)
        writer.writerow([harmless(value) if isinstance(value, str) else value for value in row.values()])


def harmless(text: str) -> str:
    """Return a text that spreadsheets take for text: an apostrophe goes before what would begin a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def write_json(report: Report, out: TextIO) -> None:
    """Write one object: the report's head, `summary`, `warnings` and `certificates`, one line each."""
    head = {
        "server": report.server,
        "mount": report.mount,
        "generated": rfc3339(report.generated),
        "version": report.version,
        "warnings": list(report.warnings),
        "left_out": report.left_out,
        "summary": asdict(summary_of(report)),
    }
    out.write(json.dumps(head, indent=2)[:-2])
    out.write(',\n  "certificates": [')
    out.writelines(_joined(json.dumps(_shown(one, report.generated)) for one in report.certificates))
    out.write("\n  ]\n}\n")


def _joined(lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{',' if number else ''}\n    {line}"


def _shown(certificate: Certificate, now: int) -> dict[str, object]:
    return {
        **certificate._asdict(),
        "dns_names": list(certificate.dns_names),
        "not_before": rfc3339(certificate.not_before),
        "not_after": rfc3339(certificate.not_after),
        "state": state_of(certificate, now).value,
    }
