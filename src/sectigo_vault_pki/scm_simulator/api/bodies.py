"""Request bodies of the SSL and the client certificate API, and the problem that each flaw in them is."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.scm_problems import Problem

_MAIL = r"[^\s@,]+@[^\s@,]+"

CsrText = Annotated[str, Field(min_length=1, max_length=32_767)]
Reason = Annotated[str, Field(min_length=1, max_length=512)]
CommonName = Annotated[str, Field(min_length=1, max_length=64)]
Mail = Annotated[str, StringConstraints(pattern=rf"^{_MAIL}$", max_length=256)]
Mails = Annotated[str, StringConstraints(pattern=rf"^(?:{_MAIL}(?:\s*,\s*{_MAIL})*)?$", max_length=512)]
# In the client certificate API, RFC 5321 4.1.2: a Dot-string at a domain name, which is what an rfc822Name can hold.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"

Mailbox = Annotated[str, StringConstraints(pattern=rf"^{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*$", max_length=128)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
MiddleName = Annotated[str, StringConstraints(strip_whitespace=True)]
Phone = Annotated[str, StringConstraints(pattern=r"^[0-9#()+| x-]*$", max_length=32)]
MaybeEmptyReason = Annotated[str, Field(max_length=512)]

DcvMode = Literal["AUTO", "CNAME", "EMAIL", "HTTP", "HTTPS", "PERSISTENT_TXT", "TXT"]  # scm-api.md 13.3


class Body(BaseModel):
    """JSON as SCM reads it: types are strict, unknown fields are harmless, null is absent where a field may be."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True, hide_input_in_errors=True)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Read and check.

        Raises:
            Problem: -1002, -7, -1001 or -1601.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            # The first flaw is the answer, as SCM's is; parsing ones come first.
            flaws = [_problem(details) for details in error.errors(include_url=False)]
            raise min(flaws, key=lambda problem: problem.code != _UNPARSABLE) from error


class CustomFieldValue(Body):
    name: Annotated[str, Field(min_length=1, max_length=256)]
    value: Annotated[str, Field(max_length=256)] = ""


class EnrollBody(Body):
    """scm-api.md 3.2. `numberServers` and `serverType` are taken and without effect."""

    orgId: Annotated[int, Field(ge=1)]  # noqa: N815 - SCM's spelling
    csr: CsrText
    certType: int  # noqa: N815 - SCM's spelling
    term: Annotated[int, Field(ge=1)]
    subjAltNames: str | None = None  # noqa: N815 - SCM's spelling
    comments: Annotated[str, Field(max_length=1024)] | None = None
    externalRequester: Mails | None = None  # noqa: N815 - SCM's spelling
    customFields: list[CustomFieldValue] | None = None  # noqa: N815 - SCM's spelling
    dcvMode: DcvMode | None = None  # noqa: N815 - SCM's spelling
    dcvEmail: Mail | None = None  # noqa: N815 - SCM's spelling
    numberServers: int | None = None  # noqa: N815 - SCM's spelling
    serverType: int | None = None  # noqa: N815 - SCM's spelling


class RenewBody(Body):
    """scm-api.md 3.5."""

    csr: CsrText | None = None
    dcvMode: DcvMode | None = None  # noqa: N815 - SCM's spelling
    dcvEmail: Mail | None = None  # noqa: N815 - SCM's spelling


class ReplaceBody(Body):
    """scm-api.md 3.6: SANs are a list here, and only here."""

    csr: CsrText
    reason: Reason
    commonName: CommonName | None = None  # noqa: N815 - SCM's spelling
    subjectAlternativeNames: list[str] | None = None  # noqa: N815 - SCM's spelling
    dcvMode: DcvMode | None = None  # noqa: N815 - SCM's spelling
    dcvEmail: Mail | None = None  # noqa: N815 - SCM's spelling


def _reason_code(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


ReasonCode = Annotated[Literal[0, 1, 3, 4, 5], BeforeValidator(_reason_code)]


class RevokeBody(Body):
    """scm-api.md 3.7: the code may be a number or its text."""

    reason: Reason
    reasonCode: ReasonCode = 0  # noqa: N815 - SCM's spelling


class DecisionBody(Body):
    """Of approve and decline."""

    message: Reason


class ClientEnrollBody(Body):
    """scm-api.md 4.1."""

    orgId: Annotated[int, Field(ge=1)]  # noqa: N815 - SCM's spelling
    csr: CsrText
    certType: int  # noqa: N815 - SCM's spelling
    term: Annotated[int, Field(ge=1)]
    email: Mailbox
    firstName: Name  # noqa: N815 - SCM's spelling
    lastName: Name  # noqa: N815 - SCM's spelling
    middleName: MiddleName | None = None  # noqa: N815 - SCM's spelling
    phone: Phone | None = None
    secondaryEmails: list[Mailbox] | None = None  # noqa: N815 - SCM's spelling
    commonName: CommonName | None = None  # noqa: N815 - SCM's spelling
    eppn: Annotated[str, Field(max_length=128)] | None = None
    upn: Annotated[str, Field(max_length=256)] | None = None
    comments: Annotated[str, Field(max_length=1024)] | None = None
    customFields: list[CustomFieldValue] | None = None  # noqa: N815 - SCM's spelling


class ClientReplaceBody(Body):
    """scm-api.md 4: `revoke` is about the certificate that is replaced."""

    csr: CsrText
    reason: Reason
    revoke: bool = False


class ClientRevokeBody(Body):
    """As for SSL, but the reason may be empty."""

    reason: MaybeEmptyReason
    reasonCode: ReasonCode = 0  # noqa: N815 - SCM's spelling


class PersonRevokeBody(ClientRevokeBody):
    """Of the revocation of everything that a person has."""

    email: Mailbox


class PasswordBody(Body):
    """scm-api.md 13.1."""

    newPassword: Annotated[str, Field(min_length=1, max_length=256)]  # noqa: N815 - SCM's spelling


class DomainBody(Body):
    """scm-api.md 13.3."""

    domain: Annotated[str, Field(min_length=3, max_length=255)]


_REPORT_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T.*)?$"

ReportDate = Annotated[str, StringConstraints(pattern=_REPORT_DATE, max_length=40)]


def _number_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_AsText = BeforeValidator(_number_text)  # clients send a number as well
SslReportStatus = Annotated[Literal["0", "1", "2", "3", "4"], _AsText]
SslReportDate = Annotated[Literal["2", "3", "4", "5"], _AsText]
ClientReportStatus = Annotated[Literal["0", "2", "3", "4", "5", "6"], _AsText]
ClientReportDate = Annotated[Literal["0", "1", "2", "3"], _AsText]


class ReportBody(Body):
    """scm-api.md 13.2: what both reports have in common; a report without a window is of everything (inferred)."""

    from_: Annotated[ReportDate | None, Field(alias="from")] = None
    to: ReportDate | None = None
    organizationIds: list[int] | None = None  # noqa: N815 - SCM's spelling


class SslReportBody(ReportBody):
    commonName: Annotated[str, Field(max_length=256)] | None = None  # noqa: N815 - SCM's spelling
    externalRequester: Annotated[str, Field(max_length=512)] | None = None  # noqa: N815 - SCM's spelling
    certificateStatus: SslReportStatus = "0"  # noqa: N815 - SCM's spelling
    certificateDateAttribute: SslReportDate = "4"  # noqa: N815 - SCM's spelling
    serialNumberFormat: str | None = None  # noqa: N815 - SCM's spelling


class ClientReportBody(ReportBody):
    certificateStatus: ClientReportStatus = "0"  # noqa: N815 - SCM's spelling
    certificateDateAttribute: ClientReportDate = "0"  # noqa: N815 - SCM's spelling


_UNPARSABLE = -1002
_OUT_OF_RANGE = frozenset(
    {"greater_than_equal", "literal_error", "string_pattern_mismatch", "string_too_long", "string_too_short"}
)


def _problem(details: ErrorDetails) -> Problem:
    field = ".".join(str(part) for part in details["loc"] if isinstance(part, str))
    if details["type"] == "missing":
        return scm_problems.missing_value(field)
    if details["input"] is None and field:
        return scm_problems.null_value(field)
    if details["type"] in _OUT_OF_RANGE:
        return scm_problems.invalid_value(field)
    return scm_problems.unparsable_body()
