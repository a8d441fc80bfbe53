"""Trying a config entry's login at SCM: reads only, so that nothing is ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sectigo_vault_pki.errors import InvalidInputError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.renewal_rule import clocks_apart
from sectigo_vault_pki.scm import (
    CERTIFICATE_APIS,
    OrganizationDetails,
    PasswordState,
    ScmClient,
    details,
    organization,
    password_state,
)
from sectigo_vault_pki.store import CertificateType

EXPIRES_SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class AccountCheck:
    """What SCM says of an account.

    Attributes:
        departments: names of those below the organization.
        is_enabled: whether its API is enabled for the entry's certificate type; None: SCM does not tell.
        profiles: how many certificate profiles the organization may order.
        password: when it ends; None: SCM does not tell, or the login has none.
        clock_difference: by how much the plugin's clock is ahead of SCM's; None: SCM did not tell the time.
        warnings: what will stop orders, now or soon.
    """

    organization: str
    departments: Sequence[str]
    is_enabled: bool | None
    profiles: int
    password: PasswordState | None
    api_version: str
    clock_difference: timedelta | None
    warnings: tuple[str, ...]


async def check_account(resources: Resources, entry: Entry) -> AccountCheck:
    """Log in, and ask SCM what the account may do.

    Raises:
        InvalidInputError: SCM takes the login, and the account cannot order.
        ScmRefusedError, ScmUnavailableError: SCM does not take the login, or gives no useful answer.
    """
    kind = entry.config.certificate_type
    async with resources.clients.lend(entry) as client:
        found = await organization(client)
        if not found.name:
            raise InvalidInputError(
                f"SCM takes the login, and lists no organization or department with the id {entry.config.org_id}: "
                "correct sectigo_cm_org_id, or have the account get access to it"
            )
        profiles = (await CERTIFICATE_APIS[kind].profiles(client)).rows
        password = await password_state(client) if entry.config.password is not None else None
        enabled = await _enabled(client, kind)
        api_version = await client.api_version()
    if enabled is False:
        raise InvalidInputError(
            f'SCM takes the login, and its API is not enabled for certificates of type {kind} of "{found.name}": have '
            "it enabled in the organization's settings at SCM"
        )
    difference = resources.clients.clock_difference(entry.config)
    apart = clocks_apart(difference)
    warnings = (
        *((f"SCM offers {found.name} no certificate profile of type {kind}",) if not profiles else ()),
        *_of_password(password, resources.clock.now().date()),
        *((apart.reason,) if apart is not None else ()),
    )
    return AccountCheck(
        organization=found.name,
        departments=found.departments,
        is_enabled=enabled,
        profiles=len({profile.id for profile in profiles}),
        password=password,
        api_version=api_version,
        clock_difference=difference,
        warnings=warnings,
    )


async def _enabled(client: ScmClient, kind: CertificateType) -> bool | None:
    """Return whether the API is enabled for a certificate type; None where SCM does not tell this account."""
    try:
        told: OrganizationDetails = await details(client)
    except ScmRefusedError as error:
        if error.login_refused:
            raise
        return None
    except ScmUnavailableError as error:
        if not error.answered or error.login_refused:
            raise
        return None
    return told.ssl_enabled if kind is CertificateType.SSL else told.smime_enabled


def _of_password(password: PasswordState | None, today: date) -> Sequence[str]:
    if password is None:
        return ()
    if password.state.upper() == "EXPIRED":
        return ("the password of the API user has expired: write another one, or have SCM renew it",)
    ends = password.ends
    if ends is None or ends - today > EXPIRES_SOON:
        return ()
    return (f"the password of the API user ends on {ends.isoformat()}: configs/:name/rotate-root changes it",)
