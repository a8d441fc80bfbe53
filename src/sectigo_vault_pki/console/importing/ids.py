"""The ids to import, as a person has them: a list, or a column of a table."""

import csv
from collections.abc import Iterable, Iterator

from sectigo_vault_pki.console.failures import SettingsError

_COMMENT = "#"
_FORBIDDEN = frozenset("/ \t\"'@")
_LONGEST = 256


def ids_from(lines: Iterable[str], column: str = "") -> list[str]:
    """Return the ids, each once, in their order.

    Args:
        lines: one id a line; empty ones and what follows a # are left out. With `column`, a CSV with a line of names.
        column: the name of the column with the ids.

    Raises:
        SettingsError: there is no such column, or something that is no id.
    """
    found = _from_column(lines, column) if column else _from_lines(lines)
    ids: dict[str, None] = {}
    for line, text in found:
        if len(text) > _LONGEST or not text.isprintable() or _FORBIDDEN.intersection(text):
            raise SettingsError(f'line {line}: "{text[:40]}" is no id of a certificate')
        ids[text] = None
    return [*ids]


def _from_lines(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, 1):
        if text := line.partition(_COMMENT)[0].strip().removeprefix("\ufeff").strip():
            yield number, text


def _from_column(lines: Iterable[str], column: str) -> Iterator[tuple[int, str]]:
    reader = csv.DictReader(line for line in lines if not line.startswith(_COMMENT))
    names = [str(name).removeprefix("\ufeff").strip() for name in reader.fieldnames or ()]
    if column not in names:
        raise SettingsError(f'there is no column "{column}", but: {", ".join(names) or "nothing"}')
    reader.fieldnames = names
    for row in reader:
        if text := (row.get(column) or "").strip():
            yield reader.line_num, text
