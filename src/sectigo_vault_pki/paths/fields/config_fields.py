"""Fields of a config entry."""

from datetime import timedelta

from sectigo_vault_pki.paths.fields import field_kinds, waiting_fields
from sectigo_vault_pki.paths.fields.columns import SECOND, Column, Table, fields_of, in_seconds
from sectigo_vault_pki.store import CertificateType
from sectigo_vault_pki.vault_plugin.framework import Field, kinds

USER = Field(
    name="sectigo_cm_user",
    label="SCM user",
    kind=field_kinds.header_value(max_length=128),
    required=True,
    description="Login name of the SCM account.",
)
PASSWORD = Field(
    name="sectigo_cm_password",
    label="SCM password",
    kind=field_kinds.header_value(max_length=256),
    required=True,
    secret=True,
    description="Password of the SCM account. No read returns it.",
)
URI = Field(
    name="sectigo_cm_uri",
    label="Customer URI",
    kind=field_kinds.customer_uri(),
    required=True,
    missing="sectigo_cm_uri is required: the last part of your portal address …/customer/<uri>",
    description="Customer URI: the last part of your portal address …/customer/<uri>, and of every unique id.",
)
CONFIG_TYPE = Field(
    name="sectigo_config_type",
    label="Certificate type",
    kind=kinds.choice(*(kind.value for kind in CertificateType)),
    required=True,
    description="Certificate type of the entry: ssl_cert or client_cert. Fixed once certificates are stored under it.",
)
ORG_ID = Field(
    name="sectigo_cm_org_id",
    label="Organization id",
    kind=kinds.whole_number(minimum=1),
    required=True,
    description="Id of the organization at SCM.",
)
BASE_URL = Field(
    name="sectigo_cm_base_url",
    label="SCM address",
    kind=field_kinds.base_url(),
    required=True,
    description="SCM's address, such as https://cert-manager.com. Plain http only for a loopback host.",
)
CA_CERT = Field(
    name="sectigo_cm_ca_cert",
    label="Trusted CAs",
    kind=field_kinds.ca_bundle(),
    description="CA certificates in PEM to trust for this address, instead of the public roots.",
)
REQUEST_TIMEOUT = Field(
    name="sectigo_cm_request_timeout",
    label="Time for one call (seconds)",
    kind=kinds.duration(unit=SECOND, minimum=SECOND),
    default=timedelta(seconds=60),
    inherits=True,
    description="Seconds for one call to SCM; a call that orders may take 300. Default: 60.",
)
WAIT_LIMIT = Field(
    name="sectigo_wait_limit",
    label="Longest wait (seconds)",
    kind=kinds.duration(unit=SECOND, minimum=SECOND),
    default=timedelta(seconds=50),
    inherits=True,
    description=(
        "Seconds after which any request returns, whatever it waits for. Raise it together with "
        "VAULT_CLIENT_TIMEOUT and the server's default_max_request_duration. Default: 50."
    ),
)

SUSPEND_RENEWALS = Field(
    name="sectigo_suspend_renewals",
    label="Suspend renewals",
    kind=kinds.boolean(),
    description=(
        "Whether to stop automatic renewals under this entry, whatever its certificates say; a renew write still "
        "renews. A switch for emergencies. Default: false."
    ),
)
MAX_ORDERS_PER_DAY = Field(
    name="sectigo_max_orders_per_day",
    label="Orders in 24 hours",
    kind=kinds.whole_number(minimum=1),
    description=(
        "How many orders (enroll, renew, replace; by request or automatic) the entry may place in any 24 hours. "
        "Without it, any number."
    ),
)

TABLE: Table = {
    "login": Column(USER),
    "password": Column(PASSWORD),
    "customer_uri": Column(URI),
    "certificate_type": Column(CONFIG_TYPE),
    "org_id": Column(ORG_ID),
    "base_url": Column(BASE_URL),
    "ca_bundle": Column(CA_CERT),
    "request_timeout": in_seconds(REQUEST_TIMEOUT),
    "wait_limit": in_seconds(WAIT_LIMIT),
    "suspend_renewals": Column(SUSPEND_RENEWALS, unset=False),
    "max_orders_per_day": Column(MAX_ORDERS_PER_DAY, unset=0),
}
"""How `ConfigRecord` is set."""
FIELDS = (*fields_of(TABLE), *waiting_fields.FIELDS)
OF_THE_LOGIN = ("login", "customer_uri", "base_url", "ca_bundle")
"""Attributes that decide where the password is sent; changing one needs the password in the same write."""
