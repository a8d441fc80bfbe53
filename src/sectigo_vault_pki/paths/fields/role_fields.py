"""Fields of a role."""

from dataclasses import replace
from datetime import timedelta

from sectigo_vault_pki.paths.fields import builtin_role_fields, name_kinds, ssl_fields
from sectigo_vault_pki.paths.fields.columns import DAY, SECOND, Column, Table, fields_of, in_days
from sectigo_vault_pki.paths.fields.pki_fields import ROLE
from sectigo_vault_pki.vault_plugin.framework import Field, kinds

NAME = replace(ROLE, name="name")
"""The role's own name in its own path, as in Vault's pki."""
CONFIG = Field(
    name="config",
    kind=kinds.name(),
    inherits=True,
    description="Name of the config entry to order under, of type ssl_cert. Without it, that of config/roles.",
)
CERTIFICATE_TYPE = Field(
    name="certificate_type",
    kind=kinds.whole_number(minimum=1),
    inherits=True,
    description="Id of the certificate profile at SCM. Without it, that of config/roles.",
)
VALIDITY = Field(
    name="validity",
    kind=kinds.duration(unit=DAY, minimum=DAY, whole_units=True),
    inherits=True,
    description=(
        "Validity in days if neither a request nor the role has a ttl: one of the profile's terms. Without it, that of "
        "config/roles."
    ),
)
TTL = Field(
    name="ttl",
    label="TTL",
    kind=kinds.duration(unit=SECOND),
    description=(
        "How long certificates are to be valid if a request has no ttl, in seconds or as a duration such as 90d, in "
        "place of validity. The shortest term of the profile that covers it is ordered. 0: none."
    ),
)
ALLOWED_DOMAINS = Field(
    name="allowed_domains",
    kind=name_kinds.domains(),
    default=(),
    description=(
        "Domains for which certificates may be ordered, compared by whole labels. International ones are converted to "
        "their xn-- form. Without any, none may."
    ),
)
ALLOW_SUBDOMAINS = Field(
    name="allow_subdomains",
    kind=kinds.boolean(),
    default=False,
    description="Whether names below the allowed domains may be ordered. Default: false.",
)
ALLOW_BARE_DOMAINS = Field(
    name="allow_bare_domains",
    kind=kinds.boolean(),
    default=False,
    description="Whether the allowed domains themselves may be ordered. Default: false.",
)
ALLOW_WILDCARDS = Field(
    name="allow_wildcard_certificates",
    kind=kinds.boolean(),
    default=True,
    description="Whether wildcards, such as *.example.com, may be ordered if subdomains may. Default: true.",
)
ALLOW_IP_SANS = Field(
    name="allow_ip_sans",
    label="Allow IP Subject Alternative Names",
    kind=kinds.boolean(),
    default=True,
    description="Whether IP addresses may be ordered. Default: true.",
)
ALLOWED_IP_SANS_CIDR = Field(
    name="allowed_ip_sans_cidr",
    kind=name_kinds.networks(),
    default=(),
    description="Networks in which IP addresses must lie, comma-separated, such as 192.0.2.0/24. Without any, all may.",
)
REQUIRE_CN = Field(
    name="require_cn",
    label="Require Common Name",
    kind=kinds.boolean(),
    default=True,
    description=(
        "Whether a request must have a common name. If not, the first alternative name stands in its place, as every "
        "order at SCM has one. Default: true."
    ),
)
KEY_TYPE = Field(
    name="key_type",
    kind=kinds.choice("rsa", "ec", "any", other_words={"ecdsa": "ec"}),
    default="rsa",
    description='Type of key: "rsa", "ec", or "any", under which a request says it. Default: rsa.',
)
KEY_BITS = Field(
    name="key_bits",
    kind=kinds.whole_number(minimum=0, maximum=8192),
    default=0,
    description=(
        "Size of the keys made, and the smallest size allowed in CSRs. RSA: 2048, 3072 or 4096; EC: 256, 384 or 521; "
        "0: the first of these. Default: 0."
    ),
)
MAX_TTL = Field(
    name="max_ttl",
    label="Max TTL",
    kind=kinds.duration(unit=SECOND),
    description=(
        "How long a certificate may be valid, in seconds or as a duration such as 90d. Without it, or with 0, the "
        "profile's terms are the limit."
    ),
)
NO_STORE_KEY = Field(
    name="no_store_key",
    kind=kinds.boolean(),
    default=False,
    description=(
        "Whether a private key is stored only until the first answer that carries it, and at most 24 hours. Default: "
        "false."
    ),
)
MIN_REMAINING = Field(
    name="min_remaining",
    kind=kinds.duration(unit=SECOND),
    description=(
        "As long as this much of its life is left, an equal request returns the stored certificate, key included, "
        "instead of ordering another; in seconds or as a duration such as 30d. 0: every request orders. Default: a "
        "third of validity."
    ),
)
MAX_ORDERS_PER_DAY = Field(
    name="max_orders_per_day",
    kind=kinds.whole_number(minimum=0),
    default=10,
    description="How many certificates may be ordered under the role on one day (UTC). 0: any number. Default: 10.",
)


def _subject(name: str, words: str, label: str = "") -> Field[tuple[str, ...]]:
    return Field(
        name=name,
        label=label,
        kind=kinds.string_list(max_length=4096),
        default=(),
        description=f"{words} that a CSR's subject may name, comma-separated; * allows any. Default: none.",
    )


SUBJECT: tuple[Field[tuple[str, ...]], ...] = (
    _subject("ou", "Organizational units (OU)", "Organizational Unit"),
    _subject("organization", "Organizations (O)"),
    _subject("country", "Countries (C)"),
    _subject("locality", "Localities (L)", "Locality/City"),
    _subject("province", "States or provinces (ST)", "Province/State"),
    _subject("street_address", "Street addresses"),
    _subject("postal_code", "Postal codes"),
)
"""The parts of a subject that a role may allow, with the names that they have in Vault's own pki engine."""

TABLE: Table = {
    "config_name": Column(CONFIG),
    "certificate_profile": Column(CERTIFICATE_TYPE),
    "validity_days": in_days(VALIDITY),
    "allowed_domains": Column(ALLOWED_DOMAINS, shown=list),
    "allow_subdomains": Column(ALLOW_SUBDOMAINS),
    "allow_bare_domains": Column(ALLOW_BARE_DOMAINS),
    "allow_wildcard_certificates": Column(ALLOW_WILDCARDS),
    "allow_ip_sans": Column(ALLOW_IP_SANS),
    "allowed_ip_cidrs": Column(ALLOWED_IP_SANS_CIDR, shown=list),
    "require_cn": Column(REQUIRE_CN),
    "key_type": Column(KEY_TYPE),
    "key_bits": Column(KEY_BITS),
    "ttl": Column(TTL, timedelta.total_seconds, int, unset=0),
    "max_ttl": Column(MAX_TTL, timedelta.total_seconds, int, unset=0),
    "releases_key": Column(NO_STORE_KEY),
    "min_remaining": Column(MIN_REMAINING, timedelta.total_seconds, int),
    "max_orders_per_day": Column(MAX_ORDERS_PER_DAY, unset=0),
    "dcv_mode": Column(
        replace(
            ssl_fields.DCV_MODE,
            description=(
                "How the CA validates the domains of this role's orders: sent to SCM as it is. Without it, as the "
                "config entry says."
            ),
        )
    ),
    "dcv_email": Column(ssl_fields.DCV_EMAIL),
}
"""How `RoleRecord` is set, its `allowed_subject` and `builtin_fields` apart."""
DEFAULTS_TABLE: Table = {
    "config_name": Column(
        replace(CONFIG, description="Name of the config entry, of type ssl_cert, for roles that name none.")
    ),
    "certificate_profile": Column(
        replace(CERTIFICATE_TYPE, description="Id of the certificate profile at SCM for roles that name none."), unset=0
    ),
    "validity_days": replace(
        in_days(replace(VALIDITY, description="Validity in days for roles that have none.")), unset=0
    ),
}
"""How `RoleDefaults` is set."""
FIELDS: tuple[Field[object], ...] = (*fields_of(TABLE), *SUBJECT, *builtin_role_fields.FIELDS)
