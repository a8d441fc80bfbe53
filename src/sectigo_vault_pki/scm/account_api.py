"""What SCM says of an account itself: its organization, its password (scm-api.md 5, 13.1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from pydantic import Field, SecretStr

from sectigo_vault_pki.errors import ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.scm.call import Call
from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.codes import CHANGE_PASSWORD, ORGANIZATION, PASSWORD_STATE
from sectigo_vault_pki.scm.results import Flag, Id, ScmJson, Word, as_date


class DepartmentRow(ScmJson):
    """One department of an organization."""

    id: Id
    name: Word = ""


class OrganizationRow(ScmJson):
    """One line of the list of organizations."""

    id: Id
    name: Word = ""
    departments: Sequence[DepartmentRow] = ()


class OrganizationDetails(ScmJson):
    """What may be ordered for an organization over the API; None where SCM does not say it."""

    ssl_enabled: Flag = Field(default=None, validation_alias="sslCertsApiEnabled")
    smime_enabled: Flag = Field(default=None, validation_alias="clientCertsApiEnabled")


class PasswordState(ScmJson):
    """When the password of an API user ends.

    Attributes:
        state: SCM's word: `ALIVE`, `EXPIRED` or `NEVER_EXPIRE`.
        expiration_date: such as `2027-01-12`; empty for one that does not end.
    """

    state: Word = ""
    expiration_date: Word = Field(default="", validation_alias="expirationDate")

    @property
    def ends(self) -> date | None:
        """The day on which the password ends, if it does and that can be read."""
        return as_date(self.expiration_date)


@dataclass(frozen=True, slots=True)
class Organization:
    """The organization or department that orders.

    Attributes:
        name: empty where SCM does not list the id.
        departments: those below it, by name.
    """

    name: str
    departments: Sequence[str]


async def organization(client: ScmClient) -> Organization:
    """Return the client's organization or department."""
    rows = (await client.listed(Call(ORGANIZATION, "GET", "/api/organization/v1"), OrganizationRow)).rows
    for row in rows:
        if row.id == client.org_id:
            return Organization(row.name, [department.name for department in row.departments])
        for department in row.departments:
            if department.id == client.org_id:
                return Organization(department.name, ())
    return Organization("", ())


async def details(client: ScmClient) -> OrganizationDetails:
    """Return what may be ordered for the client's organization."""
    call = Call(ORGANIZATION, "GET", f"/api/organization/v1/{client.org_id}")
    return await client.parsed(call, OrganizationDetails)


async def password_state(client: ScmClient) -> PasswordState | None:
    """Return when the password ends; None where SCM does not tell this account.

    Raises:
        ScmRefusedError: SCM does not take the login.
        ScmUnavailableError: SCM gave no useful answer.
    """
    try:
        return await client.parsed(Call(PASSWORD_STATE, "GET", "/api/admin/v1/password"), PasswordState)
    except ScmRefusedError as error:
        if error.login_refused:
            raise
        return None
    except ScmUnavailableError as error:
        if not error.answered or error.login_refused:
            raise
        return None


async def change_password(client: ScmClient, new_password: str) -> None:
    """Give the API user another password; its login is the one that the client has.

    Raises:
        ScmRefusedError, ScmUnavailableError: the old password is in force.
        ScmAnswerLostError: the old one or the new one is.
    """
    # As an order it is never sent twice: after the first time, the password that it is sent with is a wrong one.
    call = Call(
        CHANGE_PASSWORD,
        "POST",
        "/api/admin/v1/changepassword",
        body={"newPassword": new_password},
        is_order=True,
        secrets=(SecretStr(new_password),),
    )
    await client.done(call)
