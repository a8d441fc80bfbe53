"""What SCM's answers amount to, and how tolerantly their JSON is read (scm-api.md 2, 3.2, 3.8, 3.9, 4)."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

from sectigo_vault_pki.scm.failures import presentable

_Row = TypeVar("_Row")

_MAX_DIGITS = 18  # of an id; SCM's are 64 bits at most
_LONGEST_WORD = 64
_LARGEST_EXACT_FLOAT = 2.0**53
_DATE_FORMATS = ("%m/%d/%Y", "%Y-%m-%d")
_TIME_OF_DAY = re.compile(r"T[0-9:.]+(?:Z|[+-][0-9:]+)?")


@dataclass(frozen=True, slots=True)
class Collected:
    """A certificate with its chain, in whatever order and encoding SCM has it."""

    content: bytes


@dataclass(frozen=True, slots=True)
class StillProcessing:
    """The certificate may still come.

    Attributes:
        code: SCM's, or None for an empty 200.
        description: SCM's text.
        says_so: SCM says that it works on the order; False where it only could not be told, as in trouble at the CA.
    """

    code: int | None
    description: str
    says_so: bool = True


@dataclass(frozen=True, slots=True)
class Accepted:
    """SCM took the order and named it; `renew_id` is empty if it gave none."""

    scm_id: int
    renew_id: str = ""


@dataclass(frozen=True, slots=True)
class Unnamed:
    """SCM took the order, and an older build of it did not name it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What SCM says of one entry; empty where it says nothing.

    Attributes:
        status: SCM's word, such as `Applied` or `issued`.
        serial_number: of the newest certificate, in hex, with or without colons.
        renewed: whether SCM took an order to renew it; None where it does not tell, as for client certificates.
    """

    status: str = ""
    serial_number: str = ""
    renewed: bool | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry that SCM lists; the comments are None if the list does not tell them."""

    scm_id: int
    comments: str | None


@dataclass(frozen=True, slots=True)
class Remarks:
    """What SCM says of one entry: its comments, and the day it was asked for."""

    comments: str
    requested: date | None


@dataclass(frozen=True, slots=True)
class Pending:
    """Every order of an account that SCM has not issued, and how many calls it took to learn that."""

    scm_ids: frozenset[int]
    calls: int


@dataclass(frozen=True, slots=True)
class Page(Generic[_Row]):
    """A part of a list.

    Attributes:
        rows: those that could be read.
        unreadable: how many more there were: rows without an id, or that are none.
        total: how many rows SCM says the whole list has, or None where it does not say.
    """

    rows: tuple[_Row, ...]
    unreadable: int = 0
    total: int | None = None

    @property
    def length(self) -> int:
        """The rows of this page, readable or not."""
        return len(self.rows) + self.unreadable


class ScmJson(BaseModel):
    """An object of SCM's: what is not known is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


def as_text(value: Any) -> Any:
    """Read text, which may be missing, or be printed as a number; anything else is an error."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    return _whole(value) if isinstance(value, str) else value


def _text_or_none(value: Any) -> str:
    """Read text that decides nothing where it cannot be read."""
    text = as_text(value)
    return text if isinstance(text, str) else ""


def _word(value: Any) -> str:
    """Read a word of SCM's that may be shown: one line, and short."""
    return presentable(_text_or_none(value))[:_LONGEST_WORD]


def _line(value: Any) -> str:
    """Read a text of SCM's that may be shown: one line, which may be long."""
    return presentable(_text_or_none(value))


def as_date(value: Any) -> date | None:
    """Read SCM's two date formats, the second also with a time; anything else is no date."""
    text = _TIME_OF_DAY.sub("", str(value)) if isinstance(value, str) else ""
    for date_format in _DATE_FORMATS:
        try:
            return datetime.strptime(text, date_format).date()  # noqa: DTZ007 - a day without a time
        except ValueError:
            continue
    return None


def as_moment(text: str) -> datetime | None:
    """Read a time, in UTC unless it says otherwise, or a day, which is its beginning; anything else is none."""
    if "T" in text:
        try:
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    day = as_date(text)
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


def as_number(value: Any) -> int | None:
    """Read a positive number, written as a number or as text; anything else is none."""
    if isinstance(value, float) and value.is_integer() and 0 < value < _LARGEST_EXACT_FLOAT:
        return int(value)
    text = str(value) if isinstance(value, str | int) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        return None
    return int(text) or None


def _flag(value: Any) -> bool | None:
    """Read yes or no, which may come as text; anything else tells nothing."""
    return {"true": True, "false": False}.get(str(value).lower())


def _days(value: Any) -> tuple[int, ...]:
    """Read a profile's terms; one that is none makes all of them unknown, as nobody can tell then what is on offer."""
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    terms = [as_number(item.strip() if isinstance(item, str) else item) for item in items]
    known = [term for term in terms if term is not None]
    return tuple(sorted(set(known))) if len(known) == len(terms) else ()


def _whole(value: str) -> str:
    """Return text that every encoder takes: half of a surrogate pair, which JSON can carry, becomes a question mark."""
    return value.encode("utf-8", errors="replace").decode()


Text = Annotated[str, BeforeValidator(as_text)]
TextOrNone = Annotated[str, BeforeValidator(_text_or_none)]
Word = Annotated[str, BeforeValidator(_word)]
Line = Annotated[str, BeforeValidator(_line)]
Day = Annotated[date | None, BeforeValidator(as_date)]
Days = Annotated[tuple[int, ...], BeforeValidator(_days)]
Flag = Annotated[bool | None, BeforeValidator(_flag)]
Number = Annotated[int | None, BeforeValidator(as_number)]
Id = Annotated[int, BeforeValidator(as_number)]
