"""Whole rows of what SCM has: reports for a window of dates, or pages of lists (scm-api.md 3.8, 4.2, 13.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, model_validator

from sectigo_vault_pki.scm.call import Call
from sectigo_vault_pki.scm.certificate_api import PAGE
from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.codes import LIST, REPORT
from sectigo_vault_pki.scm.results import Day, Number, Page, ScmJson, TextOrNone, Word, as_number, as_text

_OVER = frozenset({"expired", "declined", "rejected", "invalid", "revoked", "pre_revoked", "blank", "unmanaged"})
"""SCM's words for what cannot be collected, in lower case."""
_REVOKED = frozenset({"revoked", "pre_revoked"})

LISTED_STATUSES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "ssl_cert": ("Applied", "Issued", "Replaced", "Revoked", "Expired"),
        "client_cert": ("",),
    }
)
"""What the lists of each certificate type are asked for, one after the other; empty: all at once."""


@dataclass(frozen=True, slots=True)
class Reported:
    """What SCM says of one entry.

    Attributes:
        scm_id: `sslId`, or the order number of a client certificate.
        status: SCM's word in lower case; empty where it does not say it.
        serial_number: of the newest certificate, in hex; empty where it does not say it.
        comments: None where it does not say them.
        expires: None where it does not say it, as before the certificate is issued.
        is_revoked: whether it is.
        org_id: of the organization or department that it belongs to; None where it does not say it.
    """

    scm_id: int
    status: str = ""
    serial_number: str = ""
    comments: str | None = None
    expires: date | None = None
    is_revoked: bool = False
    org_id: int | None = None

    def is_live(self, today: date) -> bool:
        """Whether it can be collected, now or once it is issued, as far as SCM says."""
        is_over = self.is_revoked or self.status in _OVER
        return not is_over and (self.expires is None or self.expires >= today)


class ByDate(Enum):
    """Which date of a certificate a report's window is about."""

    REQUESTED = "requested"
    EXPIRES = "expires"


def _comments(value: Any) -> str | None:
    text = None if value is None else as_text(value)
    return text if isinstance(text, str) else None


def _says_revoked(value: Any) -> bool:
    """Read the day of a revocation, or a flag in its place."""
    return bool(value) and str(value).strip().lower() not in {"", "false", "null"}


class _Row(ScmJson):
    """What all rows have in common; comments are None where they cannot be read, too."""

    scm_id: Number = Field(default=None, validation_alias="scm_id")
    status: Word = ""
    serial_number: TextOrNone = Field(default="", validation_alias="serialNumber")
    comments: Annotated[str | None, BeforeValidator(_comments)] = None
    expires: Day = None
    revoked: Annotated[bool, BeforeValidator(_says_revoked)] = False
    org_id: Number = None

    @model_validator(mode="before")
    @classmethod
    def _one_organization(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        within = values.get("organization")
        named = within.get("id") if isinstance(within, dict) else values.get("orgId")
        return {**values, "org_id": named}

    def reported(self, listed_as: str = "") -> Reported:
        """Return what the row says; a status that it leaves out is the one that was asked for."""
        status = (self.status or listed_as).lower()
        return Reported(
            scm_id=self.scm_id or 0,
            status=status,
            serial_number=self.serial_number,
            comments=self.comments,
            expires=self.expires,
            is_revoked=status in _REVOKED or self.revoked,
            org_id=self.org_id,
        )


_AnyRow = TypeVar("_AnyRow", bound=_Row)


class SslReportRow(_Row):
    """A row of a report on SSL certificates, or of their list."""

    @model_validator(mode="before")
    @classmethod
    def _one_id(cls, values: Any) -> Any:
        return _with_id(values, "sslId", "id")


class ClientReportRow(_Row):
    """The same for client certificates, which have an order number, and other names for some fields."""

    @model_validator(mode="before")
    @classmethod
    def _one_number(cls, values: Any) -> Any:
        values = _with_id(values, "orderNumber", "backendCertId")
        if not isinstance(values, dict):
            return values
        return {
            **values,
            "expires": values.get("expire") or values.get("expires"),
            "status": values.get("status") or values.get("state"),
        }


def _with_id(values: Any, *names: str) -> Any:
    if not isinstance(values, dict):
        return values
    found = (as_number(values.get(name)) for name in names)
    return {**values, "scm_id": next((number for number in found if number), None)}


@dataclass(frozen=True, slots=True)
class _Report:
    """One type's report.

    Attributes:
        dates: SCM's number for each date of a certificate.
        pending: SCM's number for orders that are not issued.
        extra: what is sent with each.
    """

    path: str
    row: type[_Row]
    dates: Mapping[ByDate, str]
    pending: str
    extra: Mapping[str, str]


_REPORTS: Mapping[str, _Report] = MappingProxyType(
    {
        "ssl_cert": _Report(
            "/api/report/v1/ssl-certificates",
            SslReportRow,
            {ByDate.REQUESTED: "4", ByDate.EXPIRES: "3"},
            "1",
            {"serialNumberFormat": "HEXWithLeadingZeros"},
        ),
        "client_cert": _Report(
            "/api/report/v1/client-certificates",
            ClientReportRow,
            {ByDate.REQUESTED: "0", ByDate.EXPIRES: "3"},
            "6",
            {},
        ),
    }
)
_ANY_STATUS = "0"


async def report(
    client: ScmClient, certificate_type: str, by: ByDate, first: date, last: date, *, pending: bool = False
) -> Page[Reported]:
    """Return what SCM has for a window of dates, both of which belong to it.

    Args:
        client: the account; its organization's certificates are reported.
        certificate_type: in the guide's words.
        by: which date.
        first: the first day.
        last: the last day.
        pending: only orders that are not issued.

    Raises:
        ScmAnswerTooLongError: a shorter window has to be asked for.
        ScmRefusedError, ScmUnavailableError: SCM does not report this, or not all of it.
    """
    kind = _REPORTS[certificate_type]
    body = {
        "from": first.isoformat(),
        "to": last.isoformat(),
        "organizationIds": [client.org_id],
        "certificateStatus": kind.pending if pending else _ANY_STATUS,
        "certificateDateAttribute": kind.dates[by],
        **kind.extra,
    }
    page = await client.listed(Call(REPORT, "POST", kind.path, body=body), kind.row, within="reports")
    found = _reported(page)
    if not pending:
        return found
    # What a status means is for SCM to say; an issued certificate has another place in a comparison.
    return replace(found, rows=tuple(row for row in found.rows if row.expires is None))


async def listed_entries(client: ScmClient, certificate_type: str, status: str, position: int) -> Page[Reported]:
    """Return a page of SCM's list, of which `length` rows were read.

    Args:
        client: the account.
        certificate_type: in the guide's words.
        status: one of `LISTED_STATUSES`; SCM's rows of SSL certificates do not say it, so it is taken for theirs.
        position: how many rows of the list come before.
    """
    query: dict[str, str | int] = {"size": PAGE, "position": position}
    if certificate_type == "client_cert":
        return _reported(await client.listed(Call(LIST, "GET", "/api/smime/v2", query=query), ClientReportRow))
    query |= {"status": status, "orgId": client.org_id}
    path = f"/api/ssl/{await client.api_version()}"
    page = await client.listed(Call(LIST, "GET", path, query=query), SslReportRow)
    return _reported(page, listed_as=status)


def _reported(page: Page[_AnyRow], listed_as: str = "") -> Page[Reported]:
    """Return the rows that name a certificate; others, such as those of rejected orders, are counted as unreadable."""
    rows = [row.reported(listed_as) for row in page.rows if row.scm_id is not None]
    return Page(tuple(rows), page.length - len(rows), page.total)
