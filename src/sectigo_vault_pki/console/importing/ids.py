"""The ids to import, as a person has them: a list, or a column of a table."""

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from sectigo_vault_pki.console.failures import SettingsError

_COMMENT = "#"
_FORBIDDEN = frozenset("/ \t\"'@")
_LONGEST = 256
MOST_LINES, MOST_CHARACTERS = 1_000_000, 65_536
"""Of a list, and of one of its lines: far above any list of certificates, and little for a computer's memory."""


def bounded_lines(lines: TextIO, *, most: int | None = None) -> Iterator[str]:
    """Yield the lines, with their ends; what never ends is not read to its end.

    Raises:
        SettingsError: there are more than `most`, or one has more than `MOST_CHARACTERS`.
    """
    number = 0
    while line := lines.readline(MOST_CHARACTERS + 1):
        number += 1
        if most is not None and number > most:
            raise SettingsError(f"there are more than {most} lines: divide the list")
        if len(line) > MOST_CHARACTERS:
            raise SettingsError(f"line {number} has more than {MOST_CHARACTERS} characters")
        yield line


def ids_from(lines: Iterable[str], column: str = "") -> list[str]:
    """Return the ids, each once, in their order.

    Args:
        lines: one id a line; empty ones and what follows a # are left out. With `column`, a CSV with a line of names.
        column: the name of the column with the ids.

    Raises:
        SettingsError: there is no such column, or something that is no id.
    """
    ids: dict[str, None] = {}
    for line, text in _from_column(lines, column) if column else _from_lines(lines):
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
    try:
        yield from _of_rows(reader, column)
    except csv.Error as error:
        raise SettingsError(f"line {reader.line_num} is no line of a CSV: {error}") from None


def _of_rows(reader: "csv.DictReader[str]", column: str) -> Iterator[tuple[int, str]]:
    names = [str(name).removeprefix("\ufeff").strip() for name in reader.fieldnames or ()]
    if column not in names:
        raise SettingsError(f'there is no column "{column}", but: {", ".join(names) or "nothing"}')
    reader.fieldnames = names
    for row in reader:
        if text := (row.get(column) or "").strip():
            yield reader.line_num, text
