"""`configs/:config_name/test` and `configs/:config_name/rotate-root`: the login of a config entry at SCM."""

from sectigo_vault_pki.lifecycle import AccountCheck, Engine, PasswordRotation
from sectigo_vault_pki.paths.answers.certificate_answer import NUMBER, TEXT, TEXTS, Schema
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

TEST_SCHEMA: Schema = {
    "api_enabled": {**TEXT, "description": "Whether SCM's API is enabled for the entry's type: yes, or unknown"},
    "api_version": {**TEXT, "description": "Version of SCM's API: v1 or v2"},
    "clock_difference": {**NUMBER, "description": "Seconds by which the plugin's clock is ahead of SCM's"},
    "departments": {**TEXTS, "description": "Names of the organization's departments"},
    "organization": {**TEXT, "description": "Name of the organization or department"},
    "password_expiration": {**TEXT, "description": "Day on which the password ends; empty if SCM does not tell"},
    "password_state": {**TEXT, "description": "ALIVE, EXPIRED or NEVER_EXPIRE; empty if SCM does not tell"},
    "profiles": {**NUMBER, "description": "Number of certificate profiles that can be ordered"},
}


def path_config_test(engine: Engine) -> Path:
    """Declare the trial of an entry's login."""

    async def read(_: Request, data: FieldData) -> Response:
        check = await engine.check_account(data[CONFIG_NAME])
        return Response(data=_shown(check), warnings=check.warnings)

    return Path(
        template="configs/{config_name}/test",
        fields=(CONFIG_NAME,),
        operations={
            Operation.READ: Handler(
                read, summary="Try a config entry's login.", forwarded=True, answer=TEST_SCHEMA, failures=SCM_FAILURES
            )
        },
        synopsis="Try a config entry's login at SCM, and order nothing.",
        description=TEST_DESCRIPTION,
    )


def path_rotate_root(rotation: PasswordRotation) -> Path:
    """Declare the change of an entry's password at SCM."""

    async def write(_: Request, data: FieldData) -> Response | None:
        names = [name for name in await rotation.rotate(data[CONFIG_NAME]) if name != data[CONFIG_NAME]]
        if not names:
            return None
        return Response(
            warnings=(f"these config entries have the same login, and the new password: {', '.join(names)}",)
        )

    return Path(
        template="configs/{config_name}/rotate-root",
        fields=(CONFIG_NAME,),
        operations={
            Operation.UPDATE: Handler(
                write, summary="Change an entry's password at SCM.", forwarded=True, warns=True, failures=SCM_FAILURES
            )
        },
        synopsis="Give the API user of a config entry a new random password at SCM.",
        description=ROTATE_DESCRIPTION,
    )


def _shown(check: AccountCheck) -> dict[str, object]:
    difference = check.clock_difference
    return {
        "api_enabled": "unknown" if check.is_enabled is None else "yes",
        "api_version": check.api_version,
        "clock_difference": 0 if difference is None else int(difference.total_seconds()),
        "departments": list(check.departments),
        "organization": check.organization,
        "password_expiration": check.password.expiration_date if check.password else "",
        "password_state": check.password.state if check.password else "",
        "profiles": check.profiles,
    }


TEST_DESCRIPTION = """
Logs in at SCM and reads what the account may do: its organization and departments, whether SCM's API is enabled for the
entry's certificate type, the number of certificate profiles, when the password ends, and by how much the clocks differ.
Nothing is ordered. A failure is an error with the reason and what to do.
"""

ROTATE_DESCRIPTION = """
Changes the password of the API user at SCM to a random one that only Vault knows, for all config entries of this mount
with that login. Nobody else can use the password afterwards: other mounts, servers and tools with the same API user
lose their login. Both passwords are stored before SCM is asked, and the old one is dropped once SCM takes the new one,
so that an interruption locks nobody out. Only for the login password.
"""
