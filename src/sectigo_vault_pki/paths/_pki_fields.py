"""The fields of the PKI-shaped paths, under the names that Vault's own pki engine has for them."""

from dataclasses import replace
from datetime import timedelta

from sectigo_vault_pki.paths import _kinds
from sectigo_vault_pki.paths._fields import SECOND
from sectigo_vault_pki.paths._issued import IssuedFormat, PrivateKeyFormat
from sectigo_vault_pki.paths._pkcs12 import PKCS12
from sectigo_vault_pki.vault_plugin.framework import Field, kinds

ROLE = Field(
    name="role",
    kind=kinds.name(),
    log_key="role",
    description="Name of the role: what may be ordered, and under which config entry.",
)
COMMON_NAME = Field(
    name="common_name",
    kind=_kinds.host_name(max_length=64),
    description=(
        "Common name of the certificate: a host name, wildcard or IP address. It is one of the subject alternative "
        "names, too."
    ),
)
ALT_NAMES = Field(
    name="alt_names",
    kind=_kinds.alternative_names(),
    description="Further subject alternative names, comma-separated.",
)
IP_SANS = Field(name="ip_sans", kind=_kinds.ip_addresses(), description="IP addresses, comma-separated.")
TTL = Field(
    name="ttl",
    kind=kinds.duration(unit=SECOND),
    description=(
        "How long the certificate is to be valid, in seconds or as a duration such as 90d. SCM issues for the terms of "
        "its certificate profile: the shortest that covers this is ordered. Without it, the role's validity."
    ),
)
CSR = Field(name="csr", kind=_kinds.csr("csr"), required=True, description="PEM-format CSR to be signed.")
FORMAT = Field(
    name="format",
    kind=kinds.choice(*IssuedFormat),
    default=IssuedFormat.PEM,
    description=(
        'Format of the answer: "pem", "der" (in base64) or "pem_bundle" (certificate holds the private key, the '
        "certificate and its issuers). Default: pem."
    ),
)
FORMAT_OF_ISSUE = replace(
    FORMAT,
    kind=kinds.choice(*IssuedFormat, PKCS12),
    description=(
        "Format of the answer: pem, der (in base64), pem_bundle (certificate holds the private key, the certificate "
        "and its issuers), or pkcs12 (as pem, and the private key in a file under a password, in base64). Default: pem."
    ),
)
PRIVATE_KEY_FORMAT = Field(
    name="private_key_format",
    kind=kinds.choice(*PrivateKeyFormat),
    default=PrivateKeyFormat.DER,
    description=(
        'Format of the private key: "pkcs8" for PKCS#8; "der" or "pem" for PKCS#1 or SEC1. It is PEM or base64 as '
        "format says. Default: der."
    ),
)
REMOVE_ROOTS = Field(
    name="remove_roots_from_chain",
    kind=kinds.boolean(),
    default=False,
    description="Whether ca_chain leaves self-signed certificates out. Default: false.",
)
URI_SANS = Field(name="uri_sans", kind=kinds.string_list(), description="URIs. No role allows them.")
OTHER_SANS = Field(name="other_sans", kind=kinds.string_list(), description="SANs of other kinds. No role allows them.")
USER_IDS = Field(name="user_ids", kind=kinds.string_list(), description="User ids. No role allows them.")
EXCLUDE_CN = Field(
    name="exclude_cn_from_sans",
    kind=kinds.boolean(),
    without_effect=True,
    description="Whether the common name is to be left out of the subject alternative names: public CAs never do.",
)
ISSUER_REF = Field(
    name="issuer_ref",
    kind=kinds.text(max_length=256),
    without_effect=True,
    description="Reference to an issuer: SCM's certificate profile decides who issues.",
)
NOT_AFTER = Field(
    name="not_after",
    kind=kinds.text(max_length=64),
    description="End of validity: SCM's certificate profile decides it. Ask for a ttl.",
)
NOT_BEFORE = Field(name="not_before", kind=kinds.text(max_length=64), description="Begin of validity: SCM decides it.")
SUBJECT_SERIAL_NUMBER = Field(
    name="serial_number",
    kind=kinds.text(max_length=64),
    description="Serial number in the subject. No role allows one.",
)
REFUSED: tuple[tuple[Field[object], str], ...] = (
    (URI_SANS, "URI Subject Alternative Names are not allowed in this role, but were provided via the API"),
    (OTHER_SANS, "other_sans are not allowed by this role"),
    (USER_IDS, "user_ids are not allowed by this role"),
    (SUBJECT_SERIAL_NUMBER, "serial_number is not allowed by this role"),
    (NOT_AFTER, "not_after cannot be asked for: SCM's certificate profile decides it; ask for a ttl"),
    (NOT_BEFORE, "not_before cannot be asked for: SCM decides it"),
)
"""What Vault's pki knows and no role here allows, and what a request that asks for it is told."""

KEY_TYPE_OF_REQUEST = Field(
    name="key_type",
    kind=kinds.text(max_length=16),
    description="Type of key: the role's is made, whatever stands here.",
)
KEY_BITS_OF_REQUEST = Field(
    name="key_bits",
    kind=kinds.text(max_length=16),
    description="Size of key: the role's is made, whatever stands here.",
)

SERIAL = Field(
    name="serial",
    kind=_kinds.serial_number(),
    log_key="serial",
    description="Serial number of the certificate, in hex with colons or hyphens.",
)
SERIAL_NUMBER = Field(
    name="serial_number",
    kind=_kinds.serial_number(),
    description="Serial number of the certificate to revoke, in hex with colons or hyphens.",
)
CERTIFICATE = Field(
    name="certificate",
    kind=_kinds.certificate("certificate"),
    description="The certificate to revoke, in PEM, in place of its serial number.",
)
REASON = Field(
    name="reason",
    kind=_kinds.reason(),
    description=(
        "Why, in 1 to 512 characters. A reason of RFC 5280 alone, such as superseded, also sets SCM's reason code."
    ),
)

# Roles
CONFIG = Field(
    name="config",
    kind=kinds.name(),
    required=True,
    description="Name of the config entry that orders: one of type ssl_cert.",
)
CERTIFICATE_TYPE = Field(
    name="certificate_type",
    kind=kinds.whole_number(minimum=1),
    required=True,
    description="Id of the certificate profile at SCM.",
)
VALIDITY = Field(
    name="validity",
    kind=kinds.duration(unit=timedelta(days=1), minimum=timedelta(days=1), whole_units=True),
    required=True,
    description="Validity in days where a request names no ttl: one of the profile's terms.",
)
ALLOWED_DOMAINS = Field(
    name="allowed_domains",
    kind=_kinds.domains(),
    default=(),
    description="Domains for which certificates may be ordered, by whole labels. Without any, none may.",
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
    description="Whether wildcards, such as *.example.com, may be ordered where subdomains are. Default: true.",
)
ALLOW_IP_SANS = Field(
    name="allow_ip_sans",
    kind=kinds.boolean(),
    default=True,
    description="Whether IP addresses may be ordered. Default: true.",
)
KEY_TYPE = Field(
    name="key_type",
    kind=kinds.choice("rsa", "ec", "any", other_words={"ecdsa": "ec"}),
    default="rsa",
    description='Type of key: "rsa", "ec", or "any" for a role that only signs. Default: rsa.',
)
KEY_BITS = Field(
    name="key_bits",
    kind=kinds.whole_number(minimum=0, maximum=8192),
    default=0,
    description=(
        "Size of the keys made, and the least size of keys in CSRs. RSA: 2048, 3072 or 4096; EC: 256, 384 or 521; 0: "
        "the first of these. Default: 0."
    ),
)
MAX_TTL = Field(
    name="max_ttl",
    kind=kinds.duration(unit=SECOND),
    description=(
        "How long a certificate may be valid, in seconds or as a duration such as 90d. Without it, or with 0, as long "
        "as the profile has it."
    ),
)
NO_STORE_KEY = Field(
    name="no_store_key",
    kind=kinds.boolean(),
    default=False,
    description=(
        "Keep a private key only until the first answer that carries it, and 24 hours at most. Default: false."
    ),
)
MIN_REMAINING = Field(
    name="min_remaining",
    kind=kinds.duration(unit=SECOND),
    description=(
        "As long as this much life is left of a certificate, an equal request is answered with it, key included, "
        "instead of ordering another; in seconds or as a duration such as 30d. 0: every request orders. Default: a "
        "third of validity."
    ),
)
MAX_ORDERS_PER_DAY = Field(
    name="max_orders_per_day",
    kind=kinds.whole_number(minimum=0),
    default=10,
    description=("How many certificates may be ordered under the role on one day (UTC). 0: any number. Default: 10."),
)


def _subject(name: str, words: str) -> Field[tuple[str, ...]]:
    return Field(
        name=name,
        kind=kinds.string_list(max_length=4096),
        default=(),
        description=f"{words} that a CSR's subject may name, comma-separated; * allows any. Default: none.",
    )


SUBJECT: tuple[Field[tuple[str, ...]], ...] = (
    _subject("ou", "Organizational units (OU)"),
    _subject("organization", "Organizations (O)"),
    _subject("country", "Countries (C)"),
    _subject("locality", "Localities (L)"),
    _subject("province", "States or provinces (ST)"),
    _subject("street_address", "Street addresses"),
    _subject("postal_code", "Postal codes"),
)
"""The parts of a subject that a role may allow, under the names that Vault's own pki engine has for them."""
