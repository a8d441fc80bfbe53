"""`roles/`, `roles/:role` and `roles/:role/ca_chain`: what may be ordered, apart from SCM's login."""

from collections.abc import Mapping
from datetime import timedelta

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.lifecycle import DEFAULT_MAX_ORDERS, Roles, guard_warnings
from sectigo_vault_pki.paths.answers.certificate_answer import LIST_SCHEMA
from sectigo_vault_pki.paths.answers.pki_answer import CA_CHAIN_SCHEMA, ca_chain
from sectigo_vault_pki.paths.fields import role_fields as fields
from sectigo_vault_pki.paths.fields.columns import answer_schema, shown_values, stored_values
from sectigo_vault_pki.paths.fields.pki_fields import ROLE
from sectigo_vault_pki.pki import KeyParameters
from sectigo_vault_pki.store import RoleRecord
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path, problem_text
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response, list_response

ROLE_SCHEMA = answer_schema(fields.FIELDS)


def path_roles_list(roles: Roles) -> Path:
    """Declare the list."""

    async def list_names(_request: Request, _data: FieldData) -> Response:
        return list_response(await roles.names())

    return Path(
        template="roles/",
        fields=(),
        operations={Operation.LIST: Handler(list_names, answer=LIST_SCHEMA)},
        synopsis="List the roles.",
        description="Returns the names of the roles.",
    )


def path_roles(roles: Roles) -> Path:
    """Declare write, read and delete."""

    async def write(_: Request, data: FieldData) -> Response:
        written = await roles.put(data[ROLE], role_record(data))
        return Response(data=shown_role(written.role), warnings=written.warnings)

    async def read(_: Request, data: FieldData) -> Response:
        role = await roles.get(data[ROLE])
        return Response(data=shown_role(role), warnings=guard_warnings(role))

    async def delete(_: Request, data: FieldData) -> None:
        await roles.delete(data[ROLE])

    async def exists(_: Request, data: FieldData) -> bool:
        return await roles.exists(data[ROLE])

    put = Handler(write, summary="Write a role.", forwarded=True, answer=ROLE_SCHEMA)
    return Path(
        template="roles/{role}",
        fields=(ROLE, *fields.FIELDS),
        operations={
            Operation.CREATE: put,
            Operation.UPDATE: put,
            Operation.READ: Handler(read, summary="Read a role.", answer=ROLE_SCHEMA),
            Operation.DELETE: Handler(delete, summary="Delete a role.", forwarded=True),
        },
        synopsis="Define what may be ordered under a name, from which config entry and how often.",
        description=DESCRIPTION,
        existence_check=exists,
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


def role_record(data: FieldData) -> RoleRecord:
    """Return the role that a write describes; fields it does not mention have their defaults, as in Vault's pki.

    Raises:
        InvalidInputError: the role could never order anything, or would order on every request.
    """
    if lacking := [field.missing_text for field in fields.REQUIRED if data.lacks(field)]:
        raise InvalidInputError(problem_text(lacking))
    allowed_subject = {field.name: value for field in fields.SUBJECT if (value := data.get(field))}
    role = RoleRecord.model_validate({**stored_values(fields.TABLE, data), "allowed_subject": allowed_subject})
    _check_key(role)
    _check_times(role)
    return role.model_copy(update={"max_ttl": role.max_ttl or None, **_guards(role, data)})


def _guards(role: RoleRecord, data: FieldData) -> Mapping[str, object]:
    """Return the limits that keep a looping client from spending; they apply unless the write sets them."""
    third = timedelta(days=role.validity_days).total_seconds() / 3
    is_limited = fields.MAX_ORDERS_PER_DAY in data
    return {
        "min_remaining": role.min_remaining if fields.MIN_REMAINING in data else third,
        "max_orders_per_day": (role.max_orders_per_day or None) if is_limited else DEFAULT_MAX_ORDERS,
    }


def _check_key(role: RoleRecord) -> None:
    if role.key_type == "any":
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
    if role.max_ttl and role.max_ttl < validity:
        raise InvalidInputError("validity must not be longer than max_ttl")
    if role.min_remaining >= validity:
        raise InvalidInputError("min_remaining must be shorter than validity: otherwise every request would order")


def shown_role(role: RoleRecord) -> Mapping[str, object]:
    """Return a role as a read shows it: lengths of time in seconds, validity in days, 0 for no limit."""
    subject = role.allowed_subject or {}
    return {
        **shown_values(fields.TABLE, role, with_defaults=False),
        **{field.name: list(subject.get(field.name, ())) for field in fields.SUBJECT},
    }


DESCRIPTION = """
A role says what issue/ and sign/ may order: for which domains, with which keys, for how long, how often, and under
which config entry. Users of a role need neither SCM's ids nor its login.

A write replaces the role: fields that it does not mention have their defaults. Two of the defaults keep a client that
asks in a loop from spending: min_remaining and max_orders_per_day. Deleting a role leaves its certificates stored, and
its orders of the day counted.
"""

CA_CHAIN_DESCRIPTION = """
Returns the issuers of the certificate that the role returned last, nearest first. SCM does not tell in advance who
will issue, so there is nothing to read before the first certificate.
"""
