"""The results on a terminal, and as JSON."""

import json
import textwrap
from collections.abc import Iterator

from sectigo_vault_pki.console.doctor.checks import Results
from sectigo_vault_pki.console.doctor.results import Result, Status

_INDENT = "  "
_WIDTH = 100


def as_table(results: Results) -> str:
    """Return a line for each check, and what is wrong and what to do below it."""
    width = max(map(len, results), default=0)
    lines: list[str] = []
    for name, found in results.items():
        worst = max(result.status for result in found)
        lines.append(f"{name:<{width}}  {worst.word}")
        for result in found:
            if result.status is not Status.OK:
                lines += _explained(result)
    return "\n".join([*lines, "", _counted(results)])


def as_json(results: Results) -> str:
    """Return an object with a list for each check, as `bao pki health-check -format=json` has it."""
    shown = {name: [_json(result) for result in found] for name, found in results.items()}
    return json.dumps(shown, indent=2)


def _explained(result: Result) -> Iterator[str]:
    yield from _wrapped(f"{result.status.word}: {result.subject}: {result.message}", _INDENT)
    if result.advice:
        yield from _wrapped(result.advice, 2 * _INDENT)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=2 * _INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _counted(results: Results) -> str:
    statuses = [result.status for found in results.values() for result in found]
    counts = [f"{statuses.count(status)} {status.word}" for status in reversed(Status) if status in statuses]
    return f"{len(results)} checks: {', '.join(counts)}"


def _json(result: Result) -> dict[str, object]:
    return {
        "status": result.status.word,
        "status_code": int(result.status),
        "endpoint": result.subject,
        "message": result.message,
        "advice": result.advice,
    }
