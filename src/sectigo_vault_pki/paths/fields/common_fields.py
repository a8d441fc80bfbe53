"""Fields of many paths: what a path's URL names, the reason, and fields of an enrolment that are accepted unused."""

import re
from dataclasses import replace

from sectigo_vault_pki.paths.fields import client_fields, field_kinds, key_fields, ssl_fields
from sectigo_vault_pki.vault_plugin.framework import Field, StrictNames, kinds

CONFIG_NAME = Field(
    name="config_name",
    label="Config entry",
    kind=kinds.name(),
    log_key="config",
    description="Name of the config entry: one SCM account, organization and certificate type.",
)
REVOKED, DETAILED = "revoked", "detailed"
RESERVED_NAMES = {
    REVOKED: f"certs/{REVOKED} lists the revoked certificates",
    DETAILED: f"certs/{DETAILED} lists all certificates with their details",
}
"""No new config entry gets one of these names, which lists of Vault's pki have; and why."""
UNIQUE_ID = Field(
    name="sectigo_cert_unique_id",
    label="Unique id",
    kind=field_kinds.identifier(),
    log_key="unique_id",
    description=(
        "Unique id of the certificate: `<ssl_id>_<customer_uri>`, or `order-<uuid>` for an order that SCM has not "
        "named yet."
    ),
)
REASON = Field(
    name="sectigo_reason",
    label="Reason",
    kind=field_kinds.reason(),
    required=True,
    description=(
        "Why, in 1 to 512 characters. If it is a reason of RFC 5280 alone, such as superseded, key_compromise or 4, a "
        "revocation also sends SCM its reason code."
    ),
)
CERT_ID = Field(
    name="cert_id",
    label="SCM's id",
    log_key="cert_id",
    kind=field_kinds.identifier(),
    description="SCM's id of the certificate: ssl_id or order number. A unique id is accepted too.",
)


ORDERING = StrictNames(
    prefix="sectigo_",
    ignored=dict.fromkeys(
        (
            "sectigo_cm_base_url",
            "sectigo_cm_org_id",
            "sectigo_cm_password",
            "sectigo_cm_uri",
            "sectigo_cm_user",
            "sectigo_config_type",
        ),
        "the account belongs to the config entry, configs/<config_name>",
    ),
)
"""Which undeclared names paths that order refuse: a misspelt option must not order a certificate without it.

Newer samples of the vendor carry the account's fields in an order's body.
"""

_REQUIRED_OR_DEFAULT = re.compile(r"(?:Required|Default:)[^.]*\.")


def with_ignored(*taken: Field[object]) -> tuple[Field[object], ...]:
    """Return a path's fields, and the other fields of an enrolment as ones without effect.

    So a path accepts the file of the enrolment.
    """
    names = {declared.name for declared in taken}
    of_enrolment = (*key_fields.FIELDS, *ssl_fields.FIELDS, *client_fields.FIELDS)
    return (*taken, *(_without_effect(declared) for declared in of_enrolment if declared.name not in names))


def _without_effect(declared: Field[object]) -> Field[object]:
    description = _REQUIRED_OR_DEFAULT.sub("", declared.description).strip()
    return replace(declared, description=description, required=False, without_effect=True)
