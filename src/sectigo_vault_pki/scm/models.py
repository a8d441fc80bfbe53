"""SCM's JSON, as tolerant as SCM is (scm-api.md 2, 3.2, 3.8, 3.9, 4)."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, model_validator

_MAX_DIGITS = 18  # of an id; SCM's are 64 bits at most
_DATE_FORMATS = ("%m/%d/%Y", "%Y-%m-%d")


def _empty_if_absent(value: Any) -> Any:
    return "" if value is None else value


def _none_if_absent(value: Any) -> Any:
    return () if value is None else value


def _lenient_date(value: Any) -> date | None:
    """Read SCM's two date formats; anything else is no date, as none of them decides anything."""
    for date_format in _DATE_FORMATS:
        try:
            return datetime.strptime(str(value), date_format).date()  # noqa: DTZ007 - a day without a time
        except ValueError:
            continue
    return None


def _lenient_number(value: Any) -> int | None:
    """Read a positive number, written as a number or as text; anything else is none."""
    text = str(value) if isinstance(value, str | int) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        return None
    return int(text) or None


def _lenient_flag(value: Any) -> bool:
    return value is True or str(value).lower() == "true"


_Text = Annotated[str, BeforeValidator(_empty_if_absent)]
_Texts = Annotated[tuple[str, ...], BeforeValidator(_none_if_absent)]
_Date = Annotated[date | None, BeforeValidator(_lenient_date)]
_Flag = Annotated[bool, BeforeValidator(_lenient_flag)]
_Number = Annotated[int | None, BeforeValidator(_lenient_number)]
_SslId = Annotated[int, Field(gt=0, validation_alias=AliasChoices("sslId", "id"))]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class ErrorAnswer(_Answer):
    """`{"code":-16,"description":"Unknown user"}`."""

    code: int | None = None
    description: _Text = ""


class EnrollAnswer(_Answer):
    """`{"sslId":55,"renewId":"gu03sW6WENt7GTvDTuOP"}`."""

    ssl_id: int = Field(gt=0, validation_alias="sslId")
    renew_id: _Text = Field(default="", validation_alias="renewId")


class RenewAnswer(_Answer):
    """`{"sslId":56}`; some versions of SCM give no id (scm-api.md 3.5)."""

    ssl_id: _Number = Field(default=None, validation_alias="sslId")


class ListRow(_Answer):
    """One line of the list; names and serial number are missing until the certificate is issued."""

    ssl_id: _SslId
    common_name: _Text = Field(default="", validation_alias="commonName")
    subject_alt_names: _Texts = Field(default=(), validation_alias="subjectAlternativeNames")
    serial_number: _Text = Field(default="", validation_alias="serialNumber")


class DetailsAnswer(ListRow):
    """What is used of the details."""

    status: _Text = ""
    comments: _Text = ""
    external_requester: _Text = Field(default="", validation_alias="externalRequester")
    requested: _Date = None
    issued: _Date = None
    expires: _Date = None
    replaced: _Date = None
    revoked: _Date = None
    renewed: _Flag = False


class ProfileRow(_Answer):
    """One certificate profile, which the API calls a type (scm-api.md 3.1)."""

    id: int = Field(gt=0)
    terms: tuple[int, ...] = ()


class _ClientAnswer(_Answer):
    """An order's number stands under two names, of which either may be missing (scm-api.md 4, 9)."""

    @model_validator(mode="before")
    @classmethod
    def _one_number(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        numbers = (_lenient_number(values.get(name)) for name in ("orderNumber", "backendCertId"))
        return {**values, "orderNumber": next((number for number in numbers if number), None)}


class ClientEnrollAnswer(_ClientAnswer):
    """`{"orderNumber":12345,"backendCertId":"12345"}`."""

    order_number: int = Field(validation_alias="orderNumber")


class ClientRenewAnswer(_ClientAnswer):
    """The same; a version of SCM that gives no number is borne, as for SSL."""

    order_number: int | None = Field(validation_alias="orderNumber")


class ClientListRow(_ClientAnswer):
    """One line of the list; a rejected order's number is 0."""

    order_number: int | None = Field(validation_alias="orderNumber")
    state: _Text = ""
    serial_number: _Text = Field(default="", validation_alias="serialNumber")
    comments: _Text = ""
    expires: _Date = None


ENROLL_ANSWER = TypeAdapter(EnrollAnswer)
RENEW_ANSWER = TypeAdapter(RenewAnswer)
LIST_ANSWER: TypeAdapter[tuple[ListRow, ...]] = TypeAdapter(tuple[ListRow, ...])
DETAILS_ANSWER = TypeAdapter(DetailsAnswer)
PROFILES_ANSWER: TypeAdapter[tuple[ProfileRow, ...]] = TypeAdapter(tuple[ProfileRow, ...])
CLIENT_ENROLL_ANSWER = TypeAdapter(ClientEnrollAnswer)
CLIENT_RENEW_ANSWER = TypeAdapter(ClientRenewAnswer)
CLIENT_LIST_ANSWER: TypeAdapter[tuple[ClientListRow, ...]] = TypeAdapter(tuple[ClientListRow, ...])
