"""Domain control validation: what SCM says of a tenant's domains, and of what an order waits for (scm-api.md 13.3)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AliasChoices, BeforeValidator, Field, ValidationError, model_validator

from sectigo_vault_pki.errors import ScmRefusedError, ScmUnavailableError, UnknownDomainError
from sectigo_vault_pki.scm.call import Call
from sectigo_vault_pki.scm.certificate_api import PAGE, WholeList, whole_list
from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.codes import DCV, VALIDATION_STATUS, VALIDATIONS, is_unknown_domain
from sectigo_vault_pki.scm.results import Line, Page, ScmJson, Word, as_moment

_VALIDATION = "/api/dcv/v2/validation"
_NOT_OFFERED = "an older SCM may not tell the state of domain validation"
_UNKNOWN_CALL = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
_LONGEST_DOMAIN = 255


class Instruction(ScmJson):
    """What is to be done so that a domain can be validated; empty where SCM says nothing.

    Attributes:
        domain: in lower case.
        mode: how it is validated, such as `CNAME`, `TXT`, `HTTP` or `EMAIL`.
        host: the DNS record to write.
        point: what the record has to say.
        url: where a file is to be published.
        first_line: of that file.
        second_line: of that file.
        email: who gets the question.
    """

    domain: Line = Field(default="", validation_alias=AliasChoices("domainName", "domain"))
    mode: Word = Field(default="", validation_alias=AliasChoices("dcvMode", "orderMode"))
    host: Line = ""
    point: Line = ""
    url: Line = ""
    first_line: Line = Field(default="", validation_alias="firstLine")
    second_line: Line = Field(default="", validation_alias="secondLine")
    email: Line = Field(default="", validation_alias="dcvEmail")

    @model_validator(mode="before")
    @classmethod
    def _lines_of_file(cls, values: Any) -> Any:
        """Take the file of an order's instruction apart into its lines."""
        text = values.get("file") if isinstance(values, dict) else None
        if not isinstance(text, str) or "firstLine" in values:
            return values
        first, _, rest = text.strip().partition("\n")
        return {**values, "firstLine": first, "secondLine": rest}

    @property
    def says_something(self) -> bool:
        """Whether there is anything to publish, or somebody who is asked."""
        return any((self.host, self.point, self.url, self.first_line, self.email))


class _State(ScmJson):
    """What the list and the answer about one domain have in common."""

    expiration_date: Word = Field(default="", validation_alias="expirationDate")

    @property
    def ends_at(self) -> datetime | None:
        """When the validation ends or ended, if it succeeded and that can be read."""
        return as_moment(self.expiration_date)

    @property
    def ends_on_a_day(self) -> bool:
        """Whether SCM names the day alone."""
        return "T" not in self.expiration_date


def _domain(value: Any) -> str:
    """Read a domain's name, which is part of a path; anything else is an error."""
    name = value.strip().lower().removesuffix(".") if isinstance(value, str) else ""
    if not name or len(name) > _LONGEST_DOMAIN or not name.isprintable() or "/" in name or " " in name:
        raise ValueError("no domain")
    return name


class DomainRow(_State):
    """One line of the list of domains; the words are SCM's, empty where it says nothing.

    Attributes:
        domain: in lower case.
        status: `Not validated`, `Validated` or `Expired`.
        method: how it was validated.
        order_status: of a validation in progress.
        order_method: of a validation in progress.
    """

    domain: Annotated[str, BeforeValidator(_domain)]
    status: Word = Field(default="", validation_alias="dcvStatus")
    method: Word = Field(default="", validation_alias="dcvMethod")
    order_status: Word = Field(default="", validation_alias="dcvOrderStatus")
    order_method: Word = Field(default="", validation_alias="dcvOrderMethod")


class DomainDetails(_State):
    """What SCM says of one domain.

    Attributes:
        last_check: when SCM looked, as it writes it.
        next_check: when it looks again.
        instruction: what is to be done; None where nothing is.
    """

    status: Word = Field(default="", validation_alias=AliasChoices("status", "dcvStatus"))
    method: Word = Field(default="", validation_alias="dcvMethod")
    order_status: Word = Field(default="", validation_alias=AliasChoices("orderStatus", "dcvOrderStatus"))
    order_method: Word = Field(default="", validation_alias=AliasChoices("orderMode", "dcvOrderMethod"))
    last_check: Word = Field(default="", validation_alias="lastCheck")
    next_check: Word = Field(default="", validation_alias="nextCheck")
    instruction: Instruction | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_instruction(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        instruction = Instruction.model_validate(values)
        return {**values, "instruction": instruction if instruction.says_something else None}


def _instructions(value: Any) -> list[Instruction]:
    """Read the instructions that can be read."""
    found = []
    for each in value if isinstance(value, list) else []:
        try:
            found.append(Instruction.model_validate(each))
        except ValidationError:
            continue
    return found


class _OrderRow(ScmJson):
    """The validation of one order."""

    instructions: Annotated[Sequence[Instruction], BeforeValidator(_instructions)] = ()


async def listed_domains(client: ScmClient) -> WholeList[DomainRow]:
    """List the domains that the login may see, with the state of their validation.

    Raises:
        ScmRefusedError: SCM does not tell this login.
        ScmUnavailableError: SCM gave no useful answer.
    """
    with _naming_older_versions():
        return await whole_list(partial(_page, client))


async def domain_details(client: ScmClient, name: str) -> DomainDetails:
    """Return what SCM says of one domain.

    Raises:
        UnknownDomainError: SCM does not know it.
        ScmRefusedError: SCM does not tell this login.
        ScmUnavailableError: SCM gave no useful answer.
    """
    call = Call(VALIDATION_STATUS, "POST", f"{_VALIDATION}/status", body={"domain": name})
    with _naming_older_versions():
        try:
            return await client.parsed(call, DomainDetails)
        except ScmRefusedError as error:
            if is_unknown_domain(error.operation, error.code):
                raise UnknownDomainError(name) from None
            raise


async def instructions_of_order(client: ScmClient, ssl_id: int) -> Sequence[Instruction]:
    """Return what is to be done for an SSL order's domains; empty where nothing is.

    Raises:
        ScmRefusedError: SCM does not tell this login.
        ScmUnavailableError: SCM gave no useful answer.
    """
    call = Call(DCV, "GET", f"/api/ssl/{await client.api_version()}/{ssl_id}/dcv")
    rows = (await client.listed(call, _OrderRow)).rows
    return [each for row in rows for each in row.instructions]


async def _page(client: ScmClient, position: int) -> Page[DomainRow]:
    query: Mapping[str, int] = {"size": PAGE, "position": position}
    return await client.listed(Call(VALIDATIONS, "GET", _VALIDATION, query=query), DomainRow)


@contextmanager
def _naming_older_versions() -> Iterator[None]:
    """Add to an error that the SCM may be too old, where its answer may mean that."""
    try:
        yield
    except ScmRefusedError as error:
        if error.status not in _UNKNOWN_CALL or error.hint is not None:
            raise
        raise ScmRefusedError(
            error.operation,
            code=error.code,
            description=error.description,
            status=error.status,
            hint=_NOT_OFFERED,
        ) from None
    except ScmUnavailableError as error:
        if not error.answered or error.login_refused:
            raise
        raise ScmUnavailableError(error.operation, f"{error}; {_NOT_OFFERED}", answered=True) from None
