"""Fields of many paths: what a path's URL names, and the reason of what is done."""

from sectigo_vault_pki.paths.fields import field_kinds
from sectigo_vault_pki.vault_plugin.framework import Field, kinds

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
        "Why, in 1 to 512 characters. If it is a reason of RFC 5280 alone, such as superseded or keyCompromise, a "
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
