"""SCM's JSON, as tolerant as SCM is (scm-api.md 2, 3.2, 3.8, 3.9, 4)."""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

from sectigo_vault_pki.scm.json_text import whole
from sectigo_vault_pki.scm.refusal import presentable

_MAX_DIGITS = 18  # of an id; SCM's are 64 bits at most
_LONGEST_WORD = 64
_LARGEST_EXACT_FLOAT = 2.0**53
_DATE_FORMATS = ("%m/%d/%Y", "%Y-%m-%d")
_TIME_OF_DAY = re.compile(r"T[0-9:.]+(?:Z|[+-][0-9:]+)?")


def _text(value: Any) -> Any:
    """Read text, which may be missing, or be printed as a number; anything else is an error."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    return whole(value) if isinstance(value, str) else value


def _text_or_none(value: Any) -> str:
    """Read text that decides nothing where it cannot be read."""
    text = _text(value)
    return text if isinstance(text, str) else ""


def _word(value: Any) -> str:
    """Read a word of SCM's that may be shown: one line, and short."""
    return presentable(_text_or_none(value))[:_LONGEST_WORD]


def _texts(value: Any) -> tuple[str, ...]:
    """Read a list of texts, which may also come as one text with commas; what is no text is left out."""
    items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(whole(item.strip()) for item in items if isinstance(item, str) and item.strip())


def _date(value: Any) -> date | None:
    """Read SCM's two date formats, the second also with a time; anything else is no date."""
    text = _TIME_OF_DAY.sub("", str(value)) if isinstance(value, str) else ""
    for date_format in _DATE_FORMATS:
        try:
            return datetime.strptime(text, date_format).date()  # noqa: DTZ007 - a day without a time
        except ValueError:
            continue
    return None


def _number(value: Any) -> int | None:
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
    terms = [_number(item.strip() if isinstance(item, str) else item) for item in items]
    known = [term for term in terms if term is not None]
    return tuple(known) if len(known) == len(terms) else ()


_Text = Annotated[str, BeforeValidator(_text)]
_TextOrNone = Annotated[str, BeforeValidator(_text_or_none)]
_Word = Annotated[str, BeforeValidator(_word)]
_Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]
_Date = Annotated[date | None, BeforeValidator(_date)]
_Flag = Annotated[bool | None, BeforeValidator(_flag)]
_Number = Annotated[int | None, BeforeValidator(_number)]
_Id = Annotated[int, BeforeValidator(_number)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class EnrollAnswer(_Answer):
    """`{"sslId":55,"renewId":"gu03sW6WENt7GTvDTuOP"}`."""

    ssl_id: _Id = Field(validation_alias="sslId")
    renew_id: _TextOrNone = Field(default="", validation_alias="renewId")


class RenewAnswer(_Answer):
    """`{"sslId":56}`; some versions of SCM give no id (scm-api.md 3.5)."""

    ssl_id: _Number = Field(default=None, validation_alias="sslId")


class ListRow(_Answer):
    """One line of the list; names and serial number are missing until the certificate is issued.

    Nothing but the id has to be readable, and that may stand under its old name (scm-api.md 3.9).
    """

    ssl_id: _Id = Field(validation_alias="sslId")
    common_name: _TextOrNone = Field(default="", validation_alias="commonName")
    subject_alt_names: _Texts = Field(default=(), validation_alias="subjectAlternativeNames")
    serial_number: _TextOrNone = Field(default="", validation_alias="serialNumber")

    @model_validator(mode="before")
    @classmethod
    def _one_id(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {**values, "sslId": _number(values.get("sslId")) or _number(values.get("id"))}


class DetailsAnswer(ListRow):
    """What is used of the details; the comments decide whose order it is, and have to be readable."""

    status: _Word = ""
    comments: _Text = ""
    external_requester: _TextOrNone = Field(default="", validation_alias="externalRequester")
    requested: _Date = None
    issued: _Date = None
    expires: _Date = None
    replaced: _Date = None
    revoked: _Date = None
    renewed: _Flag = None


class ProfileRow(_Answer):
    """One certificate profile, which the API calls a type (scm-api.md 3.1)."""

    id: _Id
    terms: Annotated[tuple[int, ...], BeforeValidator(_days)] = ()


class _ClientAnswer(_Answer):
    """An order's number stands under two names, of which either may be missing (scm-api.md 4, 9)."""

    @model_validator(mode="before")
    @classmethod
    def _one_number(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        numbers = (_number(values.get(name)) for name in ("orderNumber", "backendCertId"))
        return {**values, "orderNumber": next((number for number in numbers if number), None)}


class ClientEnrollAnswer(_ClientAnswer):
    """`{"orderNumber":12345,"backendCertId":"12345"}`."""

    order_number: int = Field(validation_alias="orderNumber")


class ClientRenewAnswer(_ClientAnswer):
    """The same; a version of SCM that gives no number is borne, as for SSL."""

    order_number: int | None = Field(validation_alias="orderNumber")


class ClientListRow(_ClientAnswer):
    """One line of the list; a rejected order's number is 0, and comments that are not there are null."""

    order_number: int | None = Field(validation_alias="orderNumber")
    state: _Word = ""
    serial_number: _TextOrNone = Field(default="", validation_alias="serialNumber")
    comments: Annotated[str | None, BeforeValidator(_text)] = None
    expires: _Date = None


ENROLL_ANSWER = TypeAdapter(EnrollAnswer)
RENEW_ANSWER = TypeAdapter(RenewAnswer)
DETAILS_ANSWER = TypeAdapter(DetailsAnswer)
CLIENT_ENROLL_ANSWER = TypeAdapter(ClientEnrollAnswer)
CLIENT_RENEW_ANSWER = TypeAdapter(ClientRenewAnswer)

ROWS: TypeAdapter[list[Any]] = TypeAdapter(list[Any])
"""A list whose rows are read one by one, as one odd row must not spoil the others."""
LIST_ROW = TypeAdapter(ListRow)
PROFILE_ROW = TypeAdapter(ProfileRow)
CLIENT_LIST_ROW = TypeAdapter(ClientListRow)
