"""`configs/` and `configs/:config_name`: an SCM account, an organization and a certificate type under a name."""

from collections.abc import Iterator, Mapping, Sequence

from sectigo_vault_pki.errors import InvalidInputError, UnknownConfigError
from sectigo_vault_pki.lifecycle import Configs
from sectigo_vault_pki.paths.answers.certificate_answer import LIST_SCHEMA
from sectigo_vault_pki.paths.fields import config_fields as fields
from sectigo_vault_pki.paths.fields import waiting_fields
from sectigo_vault_pki.paths.fields.columns import answer_schema, emptied_attributes, shown_values, stored_values
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME, RESERVED_NAMES
from sectigo_vault_pki.store import ConfigRecord, WaitingAndRenewal
from sectigo_vault_pki.vault_plugin.framework import (
    PAGING,
    Field,
    FieldData,
    Handler,
    Path,
    page_response,
    problem_text,
)
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

CERTIFICATES_STAY = (
    "the certificates of this entry stay stored and readable; writing the entry again brings them back under management"
)

_FIXED: Mapping[str, Field[object]] = {
    "certificate_type": fields.CONFIG_TYPE,
    "customer_uri": fields.URI,
    "host": fields.BASE_URL,
}
"""The attributes of `ConfigIdentity`, and the fields that set them."""


def path_configs_list(configs: Configs) -> Path:
    """Declare the list."""

    async def list_names(_: Request, data: FieldData) -> Response:
        return page_response(await configs.names(), data)

    return Path(
        template="configs/",
        fields=PAGING,
        operations={Operation.LIST: Handler(list_names, query=PAGING, answer=LIST_SCHEMA)},
        synopsis="List the config entries.",
        description="Returns the names of the config entries.",
    )


def path_configs(configs: Configs) -> Path:
    """Declare write, patch, read and delete."""

    async def review(request: Request, data: FieldData) -> Sequence[str]:
        existing = await configs.get(data[CONFIG_NAME])
        if existing is None and request.operation is Operation.PATCH:
            return ()
        names = _name_problems(existing, data[CONFIG_NAME])
        return [*names, *_lacking_fields(existing, data), *_login_problems(existing, data)]

    async def write(request: Request, data: FieldData) -> Response | None:
        written = await configs.write(
            data[CONFIG_NAME],
            lambda existing: changed_config(existing, data, may_create=request.operation is not Operation.PATCH),
            is_login_written=any(fields.TABLE[name].field in data for name in fields.LOGIN_AND_SECRETS),
        )
        if written.touched:
            names = " and ".join(_FIXED[attribute].name for attribute in written.touched)
            raise InvalidInputError(f"{names} cannot change while certificates are stored under this name")
        return Response(warnings=written.warnings) if written.warnings else None

    async def read(_: Request, data: FieldData) -> Response:
        config = await configs.get(data[CONFIG_NAME])
        if config is None:
            raise UnknownConfigError(data[CONFIG_NAME])
        return Response(data=shown_config(config))

    async def delete(_: Request, data: FieldData) -> Response | None:
        if not await configs.delete(data[CONFIG_NAME]):
            return None
        return Response(warnings=(CERTIFICATES_STAY,))

    async def exists(_: Request, data: FieldData) -> bool:
        return await configs.get(data[CONFIG_NAME]) is not None

    create_or_update = Handler(write, summary="Create or update a config entry.", forwarded=True, warns=True)
    return Path(
        template="configs/{config_name}",
        fields=(CONFIG_NAME, *fields.FIELDS),
        operations={
            Operation.CREATE: create_or_update,
            Operation.UPDATE: create_or_update,
            Operation.PATCH: Handler(write, summary="Change fields of a config entry.", forwarded=True, warns=True),
            Operation.READ: Handler(
                read,
                summary="Read a config entry without its password.",
                answer=answer_schema(fields.FIELDS),
            ),
            Operation.DELETE: Handler(
                delete, summary="Delete a config entry; its certificates stay.", forwarded=True, warns=True
            ),
        },
        synopsis="Keep an SCM account, an organization and a certificate type under a name.",
        description=DESCRIPTION,
        existence_check=exists,
        review=review,
    )


def changed_config(existing: ConfigRecord | None, data: FieldData, *, may_create: bool) -> ConfigRecord:
    """Return the entry after a write: what the request does not mention keeps its value.

    Raises:
        UnknownConfigError: there is no such entry, and this write creates none.
        InvalidInputError: a required field is missing, or the secret of a changed login.
    """
    if existing is None and not may_create:
        raise UnknownConfigError(data[CONFIG_NAME])
    if problems := [*_lacking_fields(existing, data), *_login_problems(existing, data)]:
        raise InvalidInputError(problem_text(problems))
    values: dict[str, object] = existing.model_dump() if existing else {}
    values |= _changes(data)
    kind = _login_kind(existing, data)
    if fields.PASSWORD in data or kind is not fields.LoginKind.PASSWORD:  # whatever a rotation was about to set
        values |= {"next_password": None, "next_password_until": None}
    unused = fields.OF_LOGINS - fields.LOGINS[kind].all
    values = {name: value for name, value in values.items() if name not in unused and value is not None}
    defaults = existing.defaults if existing else WaitingAndRenewal()
    values["defaults"] = defaults.changed_by(
        waiting_fields.waiting_and_renewal(data), waiting_fields.cleared_flags(data)
    )
    return ConfigRecord.model_validate(values)


def _login_kind(existing: ConfigRecord | None, data: FieldData) -> fields.LoginKind:
    """Return how the entry logs in after a write."""
    stored = None if existing is None or fields.AUTH.name in data.emptied else existing.auth
    return fields.LoginKind(data.get(fields.AUTH) or stored or fields.LoginKind.PASSWORD)


def _changes(data: FieldData) -> dict[str, object]:
    """Return the attributes that a write mentions; None for one that it removes."""
    return dict.fromkeys(emptied_attributes(fields.TABLE, data)) | stored_values(fields.TABLE, data)


def _name_problems(existing: ConfigRecord | None, config_name: str) -> Sequence[str]:
    """Return what is wrong with the name of a new entry; one that an earlier version stored keeps its name."""
    if existing is not None or config_name not in RESERVED_NAMES:
        return ()
    return (f'"{config_name}" cannot name a config entry: {RESERVED_NAMES[config_name]}',)


def _login_problems(existing: ConfigRecord | None, data: FieldData) -> Sequence[str]:
    if not data.is_usable(fields.AUTH):
        return ()
    kind = _login_kind(existing, data)
    login = fields.LOGINS[kind]
    kept = existing if existing is not None and _login_kind(existing, FieldData({})) is kind else None
    misplaced = [*_of_another_login(kind, data)]
    return misplaced or [*_lacking(login, kept, data), *_unproven(login, kept, data), *_plain(kind, existing, data)]


def _of_another_login(kind: fields.LoginKind, data: FieldData) -> Iterator[str]:
    for name in sorted(fields.OF_LOGINS - fields.LOGINS[kind].all):
        field = fields.TABLE[name].field
        if field in data:
            owners = " or ".join(other for other, login in fields.LOGINS.items() if name in login.all)
            yield f"{field.name} belongs to sectigo_cm_auth={owners}, and this entry logs in by {kind}"


def _lacking(login: fields.LoginFields, kept: ConfigRecord | None, data: FieldData) -> Iterator[str]:
    for name in login.required:
        field = fields.TABLE[name].field
        if data.lacks(field) and (kept is None or field.name in data.emptied):
            yield field.missing_text


def _plain(kind: fields.LoginKind, kept: ConfigRecord | None, data: FieldData) -> Iterator[str]:
    """Complain of a client certificate for an address that does not ask for one."""
    base_url = data.get(fields.BASE_URL) or (kept.base_url if kept is not None else "")
    if kind is fields.LoginKind.CERTIFICATE and base_url.startswith("http://"):
        yield "sectigo_cm_auth=certificate needs an https:// address: over http no client certificate is shown"


def _unproven(login: fields.LoginFields, kept: ConfigRecord | None, data: FieldData) -> Iterator[str]:
    """Complain of a login that changes without its secret in the same write."""
    secret = fields.TABLE[login.secret].field
    if kept is None or not data.lacks(secret) or secret.name in data.emptied:
        return
    changes = _changes(data)
    changed = [name for name in fields.OF_THE_LOGIN if name in changes and changes[name] != getattr(kept, name)]
    if changed:
        names = ", ".join(fields.TABLE[attribute].field.name for attribute in changed)
        yield (
            f"{secret.name} is required in the same write to change {names}, so that nobody can send the stored "
            f"{login.secret_words} elsewhere"
        )


def _lacking_fields(existing: ConfigRecord | None, data: FieldData) -> Sequence[str]:
    """Look for required fields once more: the entry may have been deleted after the host took this for an update."""
    if existing is not None:
        return ()
    return [field.missing_text for field in fields.FIELDS if field.required and data.lacks(field)]


def shown_config(config: ConfigRecord) -> Mapping[str, object]:
    """Return the entry as a read shows it: every field but the secrets, with the defaults in force."""
    return {
        **shown_values(fields.TABLE, config, with_defaults=True),
        **shown_values(waiting_fields.TABLE, config.defaults, with_defaults=True),
    }


DESCRIPTION = """
A config entry holds the login of an SCM account, an organization and the certificate type ordered under the entry;
any number of certificates can be ordered under one entry. sectigo_cm_auth says how the entry logs in.

A write to an existing entry is an update: fields that it does not mention keep their values, and an optional field sent
as empty text is removed. Changing the address, the user, the customer URI, the trusted bundle or the token URL needs
the password, client secret or key in the same write. The type, the customer URI and the address's host cannot change
while certificates are stored under the name. A read never returns a secret. Deleting the entry leaves its certificates
stored.
"""
