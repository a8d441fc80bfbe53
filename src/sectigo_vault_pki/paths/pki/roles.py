"""`roles/`, `roles/:name` and `roles/:role/ca_chain`: what may be ordered, apart from SCM's login."""

from collections.abc import Callable, Container, Mapping, Sequence
from datetime import timedelta

from sectigo_vault_pki.errors import InvalidInputError, UnknownRoleError
from sectigo_vault_pki.lifecycle import ANY_KEY, DEFAULT_MAX_ORDERS, Roles, guard_warnings, with_defaults
from sectigo_vault_pki.paths.answers.certificate_answer import LIST_SCHEMA
from sectigo_vault_pki.paths.answers.pki_answer import CA_CHAIN_SCHEMA, ca_chain
from sectigo_vault_pki.paths.fields import builtin_role_fields
from sectigo_vault_pki.paths.fields import role_fields as fields
from sectigo_vault_pki.paths.fields.columns import (
    answer_schema,
    emptied_attributes,
    fields_of,
    shown_values,
    stored_values,
)
from sectigo_vault_pki.paths.fields.pki_fields import ROLE
from sectigo_vault_pki.pki import KeyParameters
from sectigo_vault_pki.store import RoleDefaults, RoleRecord
from sectigo_vault_pki.vault_plugin.framework import (
    PAGING,
    FieldData,
    Handler,
    Path,
    Review,
    page_response,
    problem_text,
)
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

ROLE_SCHEMA = answer_schema(fields.FIELDS)


def path_roles_list(roles: Roles) -> Path:
    """Declare the list."""

    async def list_names(_: Request, data: FieldData) -> Response:
        return page_response(await roles.names(), data)

    return Path(
        template="roles/",
        fields=PAGING,
        operations={
            Operation.LIST: Handler(list_names, query=PAGING, answer=LIST_SCHEMA, operation_id="list-roles"),
        },
        synopsis="List the roles.",
        description="Returns the names of the roles.",
    )


def path_roles(roles: Roles) -> Path:
    """Declare write, patch, read and delete."""

    async def write(_: Request, data: FieldData) -> Response:
        return await put(data, lambda _stored, defaults: role_record(data, defaults))

    async def patch(_: Request, data: FieldData) -> Response:
        def patched(stored: RoleRecord | None, defaults: RoleDefaults) -> RoleRecord:
            if stored is None:
                raise UnknownRoleError(data[fields.NAME])
            return role_record(data, defaults, stored)

        return await put(data, patched)

    async def put(data: FieldData, make: Callable[[RoleRecord | None, RoleDefaults], RoleRecord]) -> Response:
        written = await roles.put(data[fields.NAME], make)
        remarks = builtin_role_fields.notice(builtin_role_fields.notable(data))
        return Response(data=shown_role(written.role), warnings=(*written.warnings, *remarks))

    async def read(_: Request, data: FieldData) -> Response:
        role = await roles.get(data[fields.NAME])
        return Response(data=shown_role(role), warnings=guard_warnings(role))

    async def delete(_: Request, data: FieldData) -> None:
        await roles.delete(data[fields.NAME])

    async def exists(_: Request, data: FieldData) -> bool:
        return await roles.exists(data[fields.NAME])

    put_handler = Handler(write, summary="Write a role.", forwarded=True, answer=ROLE_SCHEMA, operation_id="write-role")
    return Path(
        template="roles/{name}",
        fields=(fields.NAME, *fields.FIELDS),
        operations={
            Operation.CREATE: put_handler,
            Operation.UPDATE: put_handler,
            Operation.PATCH: Handler(
                patch,
                summary="Change fields of a role.",
                forwarded=True,
                answer=ROLE_SCHEMA,
                operation_id="patch-role",
            ),
            Operation.READ: Handler(read, summary="Read a role.", answer=ROLE_SCHEMA, operation_id="read-role"),
            Operation.DELETE: Handler(delete, summary="Delete a role.", forwarded=True, operation_id="delete-role"),
        },
        synopsis="Define what may be ordered under a name, from which config entry and how often.",
        description=DESCRIPTION,
        existence_check=exists,
        review=_review(roles),
    )


def _review(roles: Roles) -> Review:
    """Return what finds the problems of a role that single fields do not show."""

    async def review(request: Request, data: FieldData) -> Sequence[str]:
        refusals = builtin_role_fields.refusals(data)
        if request.operation is Operation.PATCH:  # what it leaves out is stored
            return refusals
        sent = {name for name, column in fields.DEFAULTS_TABLE.items() if not data.lacks(column.field)}
        return [*_lacking(sent, await roles.defaults()), *refusals]

    return review


def path_role_defaults(roles: Roles) -> Path:
    """Declare write, patch and read of what roles have that do not say it themselves."""

    async def write(_: Request, data: FieldData) -> Response:
        warnings = await roles.put_defaults(lambda defaults: changed_defaults(defaults, data))
        return Response(data=shown_defaults(await roles.defaults()), warnings=tuple(warnings))

    async def read(_request: Request, _data: FieldData) -> Response:
        return Response(data=shown_defaults(await roles.defaults()))

    schema = answer_schema(fields_of(fields.DEFAULTS_TABLE))
    change = Handler(write, summary="Set defaults of roles.", forwarded=True, answer=schema)
    return Path(
        template="config/roles",
        fields=fields_of(fields.DEFAULTS_TABLE),
        operations={
            Operation.UPDATE: change,
            Operation.PATCH: change,
            Operation.READ: Handler(read, summary="Read the defaults of roles.", answer=schema),
        },
        synopsis="Keep what roles have that do not say it themselves: config, certificate_type, validity.",
        description=DEFAULTS_DESCRIPTION,
    )


def path_role_ca_chain(roles: Roles) -> Path:
    """Declare the read of a role's issuers."""

    async def read(_: Request, data: FieldData) -> Response | None:
        chain = await roles.newest_chain(data[ROLE])
        return None if chain is None else Response(data=ca_chain(chain))

    return Path(
        template="roles/{role}/ca_chain",
        fields=(ROLE,),
        operations={
            Operation.READ: Handler(read, summary="Read the issuers of a role's certificates.", answer=CA_CHAIN_SCHEMA)
        },
        synopsis="Read the issuers of a role's certificates.",
        description=CA_CHAIN_DESCRIPTION,
    )


def role_record(data: FieldData, defaults: RoleDefaults, stored: RoleRecord | None = None) -> RoleRecord:
    """Return the role that a write describes.

    Args:
        data: the request's.
        defaults: the mount's, for what the role does not say.
        stored: for a patch: the role that keeps what the request does not mention; for a write, which replaces the role
            as in Vault's pki, None.

    Raises:
        InvalidInputError: the role could never order anything, or would order on every request.
    """
    kept = {} if stored is None else stored.model_dump(exclude={*stored.inherited})
    said = {name: value for name, value in kept.items() if name not in emptied_attributes(fields.TABLE, data)}
    said |= stored_values(fields.TABLE, data)
    inherited = _inherited(said, defaults, {} if stored is None else stored.model_dump(include={*stored.inherited}))
    values = {
        "min_remaining": 0.0,
        "max_orders_per_day": DEFAULT_MAX_ORDERS,
        **inherited,
        **said,
        "inherited": (*inherited, *({"min_remaining"} - {*said})),
        "allowed_subject": _allowed_subject(data, stored),
        "builtin_fields": _builtin_fields(data, stored),
    }
    role = with_defaults(RoleRecord.model_validate(values), defaults)
    _check_key(role)
    _check_times(role)
    unlimited = {name: getattr(role, name) or None for name in ("ttl", "max_ttl", "max_orders_per_day")}
    return role.model_copy(update=unlimited)


def _inherited(
    said: Mapping[str, object], defaults: RoleDefaults, in_force: Mapping[str, object]
) -> Mapping[str, object]:
    """Return the attributes that the mount's defaults decide; of one that is gone, the value that stays in force.

    Raises:
        InvalidInputError: none of them says one.
    """
    if lacking := _lacking({*said, *in_force}, defaults):
        raise InvalidInputError(problem_text(lacking))
    present = {name: getattr(defaults, name) for name in fields.DEFAULTS_TABLE if name not in said}
    return {name: in_force[name] if value is None else value for name, value in present.items()}


def _lacking(said: Container[str], defaults: RoleDefaults) -> Sequence[str]:
    """Return the errors about attributes that neither a role nor the mount's defaults say."""
    return [
        f"{column.field.name} is required: write it with the role, or to config/roles as the default of this mount's "
        "roles"
        for name, column in fields.DEFAULTS_TABLE.items()
        if name not in said and getattr(defaults, name) is None
    ]


def _allowed_subject(data: FieldData, stored: RoleRecord | None) -> Mapping[str, tuple[str, ...]]:
    kept = dict((stored.allowed_subject if stored else None) or {})
    sent = {field.name: data.get(field) for field in fields.SUBJECT if field in data or field.name in data.emptied}
    return {name: value for name, value in (kept | sent).items() if value}


def _builtin_fields(data: FieldData, stored: RoleRecord | None) -> Mapping[str, builtin_role_fields.Value]:
    kept = dict(stored.builtin_fields) if stored else {}
    return {name: value for name, value in kept.items() if name not in data.emptied} | (
        builtin_role_fields.decided_by_scm(data)
    )


def _check_key(role: RoleRecord) -> None:
    if role.key_type == ANY_KEY:
        if role.key_bits:
            raise InvalidInputError("key_bits must be 0 if key_type is any")
        return
    try:
        KeyParameters.parse(role.key_type, role.key_bits or None)
    except InvalidInputError as error:
        raise InvalidInputError(f"key_bits cannot be used: {error}") from None


def _check_times(role: RoleRecord) -> None:
    day, validity = timedelta(days=1).total_seconds(), timedelta(days=role.validity_days).total_seconds()
    if role.max_ttl and role.max_ttl < day:
        raise InvalidInputError("max_ttl must be at least a day: SCM issues for whole days")
    if role.ttl and role.max_ttl and role.ttl > role.max_ttl:
        raise InvalidInputError("ttl must not be longer than max_ttl")
    if role.max_ttl and role.max_ttl < validity and "validity_days" not in role.inherited:
        raise InvalidInputError("validity must not be longer than max_ttl")
    if role.min_remaining >= validity:
        raise InvalidInputError("min_remaining must be shorter than validity: otherwise every request would order")


def shown_role(role: RoleRecord) -> Mapping[str, object]:
    """Return a role as a read shows it, with every field of Vault's own pki engine.

    Lengths of time are in seconds, validity in days, 0 is no limit, and `key_bits` is the size of the keys made.
    """
    subject = role.allowed_subject or {}
    key_bits = 0 if role.key_type == ANY_KEY else KeyParameters.parse(role.key_type, role.key_bits or None).size
    return {
        **shown_values(fields.TABLE, role, with_defaults=False),
        "key_bits": key_bits,
        **{field.name: list(subject.get(field.name, ())) for field in fields.SUBJECT},
        **builtin_role_fields.shown(role.builtin_fields),
    }


def changed_defaults(defaults: RoleDefaults, data: FieldData) -> RoleDefaults:
    """Return the mount's defaults after a write: what it does not mention stays, and empty text removes one."""
    removed = dict.fromkeys(emptied_attributes(fields.DEFAULTS_TABLE, data))
    return defaults.model_copy(update=removed | stored_values(fields.DEFAULTS_TABLE, data))


def shown_defaults(defaults: RoleDefaults) -> Mapping[str, object]:
    """Return the mount's defaults as a read shows them; empty or 0 for one that is not set."""
    return shown_values(fields.DEFAULTS_TABLE, defaults, with_defaults=False)


DESCRIPTION = """
A role says what issue/ and sign/ may order: for which domains, with which keys, for how long, how often, and under
which config entry. Users of a role need neither SCM's ids nor its login.

A write replaces the role: fields that it does not mention have their defaults; a patch changes what it mentions. The
field names are those of Vault's own pki engine: those that SCM decides are stored without effect, and a role that would
promise more than can be kept is refused. What config/roles says applies to every role that leaves it out, also later.

Two of the defaults keep a client that asks in a loop from spending: min_remaining and max_orders_per_day. Deleting a
role leaves its certificates stored, and its orders of the day counted.
"""

DEFAULTS_DESCRIPTION = """
What a role has that does not name its own config entry, certificate profile or validity, so that tools that know only
the fields of Vault's own pki engine can write roles. A change applies at once to all roles that leave the field out. A
write changes what it mentions, and empty text removes a field. The CA reads (ca, ca_chain, issuer/default, …) are of
this config entry.
"""

CA_CHAIN_DESCRIPTION = """
Returns the issuers of the certificate that the role returned last, nearest first. SCM does not tell in advance who
will issue, so there is nothing to read before the first certificate.
"""
