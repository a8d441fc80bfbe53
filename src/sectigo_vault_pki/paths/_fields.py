"""The fields that several paths take, each with its help text: path-help, OpenAPI and the documents come from here."""

from collections.abc import Mapping
from datetime import timedelta

from sectigo_vault_pki.lifecycle import MAX_COMMENTS
from sectigo_vault_pki.paths import _kinds
from sectigo_vault_pki.pki import CertificateFormat
from sectigo_vault_pki.store import WaitingAndRenewal
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, kinds

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

CONFIG_NAME = Field(
    name="config_name",
    label="Config entry",
    kind=kinds.name(),
    log_key="config",
    description="Name of the config entry: one SCM account, organization and certificate type.",
)
UNIQUE_ID = Field(
    name="sectigo_cert_unique_id",
    label="Unique id",
    kind=_kinds.identifier(),
    log_key="unique_id",
    description=(
        "Unique id of the certificate: `<ssl_id>_<customer_uri>`, or `order-<uuid>` for an order that SCM has not "
        "named yet."
    ),
)

# Waiting and renewal
MAX_TIMEOUT = Field(
    name="sectigo_max_timeout",
    label="Waiting time (seconds)",
    kind=kinds.duration(unit=SECOND),
    default=timedelta(seconds=600),
    inherits=True,
    description="Seconds to wait for the certificate to be issued; 0 does not wait. Default: 600.",
)
LOOP_PERIOD = Field(
    name="sectigo_loop_period",
    label="Longest pause between collects (seconds)",
    kind=kinds.duration(unit=SECOND, minimum=SECOND),
    default=timedelta(seconds=30),
    inherits=True,
    description=(
        "Longest pause, in seconds, between two attempts to collect the certificate; the first pauses are shorter. "
        "Default: 30."
    ),
)
EXPIRY_WINDOW = Field(
    name="sectigo_expiry_window",
    label="Expiry window (days)",
    kind=kinds.duration(unit=DAY),
    default=timedelta(days=7),
    inherits=True,
    description=(
        "Days before its expiry from which a certificate is renewed, at most a third of its life. Default: 7."
    ),
)
AUTO_RENEW = Field(
    name="sectigo_auto_renew",
    label="Renew automatically",
    kind=kinds.boolean(),
    default=True,
    inherits=True,
    description=(
        "Whether a certificate inside its expiry window is renewed automatically, by a read or in the background. "
        "Default: true."
    ),
)
READ_RENEWED_CERT = Field(
    name="sectigo_read_renewed_cert",
    label="Read the renewed certificate",
    kind=kinds.boolean(),
    default=True,
    inherits=True,
    description="Whether reading a renewed certificate answers its successor. Default: true.",
)
WAITING_AND_RENEWAL: tuple[Field[object], ...] = (
    MAX_TIMEOUT,
    LOOP_PERIOD,
    EXPIRY_WINDOW,
    AUTO_RENEW,
    READ_RENEWED_CERT,
)

# Key and CSR
CSR = Field(
    name="sectigo_csr",
    label="CSR",
    kind=_kinds.csr("sectigo_csr"),
    description=(
        "CSR in PEM, used as given. With it the other sectigo_csr_ fields have no effect. In JSON, write line ends "
        "as \\n."
    ),
)
PRIVATE_KEY = Field(
    name="sectigo_private_key",
    label="Private key",
    kind=_kinds.private_key("sectigo_private_key"),
    secret=True,
    description=(
        "Private key in PEM (PKCS#1, PKCS#8 or SEC1, unencrypted) to make the CSR with, or the key of the CSR that is "
        "given. Without it a new key is made."
    ),
)
CSR_DOMAIN = Field(
    name="sectigo_csr_domain",
    label="Common name (CN)",
    kind=_kinds.common_name(),
    description="Common name (CN) of the certificate. Required without sectigo_csr.",
)
CSR_COUNTRY = Field(
    name="sectigo_csr_country",
    label="Country (C)",
    kind=_kinds.country(),
    description="Country (C) in the CSR: two letters.",
)
CSR_STATE = Field(
    name="sectigo_csr_state",
    label="State or province (ST)",
    kind=kinds.line(max_length=128),
    description="State or province (ST) in the CSR.",
)
CSR_LOCATION = Field(
    name="sectigo_csr_location",
    label="Locality (L)",
    kind=kinds.line(max_length=128),
    description="Locality (L) in the CSR.",
)
CSR_ORGANIZATION = Field(
    name="sectigo_csr_organization",
    label="Organization (O)",
    kind=kinds.line(max_length=64),
    description="Organization (O) in the CSR.",
)
CSR_ORGANIZATION_UNIT = Field(
    name="sectigo_csr_organization_unit",
    label="Organizational unit (OU)",
    kind=kinds.line(max_length=64),
    description="Organizational unit (OU) in the CSR.",
)
CSR_EMAIL_ADDRESS = Field(
    name="sectigo_csr_email_address",
    label="E-mail address in the CSR",
    kind=_kinds.email(),
    description="E-mail address in the CSR.",
)
CSR_KEY_ALGO = Field(
    name="sectigo_csr_key_algo",
    label="Key algorithm",
    kind=_kinds.key_algorithm(),
    default="RSA",
    description="Algorithm of the key to make: RSA or EC. Default: RSA.",
)
CSR_KEY_SIZE = Field(
    name="sectigo_csr_key_size",
    label="Key size",
    kind=kinds.text(max_length=16),
    description=(
        "Size of the key to make. RSA: 2048 (the default), 3072 or 4096 bits. EC: 256 (the default), 384 or 521, also "
        "written P-256."
    ),
)
KEY_AND_CSR: tuple[Field[object], ...] = (
    CSR,
    PRIVATE_KEY,
    CSR_DOMAIN,
    CSR_COUNTRY,
    CSR_STATE,
    CSR_LOCATION,
    CSR_ORGANIZATION,
    CSR_ORGANIZATION_UNIT,
    CSR_EMAIL_ADDRESS,
    CSR_KEY_ALGO,
    CSR_KEY_SIZE,
)

# SSL certificates
SSL_TYPE = Field(
    name="sectigo_ssl_cert_type",
    label="SSL certificate profile",
    kind=kinds.whole_number(minimum=1),
    description="Id of the certificate profile at SCM. Required for SSL certificates.",
)
SSL_VALIDITY = Field(
    name="sectigo_ssl_cert_validity",
    label="SSL validity (days)",
    kind=kinds.duration(unit=DAY, minimum=DAY, whole_units=True),
    description="Validity in days: one of the profile's terms. Required for SSL certificates.",
)
SSL_SUBJECT_ALT_NAMES = Field(
    name="sectigo_ssl_cert_subject_alt_names",
    label="Subject alternative names (SANs)",
    kind=_kinds.alternative_names(),
    description="Subject alternative names, comma-separated.",
)
SSL_EXTERNAL_REQUESTER = Field(
    name="sectigo_ssl_cert_external_requester",
    label="External requesters",
    kind=_kinds.emails(max_length=512),
    description="E-mail addresses of the requesters, comma-separated.",
)
SSL_FORMAT_TYPE = Field(
    name="sectigo_ssl_cert_format_type",
    label="Certificate format",
    kind=_kinds.certificate_format(),
    default=CertificateFormat.X509,
    description=(
        "Format of the answer's `certificate`: x509 (PEM, root first, the default), x509CO (certificate only), x509IO "
        "(issuers only, root first), x509IOR (issuers only, root last), x509R or pemia (PEM, certificate first), "
        "pem (as x509), pemco (as x509CO), base64 (PKCS#7 in PEM) or bin (PKCS#7 in DER, as base64)."
    ),
)
SSL_COMMENTS = Field(
    name="sectigo_ssl_cert_comments",
    label="Comments",
    kind=kinds.text(max_length=MAX_COMMENTS),
    description="Comments on the order at SCM.",
)
SSL_NUM_SERVERS = Field(
    name="sectigo_ssl_cert_num_servers",
    label="Number of servers",
    kind=kinds.whole_number(minimum=0),
    description="Number of server licenses.",
)
SSL_SERVER_TYPE = Field(
    name="sectigo_ssl_cert_server_type",
    label="Server type",
    kind=kinds.whole_number(minimum=-1),
    description="Id of the server type at SCM; -1 for any other.",
)
SSL_CUSTOM_FIELDS = Field(
    name="sectigo_ssl_cert_custom_fields",
    label="SSL custom fields",
    kind=_kinds.custom_fields(),
    description="SCM's custom fields: a list of objects with name and value, or the same as JSON text.",
)
SSL: tuple[Field[object], ...] = (
    SSL_TYPE,
    SSL_VALIDITY,
    SSL_SUBJECT_ALT_NAMES,
    SSL_EXTERNAL_REQUESTER,
    SSL_FORMAT_TYPE,
    SSL_COMMENTS,
    SSL_NUM_SERVERS,
    SSL_SERVER_TYPE,
    SSL_CUSTOM_FIELDS,
)

# Client certificates
CLIENT_TYPE = Field(
    name="sectigo_client_cert_type",
    label="Client certificate profile",
    kind=kinds.whole_number(minimum=1),
    description="Id of the client certificate profile at SCM. Required for client certificates.",
)
CLIENT_VALIDITY = Field(
    name="sectigo_client_cert_validity",
    label="Client validity (days)",
    kind=kinds.duration(unit=DAY, minimum=DAY, whole_units=True),
    description="Validity in days: one of the profile's terms. Required for client certificates.",
)
CLIENT_EMAIL = Field(
    name="sectigo_client_cert_email",
    label="E-mail address",
    kind=_kinds.email(),
    description="E-mail address of the person, at most 255 characters. Required for client certificates.",
)
CLIENT_FIRST_NAME = Field(
    name="sectigo_client_cert_first_name",
    label="First name",
    kind=kinds.line(max_length=64),
    description="First name of the person. Required for client certificates.",
)
CLIENT_MIDDLE_NAME = Field(
    name="sectigo_client_cert_middle_name",
    label="Middle name",
    kind=kinds.line(max_length=64),
    description="Middle name of the person. First, middle and last name have at most 64 characters together.",
)
CLIENT_LAST_NAME = Field(
    name="sectigo_client_cert_last_name",
    label="Last name",
    kind=kinds.line(max_length=64),
    description="Last name of the person. Required for client certificates.",
)
CLIENT_CUSTOM_FIELDS = Field(
    name="sectigo_client_cert_custom_fields",
    label="Client custom fields",
    kind=_kinds.custom_fields(),
    description="SCM's custom fields: a list of objects with name and value, or the same as JSON text.",
)
CLIENT: tuple[Field[object], ...] = (
    CLIENT_TYPE,
    CLIENT_VALIDITY,
    CLIENT_EMAIL,
    CLIENT_FIRST_NAME,
    CLIENT_MIDDLE_NAME,
    CLIENT_LAST_NAME,
    CLIENT_CUSTOM_FIELDS,
)

# What is done with a stored certificate
REASON = Field(
    name="sectigo_reason",
    label="Reason",
    kind=_kinds.reason(),
    required=True,
    description=(
        "Why, in 1 to 512 characters. A reason of RFC 5280 alone, such as superseded or keyCompromise, also sets SCM's "
        "reason code of a revocation."
    ),
)
CERT_ID = Field(
    name="cert_id",
    label="SCM's id",
    log_key="cert_id",
    kind=_kinds.identifier(),
    description="SCM's id of the certificate: ssl_id or order number; a unique id is taken too.",
)


_NOTHING_SAID = WaitingAndRenewal()


def waiting_and_renewal(data: FieldData) -> WaitingAndRenewal:
    """Return what the request itself says of waiting and renewal."""
    if not any(declared in data for declared in WAITING_AND_RENEWAL):
        return _NOTHING_SAID

    def seconds(declared: Field[timedelta]) -> float | None:
        value = data.get(declared)
        return None if value is None else value.total_seconds()

    return WaitingAndRenewal(
        max_timeout=seconds(MAX_TIMEOUT),
        loop_period=seconds(LOOP_PERIOD),
        expiry_window=seconds(EXPIRY_WINDOW),
        auto_renew=data.get(AUTO_RENEW),
        read_renewed_cert=data.get(READ_RENEWED_CERT),
    )


FLAGS: Mapping[str, Field[object]] = {
    "max_timeout": MAX_TIMEOUT,
    "loop_period": LOOP_PERIOD,
    "expiry_window": EXPIRY_WINDOW,
    "auto_renew": AUTO_RENEW,
    "read_renewed_cert": READ_RENEWED_CERT,
}
"""The parts of `WaitingAndRenewal`, and the fields that say them."""


def cleared_flags(data: FieldData) -> frozenset[str]:
    """Return which waiting and renewal fields the request sends empty: what was stored of them is removed."""
    return frozenset(name for name, field in FLAGS.items() if field.name in data.emptied)


def shown_flags(stored: WaitingAndRenewal) -> dict[str, object]:
    """Return waiting and renewal fields as they are stored; empty where the config entry's values hold."""

    def duration(seconds: float | None, unit: timedelta = SECOND) -> object:
        return "" if seconds is None else shown_duration(timedelta(seconds=seconds), unit)

    return {
        MAX_TIMEOUT.name: duration(stored.max_timeout),
        LOOP_PERIOD.name: duration(stored.loop_period),
        EXPIRY_WINDOW.name: duration(stored.expiry_window, DAY),
        AUTO_RENEW.name: "" if stored.auto_renew is None else stored.auto_renew,
        READ_RENEWED_CERT.name: "" if stored.read_renewed_cert is None else stored.read_renewed_cert,
    }


def shown_duration(length: timedelta, unit: timedelta) -> int | str:
    """Return a length of time as a bare number of its field's unit, or as text in seconds."""
    whole, rest = divmod(length, unit)
    return f"{int(length.total_seconds())}s" if rest else whole


def certificate_format(data: FieldData) -> str | None:
    """Return the format that the request names."""
    named = data.get(SSL_FORMAT_TYPE)
    return None if named is None else named.value
