"""Fields of `sync/`."""

from sectigo_vault_pki.paths.fields import field_kinds
from sectigo_vault_pki.vault_plugin.framework import Field, kinds

DRY_RUN = Field(
    name="dry_run",
    label="Dry run",
    kind=kinds.boolean(),
    default=True,
    description="Only find the differences, and change nothing. Default: true.",
)
FROM = Field(
    name="from",
    label="From",
    kind=field_kinds.day(),
    description="First day on which the compared certificates expire, such as 2027-01-31. Default: today.",
)
TO = Field(
    name="to",
    label="To",
    kind=field_kinds.day(),
    description=(
        "Last day on which the compared certificates expire. Default: ten years after `from`, which is after the "
        "expiry of everything that can be valid now."
    ),
)
IMPORT_MISSING = Field(
    name="import_missing",
    label="Import what is missing",
    kind=kinds.boolean(),
    default=False,
    description=(
        "Import the certificates that only SCM has, without their private keys and with automatic renewal switched "
        "off. Default: false: they are listed."
    ),
)
FIELDS = (DRY_RUN, FROM, TO, IMPORT_MISSING)
