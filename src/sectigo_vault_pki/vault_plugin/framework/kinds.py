"""The kinds of values a field can hold: how text, JSON and command lines are turned into one type.

They are stricter than the host's own framework (plugin-protocol.md 5.5). No error repeats the value, as it might
be a secret in the wrong field, except for a number in a field for numbers.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)

MAX_NAME_LENGTH = 128
MAX_SAFE_INTEGER = 2**53 - 1
"""The host reads numbers in answers as float64 (plugin-protocol.md 5.3)."""

_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_LONG_DECIMAL = re.compile(r"[+-]?[0-9]{19,}", re.ASCII)
_DURATION_PART = re.compile(r"([0-9]{1,15})(d|h|m|s)", re.ASCII)
_DURATION_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_FRACTION = re.compile(r"[0-9]{1,15}\.[0-9]{1,20}", re.ASCII)
_ROUNDING = 1e-4
"""Seconds by which a number of days may miss whole ones, because it was written as a decimal fraction."""
_MAX_DURATION = timedelta(days=36_500)
_SAMPLE_TEXT = re.compile(r"(?:\s*<[^<>]+>)+\s*")
_TRUE = frozenset({"1", "t", "true"})
_FALSE = frozenset({"0", "f", "false"})


class KindError(ValueError):
    """The value is not of the kind; the text continues a sentence that begins with the field's name."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T_co]):
    """How a value is read.

    Attributes:
        label: what path-help calls the type.
        schema: what OpenAPI calls it.
        parse: turns a JSON value, never None or empty text, into the type; raises `KindError`.
        pattern: what the value looks like inside a path, for kinds that may stand there.
        canonical: the one spelling in a path of a value that has several, for policies; raises `KindError`.
    """

    label: str
    schema: Mapping[str, object]
    parse: Callable[[object], T_co] = field(repr=False)
    pattern: str = ""
    canonical: Callable[[str], str] | None = field(default=None, repr=False)


def _one_value(value: object) -> object:
    if isinstance(value, list):
        raise KindError("was given more than once, or as a list; it takes one value")
    return value


def _as_text(value: object) -> str:
    value = _one_value(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise KindError("must be text")
    return str(value)


def refuse_sample_text(value: object) -> None:
    """Make sure that neither a value nor anything in it is what a sample file holds: `<…>`.

    Raises:
        KindError: it is.
    """
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text) if _SAMPLE_TEXT.fullmatch(text):
                raise KindError(
                    "still holds the sample's text in angle brackets: put your own value there, or leave it empty"
                )
            case list() | tuple() as items:
                waiting.extend(items)
            case dict() as items:
                waiting.extend(items.values())


def is_sound(value: str) -> bool:
    """Whether text can be stored and sent: JSON may bring in lone surrogates, which no UTF-8 can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def text(*, max_length: int | None = None) -> Kind[str]:
    """Text of at most `max_length` characters; a number is taken as its digits."""

    def parse(value: object) -> str:
        parsed = _as_text(value)
        if max_length is not None:
            _check_length(len(parsed), max_length)
        if not is_sound(parsed):
            raise KindError("must be Unicode text without NUL characters")
        return parsed

    schema: dict[str, object] = {"type": "string"}
    if max_length is not None:
        schema["maxLength"] = max_length
    return Kind("string", schema, parse)


def _check_length(length: int, most: int, where: str = "") -> None:
    if length > most:
        raise KindError(f"must have at most {most} characters{where}, it has {length}")


def line(*, max_length: int) -> Kind[str]:
    """One line of text, without blanks around it."""
    base = text(max_length=max_length)

    def parse(value: object) -> str:
        parsed = base.parse(value).strip()
        if not parsed or not parsed.isprintable():
            raise KindError("must be one line of printable text")
        return parsed

    return Kind(base.label, base.schema, parse)


def name() -> Kind[str]:
    """A name for paths and storage keys."""
    pattern = "[A-Za-z0-9][A-Za-z0-9_.-]*"
    form = re.compile(pattern, re.ASCII)

    def parse(value: object) -> str:
        parsed = _as_text(value)
        _check_length(len(parsed), MAX_NAME_LENGTH)
        if not form.fullmatch(parsed):
            raise KindError("must begin with a letter or digit and go on with letters, digits, '_', '.' and '-'")
        return parsed

    schema = {"type": "string", "pattern": f"^{pattern}$", "maxLength": MAX_NAME_LENGTH}
    return Kind("name string", schema, parse, pattern=pattern)


def identifier() -> Kind[str]:
    """One whole segment of a path."""
    return Kind("string", {"type": "string"}, _as_text, pattern="[^/]+")


def whole_number(*, minimum: int = -MAX_SAFE_INTEGER, maximum: int = MAX_SAFE_INTEGER) -> Kind[int]:
    """A JSON number without a fraction, or its decimal digits as text."""
    allowed = _numbers_within(minimum, maximum)

    def parse(value: object) -> int:
        value = _one_value(value)
        if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
            value = int(value)
        if _is_beyond_all(value):  # and is not repeated: it may be very long
            raise KindError(f"must be a whole number from {minimum} to {maximum}")
        if isinstance(value, bool) or not isinstance(value, int):
            raise KindError(f"must be {allowed}")
        if value < minimum:
            raise KindError(f"must be at least {minimum}, it is {value}")
        if value > maximum:
            raise KindError(f"must be at most {maximum}, it is {value}")
        return value

    schema: dict[str, object] = {"type": "integer"}
    if minimum != -MAX_SAFE_INTEGER:
        schema["minimum"] = minimum
    if maximum != MAX_SAFE_INTEGER:
        schema["maximum"] = maximum
    return Kind("int", schema, parse)


def _numbers_within(minimum: int, maximum: int) -> str:
    if minimum == -MAX_SAFE_INTEGER:
        return "a whole number"
    if maximum == MAX_SAFE_INTEGER:
        return f"a whole number of at least {minimum}"
    return f"a whole number from {minimum} to {maximum}"


def _is_beyond_all(value: object) -> bool:
    """Whether a value is a whole number that the host cannot carry."""
    if isinstance(value, str):
        return _LONG_DECIMAL.fullmatch(value.strip()) is not None
    return isinstance(value, int) and abs(value) > MAX_SAFE_INTEGER


def boolean() -> Kind[bool]:
    """True or false, in the spellings that Vault takes."""

    def parse(value: object) -> bool:
        value = _one_value(value)
        if isinstance(value, bool):
            return value
        if isinstance(value, int | str):
            word = str(value).strip().lower()
            if word in _TRUE | _FALSE:
                return word in _TRUE
        raise KindError("must be true or false")

    return Kind("bool", {"type": "boolean"}, parse)


def choice(*options: str, other_words: Mapping[str, str] = MappingProxyType({})) -> Kind[str]:
    """One of some words, in any case; the answer has the spelling declared here.

    Args:
        options: the words.
        other_words: other names for some of them, in lower case; the error suggests the right word.
    """
    by_word = {option.lower(): option for option in options}

    def parse(value: object) -> str:
        word = _as_text(value).strip().lower()
        chosen = by_word.get(word)
        if chosen is None:
            hint = f'; did you mean "{other_words[word]}"?' if word in other_words else ""
            raise KindError(f"must be one of {', '.join(options)}{hint}")
        return chosen

    return Kind("string", {"type": "string", "enum": list(options)}, parse)


def duration(*, unit: timedelta, minimum: timedelta = timedelta(0), whole_units: bool = False) -> Kind[timedelta]:
    """A bare number of `unit`s, or text such as `36h` or `1d12h`.

    Args:
        unit: what a bare number counts, and what OpenAPI says; a fraction of days that is whole seconds is taken too.
        minimum: the shortest one taken.
        whole_units: refuse a duration that is no whole number of units.
    """
    unit_name = "days" if unit == timedelta(days=1) else "seconds"

    def parse(value: object) -> timedelta:
        value = _one_value(value)
        parsed = _parse_duration(value, unit, unit_name)
        if parsed < minimum:
            raise KindError(f"must be at least {_counted(minimum // unit, unit_name)}, it is {str(value).strip()}")
        if parsed > _MAX_DURATION:
            raise KindError(f"must be at most {_counted(_MAX_DURATION // unit, unit_name)}")
        if whole_units and parsed % unit:
            raise KindError(f"must be whole {unit_name}")
        return parsed

    type_name = "number" if unit > timedelta(seconds=1) and not whole_units else "integer"
    return Kind(f"duration ({unit_name})", {"type": type_name, "format": unit_name}, parse)


def _parse_duration(value: object, unit: timedelta, unit_name: str) -> timedelta:
    """Return a duration as it is written; one beyond all use is the longest there is."""
    if isinstance(value, str):
        word = value.strip()
        parts = _DURATION_PART.findall(word)
        if parts and "".join(number + letter for number, letter in parts) == word:
            return _clipped(sum(int(number) * _DURATION_UNITS[letter].total_seconds() for number, letter in parts))
        value = int(word) if _DECIMAL.fullmatch(word) else word
        value = float(word) if _FRACTION.fullmatch(word) else value
    if isinstance(value, float) and (whole := _whole_seconds(value, unit)) is not None:
        return _clipped(whole)
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > MAX_SAFE_INTEGER:
        raise KindError(f"must be a number of {unit_name} or a duration such as 36h or 30d")
    return _clipped(value * int(unit.total_seconds()))


def _whole_seconds(value: float, unit: timedelta) -> int | None:
    """Return a number of days in seconds, if these are whole."""
    seconds = value * unit.total_seconds()
    if (
        unit == timedelta(seconds=1)
        or not abs(seconds) <= MAX_SAFE_INTEGER
        or abs(seconds - round(seconds)) > _ROUNDING
    ):
        return None
    return round(seconds)


def _clipped(seconds: float) -> timedelta:
    most = 2 * _MAX_DURATION.total_seconds()
    return timedelta(seconds=max(-most, min(seconds, most)))


def _counted(number: int, unit_name: str) -> str:
    return f"{number} {unit_name.removesuffix('s') if number == 1 else unit_name}"


def string_list(*, max_length: int | None = None) -> Kind[tuple[str, ...]]:
    """Comma-separated text, or a JSON list of texts; blanks around the items and empty items are dropped."""

    def parse(value: object) -> tuple[str, ...]:
        items = value if isinstance(value, list) else _as_text(value).split(",")
        texts = [item.strip() for item in items if isinstance(item, str)]
        if len(texts) != len(items):
            raise KindError("must be comma-separated text or a list of texts")
        parsed = tuple(item for item in texts if item)
        refuse_sample_text(parsed)
        if max_length is not None:
            _check_length(len(",".join(parsed)), max_length, " in all")
        return parsed

    return Kind("slice", {"type": "array", "items": {"type": "string"}}, parse)
