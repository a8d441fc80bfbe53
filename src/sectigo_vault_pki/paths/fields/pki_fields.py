"""Fields of issue/, sign/, cert/ and revoke, with the names that they have in Vault's own pki engine."""

from dataclasses import replace
from enum import StrEnum

from sectigo_vault_pki.paths.fields import field_kinds, name_kinds
from sectigo_vault_pki.paths.fields.columns import SECOND
from sectigo_vault_pki.paths.fields.key_fields import PKCS12
from sectigo_vault_pki.vault_plugin.framework import Field, kinds


class IssuedFormat(StrEnum):
    """Vault's words for `format`."""

    PEM = "pem"
    DER = "der"
    PEM_BUNDLE = "pem_bundle"


class PrivateKeyFormat(StrEnum):
    """Vault's words for `private_key_format`; the first two mean the same."""

    DER = "der"
    PEM = "pem"
    PKCS8 = "pkcs8"


ROLE = Field(
    name="role",
    kind=kinds.name(),
    log_key="role",
    description="Name of the role: what may be ordered, and under which config entry.",
)
COMMON_NAME = Field(
    name="common_name",
    kind=name_kinds.host_name(max_length=64),
    description=(
        "Common name of the certificate: a host name or wildcard. It is also one of the subject alternative names. "
        "If the role has require_cn=false and it is missing, the first of alt_names takes its place. International "
        "names are converted to their xn-- form."
    ),
)
ALT_NAMES = Field(
    name="alt_names",
    label="DNS/Email Subject Alternative Names (SANs)",
    kind=replace(name_kinds.alternative_names(), label="string", schema={"type": "string"}),  # as Vault's pki
    description=(
        "Further subject alternative names, comma-separated. International ones are converted to their xn-- form."
    ),
)
IP_SANS = Field(
    name="ip_sans",
    label="IP Subject Alternative Names (SANs)",
    kind=name_kinds.ip_addresses(),
    description="IP addresses, comma-separated.",
)
TTL = Field(
    name="ttl",
    label="TTL",
    kind=kinds.duration(unit=SECOND),
    description=(
        "How long the certificate is to be valid, in seconds or as a duration such as 90d. SCM issues for the terms of "
        "its certificate profile: the shortest term that covers the ttl is ordered. Without it, the role's validity."
    ),
)
NOT_AFTER = Field(
    name="not_after",
    kind=field_kinds.date_time(),
    description=(
        "Until when the certificate is to be valid, in place of a ttl: a date and time with its offset (RFC 3339), "
        "such as 2027-01-31T00:00:00Z. The shortest term that lasts until then is ordered."
    ),
)
CSR = Field(name="csr", kind=field_kinds.csr("csr"), required=True, description="PEM-format CSR to be signed.")
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
    description="Whether ca_chain leaves out self-signed certificates. Default: false.",
)
URI_SANS = Field(
    name="uri_sans",
    label="URI Subject Alternative Names (SANs)",
    kind=kinds.string_list(),
    description="URIs. No role allows them.",
)
OTHER_SANS = Field(
    name="other_sans",
    label="Other SANs",
    kind=kinds.string_list(),
    description="SANs of other kinds. No role allows them.",
)
USER_IDS = Field(
    name="user_ids", label="User ID(s)", kind=kinds.string_list(), description="User ids. No role allows them."
)
EXCLUDE_CN = Field(
    name="exclude_cn_from_sans",
    label="Exclude Common Name from Subject Alternative Names (SANs)",
    kind=kinds.boolean(),
    without_effect=True,
    description="Whether to leave the common name out of the subject alternative names: public CAs never do.",
)
ISSUER_REF = Field(
    name="issuer_ref",
    kind=kinds.text(max_length=256),
    without_effect=True,
    description="Reference to an issuer: SCM's certificate profile decides it.",
)
NOT_BEFORE = Field(name="not_before", kind=kinds.text(max_length=64), description="Start of validity: SCM decides it.")
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
    (NOT_BEFORE, "not_before cannot be asked for: SCM decides it"),
)
"""Fields of Vault's pki that no role here allows, and the error of a request that has one."""

KEY_TYPE_OF_REQUEST = Field(
    name="key_type",
    kind=kinds.text(max_length=16),
    description='Type of key: "rsa" or "ec". Required if the role\'s is "any"; otherwise the role\'s applies instead.',
)
KEY_BITS_OF_REQUEST = Field(
    name="key_bits",
    kind=kinds.text(max_length=16),
    description=(
        'Size of key, if the role\'s key_type is "any": 2048, 3072 or 4096 for RSA, 256, 384 or 521 for EC; 0 or none: '
        "the first of these. Otherwise the role's applies instead."
    ),
)

AUTHORITY = Field(
    name="issuer_ref",
    kind=kinds.name(),
    description="Which issuer: default, or an id from the list issuers.",
)

SERIAL = Field(
    name="serial",
    kind=field_kinds.serial_number(),
    log_key="serial",
    description="Serial number of the certificate, in hex with colons or hyphens.",
)
SERIAL_NUMBER = Field(
    name="serial_number",
    kind=field_kinds.serial_number(),
    description="Serial number of the certificate to revoke, in hex with colons or hyphens.",
)
CERTIFICATE = Field(
    name="certificate",
    kind=field_kinds.certificate("certificate"),
    description="The certificate to revoke, in PEM, in place of its serial number.",
)
REASON = Field(
    name="reason",
    kind=field_kinds.reason(),
    description=(
        "Why, in 1 to 512 characters. If it is a reason of RFC 5280 alone, such as superseded, SCM also gets its code."
    ),
)
