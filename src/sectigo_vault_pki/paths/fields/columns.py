"""The attributes of a stored record and the fields that set them: a further field is one more row of a table."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from sectigo_vault_pki.vault_plugin.framework import Field, FieldData

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
_OF_ANSWERS = frozenset({"type", "format", "items", "enum"})


def _unchanged(value: object) -> object:
    return value


@dataclass(frozen=True, slots=True)
class Column:
    """How one attribute is set and shown.

    Attributes:
        field: the field that sets it.
        stored: converts the field's value into the record's; None leaves the attribute out.
        shown: converts the record's value, if it is not None, into the answer's.
        unset: what an answer shows if neither the record nor the field has a value.
    """

    field: Field[Any]
    stored: Callable[[Any], object] = _unchanged
    shown: Callable[[Any], object] = _unchanged
    unset: object = ""


Table = Mapping[str, Column]
"""Columns by the name of the record's attribute, in the order in which a path declares their fields."""


def in_seconds(field: Field[timedelta], unit: timedelta = SECOND) -> Column:
    """Return the column of a length of time that a record holds in seconds, and an answer in the field's unit."""

    def shown(seconds: float) -> int | float:
        whole, rest = divmod(timedelta(seconds=seconds), unit)
        return whole if not rest else timedelta(seconds=seconds) / unit

    return Column(field, timedelta.total_seconds, shown)


def in_days(field: Field[timedelta]) -> Column:
    """Return the column of a length of time that a record holds in whole days, and an answer too."""
    return Column(field, lambda length: length.days)


def fields_of(table: Table) -> tuple[Field[object], ...]:
    return tuple(column.field for column in table.values())


def stored_values(table: Table, data: FieldData) -> dict[str, object]:
    """Return the attributes that a request sets."""
    sent = ((attribute, column, data.get(column.field)) for attribute, column in table.items())
    stored = {attribute: column.stored(value) for attribute, column, value in sent if value is not None}
    return {attribute: value for attribute, value in stored.items() if value is not None}


def emptied_attributes(table: Table, data: FieldData) -> frozenset[str]:
    """Return the attributes whose field a request sends empty: what is stored of them is removed."""
    return frozenset(attribute for attribute, column in table.items() if column.field.name in data.emptied)


def shown_values(table: Table, record: BaseModel, *, with_defaults: bool) -> dict[str, object]:
    """Return a record's attributes as an answer shows them, by the names of their fields; secrets are left out.

    Args:
        table: the record's.
        record: what is stored.
        with_defaults: whether an attribute that is not set shows its field's default.
    """
    shown = {}
    for attribute, column in table.items():
        value = getattr(record, attribute)
        if value is None and with_defaults and column.field.default is not None:
            value = column.stored(column.field.default)
        if not column.field.secret:
            shown[column.field.name] = column.unset if value is None else column.shown(value)
    return shown


def answer_schema(fields: Iterable[Field[object]]) -> Mapping[str, Mapping[str, object]]:
    """Return the schema of an answer that shows fields; secrets are left out.

    What a value must be to be accepted is left out too: an answer shows what is not set as empty or 0.
    """
    return {field.name: _of_answer(field) for field in fields if not field.secret}


def _of_answer(field: Field[object]) -> Mapping[str, object]:
    schema = {word: value for word, value in field.kind.schema.items() if word in _OF_ANSWERS}
    choices = field.kind.schema.get("enum")
    if isinstance(choices, list) and field.default is None and not field.required:
        schema["enum"] = [*choices, ""]
    return schema
