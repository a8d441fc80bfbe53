"""Fields that a role of Vault's own pki engine has, and that SCM decides or no role here can grant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sectigo_vault_pki.paths.fields.columns import SECOND
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Kind, kinds

Value = bool | int | str | list[str]
"""A field's value as it is stored and returned."""


@dataclass(frozen=True, slots=True)
class BuiltinField:
    """One field of the built-in engine's roles.

    Attributes:
        field: with the built-in engine's default.
        refusal: why the field must have its default; empty: SCM decides, and any value is stored.
    """

    field: Field[object]
    refusal: str = ""

    @property
    def default(self) -> Value:
        """The value of a role that does not set it."""
        return stored(self.field.default)


def stored(value: object) -> Value:
    """Return a field's value as JSON holds it."""
    match value:
        case timedelta():
            return int(value.total_seconds())
        case tuple():
            return list(value)
        case bool() | int() | str():
            return value
    raise TypeError(type(value).__name__)


_TEXT = kinds.text(max_length=512)
_TEXTS = kinds.string_list(max_length=4096)
_FLAG = kinds.boolean()
_SCM_DECIDES = "SCM's certificate profile decides it: stored and returned, without effect."


_LABELS = {
    "allowed_other_sans": "Allowed Other Subject Alternative Names",
    "allowed_uri_sans": "Allowed URI Subject Alternative Names",
    "basic_constraints_valid_for_non_ca": "Basic Constraints Valid for Non-CA",
    "cn_validations": "Common Name Validations",
    "ext_key_usage": "Extended Key Usage",
    "ext_key_usage_oids": "Extended Key Usage OIDs",
    "use_csr_common_name": "Use CSR Common Name",
    "use_csr_sans": "Use CSR Subject Alternative Names",
}
"""What the built-in engine's forms call a field, if that is not its name in words."""


def _field(name: str, kind: Kind[object], default: object, description: str) -> Field[object]:
    return Field(name=name, label=_LABELS.get(name, ""), kind=kind, default=default, description=description)


def _decided(name: str, kind: Kind[object], *, default: object, text: str) -> BuiltinField:
    return BuiltinField(_field(name, kind, default, f"{text}. {_SCM_DECIDES}{_named(default)}"))


def _named(default: object) -> str:
    """Return a default as the help names it; an empty one is not named."""
    match default:
        case bool():
            return f" Default: {str(default).lower()}."
        case timedelta():
            return f" Default: {int(default.total_seconds())}."
        case tuple():
            return f" Default: {', '.join(default)}." if default else ""
    return f" Default: {default}." if default != "" else ""


def _fixed(name: str, kind: Kind[object], *, default: object, text: str) -> BuiltinField:
    description = f"Taken only with its default, as {text}.{_named(default)}"
    return BuiltinField(_field(name, kind, default, description), text)


BUILTIN: Sequence[BuiltinField] = (
    _decided("allow_localhost", _FLAG, default=True, text="Whether localhost may be named"),
    _decided("server_flag", _FLAG, default=True, text="Whether certificates are for servers"),
    _decided("client_flag", _FLAG, default=True, text="Whether certificates are for clients"),
    _decided("code_signing_flag", _FLAG, default=False, text="Whether certificates are for signing code"),
    _decided("email_protection_flag", _FLAG, default=False, text="Whether certificates are for e-mail"),
    _decided("key_usage", _TEXTS, default=("DigitalSignature", "KeyAgreement", "KeyEncipherment"), text="Key usages"),
    _decided("ext_key_usage", _TEXTS, default=(), text="Extended key usages"),
    _decided("ext_key_usage_oids", _TEXTS, default=(), text="Extended key usages by object identifier"),
    _decided("policy_identifiers", _TEXTS, default=(), text="Certificate policies"),
    _decided("basic_constraints_valid_for_non_ca", _FLAG, default=False, text="Whether leaves carry basic constraints"),
    _decided(
        "signature_bits", kinds.whole_number(minimum=0, maximum=512), default=0, text="Size of the signature's hash"
    ),
    _decided("use_pss", _FLAG, default=False, text="Whether RSA signatures are PSS"),
    _decided(
        "not_before_duration", kinds.duration(unit=SECOND), default=30 * SECOND, text="How far not_before lies back"
    ),
    _decided("not_before_bound", _TEXT, default="permit", text="Whether a request may name its not_before"),
    _decided("not_after_bound", _TEXT, default="permit", text="Whether a request's not_after is bounded"),
    _decided("issuer_ref", _TEXT, default="default", text="The issuer"),
    _decided("serial_number_source", _TEXT, default="json-csr", text="Where a serial number in the subject comes from"),
    _decided("no_store_metadata", _FLAG, default=False, text="Whether metadata is kept from storage"),
    _fixed(
        "allow_any_name",
        _FLAG,
        default=False,
        text="a role orders names of its allowed_domains only: every order costs",
    ),
    _fixed(
        "allow_glob_domains",
        _FLAG,
        default=False,
        text="allowed_domains are compared by whole labels, and take no patterns",
    ),
    _fixed(
        "allowed_domains_template",
        _FLAG,
        default=False,
        text="the plugin is not told the identity that a template would need",
    ),
    _fixed(
        "allow_globs_in_identity_templates",
        _FLAG,
        default=False,
        text="allowed_domains take neither templates nor patterns",
    ),
    _fixed(
        "allow_token_displayname",
        _FLAG,
        default=False,
        text="the name of a token is no name that a public CA certifies",
    ),
    _fixed("enforce_hostnames", _FLAG, default=True, text="SCM certifies host names and IP addresses only"),
    _fixed("cn_validations", _TEXTS, default=("email", "hostname"), text="every common name must be a host name"),
    _fixed("allowed_uri_sans", _TEXTS, default=(), text="SCM's orders take no URIs"),
    _fixed("allowed_uri_sans_template", _FLAG, default=False, text="SCM's orders take no URIs"),
    _fixed("allowed_other_sans", _TEXTS, default=(), text="SCM's orders take host names and IP addresses only"),
    _fixed("allowed_user_ids", _TEXTS, default=(), text="SCM's orders take no user ids"),
    _fixed("allowed_serial_numbers", _TEXTS, default=(), text="SCM decides the subject's serial number"),
    _fixed("use_csr_common_name", _FLAG, default=True, text="SCM takes the names of the CSR"),
    _fixed("use_csr_sans", _FLAG, default=True, text="SCM takes the names of the CSR"),
    _fixed(
        "not_after",
        kinds.text(max_length=64),
        default="",
        text="a fixed end of validity is ordered by a request's own not_after",
    ),
    _fixed("not_before", kinds.text(max_length=64), default="", text="SCM decides when validity begins"),
    _fixed("generate_lease", _FLAG, default=False, text="no certificate here has a lease; revoke/ revokes one"),
    _fixed(
        "no_store",
        _FLAG,
        default=False,
        text="every order is stored, so that what was paid for is not lost; see no_store_key",
    ),
)
FIELDS: tuple[Field[object], ...] = tuple(builtin.field for builtin in BUILTIN)


def refusals(data: FieldData) -> Sequence[str]:
    """Return the problems of a write that asks for what no role here can grant."""
    return [
        f"{builtin.field.name} cannot be {_shown(value)}: {builtin.refusal}"
        for builtin, value in _sent(data)
        if builtin.refusal and not _is_default(builtin, value)
    ]


def decided_by_scm(data: FieldData) -> dict[str, Value]:
    """Return the fields of a write that are stored without effect, by their names."""
    return {builtin.field.name: value for builtin, value in _sent(data) if not builtin.refusal}


def notable(data: FieldData) -> Sequence[str]:
    """Return the names of a write's fields that are stored without effect, other than with their defaults."""
    return [
        builtin.field.name for builtin, value in _sent(data) if not builtin.refusal and not _is_default(builtin, value)
    ]


def notice(names: Iterable[str]) -> tuple[str, ...]:
    """Return the warning about fields that are stored without effect."""
    listed = ", ".join(sorted(names))
    return (f"SCM's certificate profile decides what these say, stored without effect: {listed}",) if listed else ()


def shown(stored_fields: dict[str, Value]) -> dict[str, Value]:
    """Return all fields of the built-in engine's roles, as sent or with their defaults."""
    return {builtin.field.name: stored_fields.get(builtin.field.name, builtin.default) for builtin in BUILTIN}


def _sent(data: FieldData) -> Sequence[tuple[BuiltinField, Value]]:
    return [(builtin, stored(value)) for builtin in BUILTIN if (value := data.get(builtin.field)) is not None]


def _is_default(builtin: BuiltinField, value: Value) -> bool:
    default = builtin.default
    if isinstance(value, list) and isinstance(default, list):
        return sorted(value) == sorted(default)
    return value == default


def _shown(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else "set"
