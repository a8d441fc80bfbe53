"""Fields of SSL certificates."""

from dataclasses import replace

from sectigo_vault_pki.lifecycle import MAX_COMMENTS
from sectigo_vault_pki.paths.fields import field_kinds, name_kinds
from sectigo_vault_pki.paths.fields.columns import DAY, Column, Table, fields_of, in_days, stored_values
from sectigo_vault_pki.store import DomainValidation, SslFields
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, kinds

TYPE = Field(
    name="sectigo_ssl_cert_type",
    label="SSL certificate profile",
    kind=kinds.whole_number(minimum=1),
    description="Id of the certificate profile at SCM. Required for SSL certificates.",
)
VALIDITY = Field(
    name="sectigo_ssl_cert_validity",
    label="SSL validity (days)",
    kind=kinds.duration(unit=DAY, minimum=DAY, whole_units=True),
    description="Validity in days: one of the profile's terms. Required for SSL certificates.",
)
SUBJECT_ALT_NAMES = Field(
    name="sectigo_ssl_cert_subject_alt_names",
    label="Subject alternative names (SANs)",
    kind=name_kinds.alternative_names(),
    description="Subject alternative names, comma-separated.",
)
EXTERNAL_REQUESTER = Field(
    name="sectigo_ssl_cert_external_requester",
    label="External requesters",
    kind=name_kinds.emails(max_length=512),
    description="E-mail addresses of the requesters, comma-separated.",
)
FORMAT = Field(
    name="sectigo_ssl_cert_format_type",
    label="Certificate format",
    kind=field_kinds.certificate_format(),
    description=(
        "Format of the answer's `certificate`: x509 (PEM, root first, the default), x509CO (certificate only), x509IO "
        "(issuers only, root first), x509IOR (issuers only, root last), x509R or pemia (PEM, certificate first), "
        "pem (as x509), pemco (as x509CO), base64 (PKCS#7 in PEM) or bin (PKCS#7 in DER, as base64)."
    ),
)
COMMENTS = Field(
    name="sectigo_ssl_cert_comments",
    label="Comments",
    kind=kinds.text(max_length=MAX_COMMENTS),
    description="Comments on the order at SCM.",
)
NUM_SERVERS = Field(
    name="sectigo_ssl_cert_num_servers",
    label="Number of servers",
    kind=kinds.whole_number(minimum=0),
    description="Number of server licenses.",
)
SERVER_TYPE = Field(
    name="sectigo_ssl_cert_server_type",
    label="Server type",
    kind=kinds.whole_number(minimum=-1),
    description="Id of the server type at SCM; -1 for any other.",
)
CUSTOM_FIELDS = Field(
    name="sectigo_ssl_cert_custom_fields",
    label="SSL custom fields",
    kind=field_kinds.custom_fields(),
    description="SCM's custom fields: a list of objects with name and value, or the same as JSON text.",
)

DCV_MODE = Field(
    name="sectigo_dcv_mode",
    label="Domain validation",
    kind=kinds.line(max_length=64),
    inherits=True,
    description=(
        "How the CA validates the domains of this order, such as CNAME, HTTP, HTTPS, TXT, AUTO or EMAIL; sent to SCM "
        "as it is. Without it, the value of the stored certificate, the role or the config entry."
    ),
)
DCV_EMAIL = Field(
    name="sectigo_dcv_email",
    label="E-mail of the domain validation",
    kind=name_kinds.email(),
    inherits=True,
    description="E-mail address that gets the question, with sectigo_dcv_mode EMAIL.",
)
VALIDATION: Table = {"mode": Column(DCV_MODE), "email": Column(DCV_EMAIL)}
"""How `DomainValidation` is set."""

STORED_FORMAT = replace(
    FORMAT,
    inherits=True,
    description=FORMAT.description.replace(", the default", "") + " Default: the format stored with the certificate.",
)
"""The format as a stored certificate's paths declare it."""

TABLE: Table = {
    "certificate_profile": Column(TYPE),
    "validity_days": in_days(VALIDITY),
    "subject_alt_names": Column(SUBJECT_ALT_NAMES),
    "external_requester": Column(EXTERNAL_REQUESTER, stored=lambda addresses: ",".join(addresses) or None),
    "comments": Column(COMMENTS),
    "number_servers": Column(NUM_SERVERS),
    "server_type": Column(SERVER_TYPE),
    "custom_fields": Column(CUSTOM_FIELDS),
    "dcv_mode": Column(DCV_MODE),
    "dcv_email": Column(DCV_EMAIL),
}
"""How `SslFields` is set."""
FIELDS: tuple[Field[object], ...] = (*fields_of(TABLE), FORMAT)
REQUIRED: tuple[Field[object], ...] = (TYPE, VALIDITY)


def ssl_order(data: FieldData) -> SslFields:
    """Return the SSL fields of an enrolment that has the required ones."""
    return SslFields.model_validate(stored_values(TABLE, data))


def validation(data: FieldData) -> DomainValidation:
    """Return how the request says that domains are validated."""
    return DomainValidation.model_validate(stored_values(VALIDATION, data))


def format_name(data: FieldData) -> str | None:
    """Return the name of the format that the request asks for."""
    chosen = data.get(FORMAT)
    return None if chosen is None else chosen.value
