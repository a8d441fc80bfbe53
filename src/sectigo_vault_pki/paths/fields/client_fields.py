"""Fields of client certificates."""

from sectigo_vault_pki.paths.fields import field_kinds, name_kinds
from sectigo_vault_pki.paths.fields.columns import DAY, Column, Table, fields_of, in_days, stored_values
from sectigo_vault_pki.store import ClientFields
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, kinds

TYPE = Field(
    name="sectigo_client_cert_type",
    label="Client certificate profile",
    kind=kinds.whole_number(minimum=1),
    description="Id of the client certificate profile at SCM. Required for client certificates.",
)
VALIDITY = Field(
    name="sectigo_client_cert_validity",
    label="Client validity (days)",
    kind=kinds.duration(unit=DAY, minimum=DAY, whole_units=True),
    description="Validity in days: one of the profile's terms. Required for client certificates.",
)
EMAIL = Field(
    name="sectigo_client_cert_email",
    label="E-mail address",
    kind=name_kinds.email(),
    description="E-mail address of the person, at most 255 characters. Required for client certificates.",
)
FIRST_NAME = Field(
    name="sectigo_client_cert_first_name",
    label="First name",
    kind=kinds.line(max_length=64),
    description="First name of the person. Required for client certificates.",
)
MIDDLE_NAME = Field(
    name="sectigo_client_cert_middle_name",
    label="Middle name",
    kind=kinds.line(max_length=64),
    description="Middle name of the person. First, middle and last name have at most 64 characters together.",
)
LAST_NAME = Field(
    name="sectigo_client_cert_last_name",
    label="Last name",
    kind=kinds.line(max_length=64),
    description="Last name of the person. Required for client certificates.",
)
CUSTOM_FIELDS = Field(
    name="sectigo_client_cert_custom_fields",
    label="Client custom fields",
    kind=field_kinds.custom_fields(),
    description="SCM's custom fields: a list of objects with name and value, or the same as JSON text.",
)

TABLE: Table = {
    "certificate_profile": Column(TYPE),
    "validity_days": in_days(VALIDITY),
    "email": Column(EMAIL),
    "first_name": Column(FIRST_NAME),
    "middle_name": Column(MIDDLE_NAME),
    "last_name": Column(LAST_NAME),
    "custom_fields": Column(CUSTOM_FIELDS),
}
"""How `ClientFields` is set."""
FIELDS = fields_of(TABLE)
NAMES = (FIRST_NAME, MIDDLE_NAME, LAST_NAME)
REQUIRED: tuple[Field[object], ...] = (TYPE, VALIDITY, EMAIL, FIRST_NAME, LAST_NAME)


def client_order(data: FieldData) -> ClientFields:
    """Return the client fields of an enrolment that has the required ones."""
    return ClientFields.model_validate(stored_values(TABLE, data))
