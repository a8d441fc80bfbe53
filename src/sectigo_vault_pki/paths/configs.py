"""`configs/` and `configs/:config_name`: an SCM account, an organization and a certificate type under a name."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sectigo_vault_pki.errors import InvalidInputError, UnknownConfigError
from sectigo_vault_pki.lifecycle import Configs
from sectigo_vault_pki.paths import _fields, _kinds
from sectigo_vault_pki.paths._errors import with_logical_errors
from sectigo_vault_pki.store import CertificateType, ConfigRecord, WaitingAndRenewal
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path, kinds, problem_text
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response, list_response

USER = Field(
    name="sectigo_cm_user",
    label="SCM user",
    kind=_kinds.header_value(max_length=128),
    required=True,
    description="Login name of the SCM account.",
)
PASSWORD = Field(
    name="sectigo_cm_password",
    label="SCM password",
    kind=_kinds.header_value(max_length=256),
    required=True,
    secret=True,
    description="Password of the SCM account. Never shown again.",
)
URI = Field(
    name="sectigo_cm_uri",
    label="Customer URI",
    kind=_kinds.customer_uri(),
    required=True,
    missing="sectigo_cm_uri is required: the last part of your portal address …/customer/<uri>",
    description="Customer URI: the last part of your portal address …/customer/<uri>, and of every unique id.",
)
CONFIG_TYPE = Field(
    name="sectigo_config_type",
    label="Certificate type",
    kind=kinds.choice(*(kind.value for kind in CertificateType)),
    required=True,
    description="Certificate type of the entry: ssl_cert or client_cert. Fixed once certificates are stored under it.",
)
ORG_ID = Field(
    name="sectigo_cm_org_id",
    label="Organization id",
    kind=kinds.whole_number(minimum=1),
    required=True,
    description="Id of the organization at SCM.",
)
BASE_URL = Field(
    name="sectigo_cm_base_url",
    label="SCM address",
    kind=_kinds.base_url(),
    required=True,
    description="SCM's address, such as https://cert-manager.com. Plain http only for a loopback host.",
)
CA_CERT = Field(
    name="sectigo_cm_ca_cert",
    label="Trusted CAs",
    kind=_kinds.ca_bundle(),
    description="PEM bundle to trust for this address, instead of the public roots.",
)
REQUEST_TIMEOUT = Field(
    name="sectigo_cm_request_timeout",
    label="Time for one call (seconds)",
    kind=kinds.duration(unit=_fields.SECOND, minimum=_fields.SECOND),
    default=timedelta(seconds=60),
    inherits=True,
    description="Seconds for one call to SCM; one that orders may take 300. Default: 60.",
)
WAIT_LIMIT = Field(
    name="sectigo_wait_limit",
    label="Longest wait (seconds)",
    kind=kinds.duration(unit=_fields.SECOND, minimum=_fields.SECOND),
    default=timedelta(seconds=50),
    inherits=True,
    description=(
        "Seconds after which any request is answered, whatever it waits for. Raise it together with "
        "VAULT_CLIENT_TIMEOUT and the server's default_max_request_duration. Default: 50."
    ),
)

SUSPEND_RENEWALS = Field(
    name="sectigo_suspend_renewals",
    label="Suspend renewals",
    kind=kinds.boolean(),
    description=(
        "Whether nothing under this entry is renewed automatically, whatever its certificates say; a renew write still "
        "renews. The switch for emergencies. Default: false."
    ),
)
MAX_ORDERS_PER_DAY = Field(
    name="sectigo_max_orders_per_day",
    label="Orders in 24 hours",
    kind=kinds.whole_number(minimum=1),
    description=(
        "How many orders (enroll, renew, replace; by request or automatic) the entry may place in any 24 hours. "
        "Without it, any number."
    ),
)

CERTIFICATES_STAY = (
    "the certificates of this entry stay stored and readable; writing the entry again brings them back under management"
)

_OF_THE_LOGIN: Mapping[str, Field[object]] = {
    "login": USER,
    "customer_uri": URI,
    "base_url": BASE_URL,
    "ca_bundle": CA_CERT,
}
_FIXED: Mapping[str, Field[object]] = {"certificate_type": CONFIG_TYPE, "customer_uri": URI, "host": BASE_URL}


def path_configs_list(configs: Configs) -> Path:
    """Declare the list."""

    async def list_names(_request: Request, _data: FieldData) -> Response:
        return list_response(await configs.names())

    schema = {"keys": {"type": "array", "items": {"type": "string"}}}
    return Path(
        template="configs/",
        fields=(),
        operations={
            Operation.LIST: Handler(with_logical_errors(list_names), summary="List the config entries.", answer=schema)
        },
        synopsis="List the config entries.",
        description="Answers the names of the config entries.",
    )


def path_configs(configs: Configs) -> Path:
    """Declare write, read and delete."""

    async def review(_: Request, data: FieldData) -> Sequence[str]:
        return _login_problems(await configs.get(data[_fields.CONFIG_NAME]), data)

    async def write(_: Request, data: FieldData) -> Response | None:
        written = await configs.write(
            data[_fields.CONFIG_NAME],
            lambda existing: changed_config(existing, data),
            is_login_written=any(field in data for field in (*_OF_THE_LOGIN.values(), PASSWORD)),
        )
        if written.touched:
            names = " and ".join(_FIXED[attribute].name for attribute in written.touched)
            raise InvalidInputError(f"{names} cannot change while certificates are stored under this name")
        return Response(warnings=written.warnings) if written.warnings else None

    async def read(_: Request, data: FieldData) -> Response:
        config = await configs.get(data[_fields.CONFIG_NAME])
        if config is None:
            raise UnknownConfigError(data[_fields.CONFIG_NAME])
        return Response(data=shown_config(config))

    async def delete(_: Request, data: FieldData) -> Response | None:
        if not await configs.delete(data[_fields.CONFIG_NAME]):
            return None
        return Response(warnings=(CERTIFICATES_STAY,))

    async def exists(_: Request, data: FieldData) -> bool:
        return await configs.get(data[_fields.CONFIG_NAME]) is not None

    create_or_update = Handler(with_logical_errors(write), summary="Create or update a config entry.", forwarded=True)
    return Path(
        template="configs/{config_name}",
        fields=(
            _fields.CONFIG_NAME,
            *_FIELDS,
        ),
        operations={
            Operation.CREATE: create_or_update,
            Operation.UPDATE: create_or_update,
            Operation.READ: Handler(
                with_logical_errors(read),
                summary="Read a config entry; never its password.",
                answer={field.name: field.kind.schema for field in _FIELDS if not field.secret},
            ),
            Operation.DELETE: Handler(
                with_logical_errors(delete), summary="Delete a config entry; its certificates stay.", forwarded=True
            ),
        },
        synopsis="Keep an SCM account, an organization and a certificate type under a name.",
        description=DESCRIPTION,
        existence_check=exists,
        review=with_logical_errors(review),
    )


_FIELDS: tuple[Field[object], ...] = (
    USER,
    PASSWORD,
    URI,
    CONFIG_TYPE,
    ORG_ID,
    BASE_URL,
    CA_CERT,
    REQUEST_TIMEOUT,
    WAIT_LIMIT,
    *_fields.WAITING_AND_RENEWAL,
    SUSPEND_RENEWALS,
    MAX_ORDERS_PER_DAY,
)


def changed_config(existing: ConfigRecord | None, data: FieldData) -> ConfigRecord:
    """Return the entry after a write: what the request does not mention keeps its value.

    Raises:
        InvalidInputError: the write may not be done so.
    """
    _check_required(existing, data)
    for problem in _login_problems(existing, data):
        raise InvalidInputError(problem)
    values: dict[str, object] = existing.model_dump() if existing else {}
    values |= {attribute: data.get(field) for attribute, field in _PLAIN.items() if _mentioned(field, data)}
    for attribute, field in _DURATIONS.items():
        if _mentioned(field, data):
            values[attribute] = _seconds(data.get(field))
    defaults = existing.defaults if existing else WaitingAndRenewal()
    values["defaults"] = defaults.changed_by(_fields.waiting_and_renewal(data), _fields.cleared_flags(data))
    return ConfigRecord.model_validate(values)


def _login_problems(existing: ConfigRecord | None, data: FieldData) -> Sequence[str]:
    if existing is None or not data.lacks(PASSWORD):
        return ()
    sent = {attribute: field for attribute, field in _OF_THE_LOGIN.items() if _mentioned(field, data)}
    names = [field.name for attribute, field in sent.items() if data.get(field) != getattr(existing, attribute)]
    if not names:
        return ()
    complaint = (
        f"sectigo_cm_password is required in the same write to change {', '.join(names)}, so that nobody can send the "
        "stored password elsewhere"
    )
    return (complaint,)


_PLAIN: Mapping[str, Field[object]] = {
    "login": USER,
    "password": PASSWORD,
    "customer_uri": URI,
    "certificate_type": CONFIG_TYPE,
    "org_id": ORG_ID,
    "base_url": BASE_URL,
    "ca_bundle": CA_CERT,
    "suspend_renewals": SUSPEND_RENEWALS,
    "max_orders_per_day": MAX_ORDERS_PER_DAY,
}
_DURATIONS: Mapping[str, Field[timedelta]] = {"request_timeout": REQUEST_TIMEOUT, "wait_limit": WAIT_LIMIT}


def _check_required(existing: ConfigRecord | None, data: FieldData) -> None:
    """Make sure that an entry is whole which was deleted after the host had taken this write for an update."""
    lacking = [field.missing_text for field in _FIELDS if field.required and data.lacks(field)]
    if existing is None and lacking:
        raise InvalidInputError(problem_text(lacking))


def _mentioned(field: Field[object], data: FieldData) -> bool:
    return field in data or field.name in data.emptied


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


def shown_config(config: ConfigRecord) -> Mapping[str, object]:
    """Return the entry as a read shows it: every field but the password, with the defaults in force."""
    said = config.defaults

    def number(value: float | None, field: Field[timedelta], unit: timedelta = _fields.SECOND) -> object:
        held = field.default if value is None else timedelta(seconds=value)
        return "" if held is None else _fields.shown_duration(held, unit)

    return {
        USER.name: config.login,
        URI.name: config.customer_uri,
        CONFIG_TYPE.name: config.certificate_type.value,
        ORG_ID.name: config.org_id,
        BASE_URL.name: config.base_url,
        CA_CERT.name: config.ca_bundle or "",
        REQUEST_TIMEOUT.name: number(config.request_timeout, REQUEST_TIMEOUT),
        WAIT_LIMIT.name: number(config.wait_limit, WAIT_LIMIT),
        _fields.MAX_TIMEOUT.name: number(said.max_timeout, _fields.MAX_TIMEOUT),
        _fields.LOOP_PERIOD.name: number(said.loop_period, _fields.LOOP_PERIOD),
        _fields.EXPIRY_WINDOW.name: number(said.expiry_window, _fields.EXPIRY_WINDOW, _fields.DAY),
        _fields.AUTO_RENEW.name: True if said.auto_renew is None else said.auto_renew,
        _fields.READ_RENEWED_CERT.name: True if said.read_renewed_cert is None else said.read_renewed_cert,
        SUSPEND_RENEWALS.name: bool(config.suspend_renewals),
        MAX_ORDERS_PER_DAY.name: config.max_orders_per_day or "",
    }


DESCRIPTION = """
A config entry holds the login of an SCM account, an organization and the certificate type ordered under the entry;
any number of certificates can be ordered under one entry.

A write over an existing entry is an update: what it does not mention keeps its value, and an optional field sent as
empty text is removed. Changing the address, the user, the customer URI or the trusted bundle needs the password in the
same write. The type, the customer URI and the address's host cannot change while certificates are stored under the
name. The password is never shown. Deleting the entry leaves its certificates stored.
"""
