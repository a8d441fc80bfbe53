"""Fields of a config entry."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from sectigo_vault_pki.paths.fields import field_kinds, ssl_fields, waiting_fields
from sectigo_vault_pki.paths.fields.columns import SECOND, Column, Table, fields_of, in_seconds
from sectigo_vault_pki.store import CertificateType
from sectigo_vault_pki.vault_plugin.framework import Field, kinds


class LoginKind(StrEnum):
    """The values of `sectigo_cm_auth`."""

    PASSWORD = "password"  # noqa: S105  the word
    OAUTH2 = "oauth2"
    CERTIFICATE = "certificate"


AUTH = Field(
    name="sectigo_cm_auth",
    label="Kind of login",
    kind=kinds.choice(*LoginKind),
    default=LoginKind.PASSWORD.value,
    inherits=True,
    description=(
        "How to log in at SCM: password, oauth2 (an API key, which SCM recommends), or certificate (a TLS client "
        "certificate). A write that changes it removes the stored login. Default: password."
    ),
)
USER = Field(
    name="sectigo_cm_user",
    label="SCM user",
    kind=field_kinds.header_value(max_length=128),
    description="Login name of the SCM account. Required unless sectigo_cm_auth is oauth2.",
)
PASSWORD = Field(
    name="sectigo_cm_password",
    label="SCM password",
    kind=field_kinds.header_value(max_length=256),
    secret=True,
    description="Password of the SCM account. No read returns it. Required with password.",
)
CLIENT_ID = Field(
    name="sectigo_cm_client_id",
    label="Client id",
    kind=field_kinds.header_value(max_length=256),
    description="Client id of the API key. Required with oauth2.",
)
CLIENT_SECRET = Field(
    name="sectigo_cm_client_secret",
    label="Client secret",
    kind=field_kinds.header_value(max_length=1024),
    secret=True,
    description="Client secret of the API key. No read returns it. Required with oauth2.",
)
TOKEN_URL = Field(
    name="sectigo_cm_token_url",
    label="Token URL",
    kind=field_kinds.token_url(),
    description=(
        "Where oauth2 gets tokens. Without it, the URL that SCM names when it refuses a call, if that is on SCM's own "
        "host or under sectigo.com."
    ),
)
API_VERSION = Field(
    name="sectigo_cm_api_version",
    label="API version",
    kind=kinds.choice("v1", "v2"),
    description="Version of SCM's API for SSL certificates, with oauth2: v1 or v2. Without it, SCM is asked.",
)
CLIENT_CERT = Field(
    name="sectigo_cm_client_cert",
    label="Client certificate",
    kind=field_kinds.client_certificate(),
    description="Client certificate in PEM, with the issuers that SCM needs. Required with certificate.",
)
CLIENT_KEY = Field(
    name="sectigo_cm_client_key",
    label="Key of the client certificate",
    kind=field_kinds.private_key("sectigo_cm_client_key"),
    secret=True,
    description="Private key of the client certificate, in PEM. No read returns it. Required with certificate.",
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
    "auth": Column(AUTH),
    "login": Column(USER),
    "password": Column(PASSWORD),
    "client_id": Column(CLIENT_ID),
    "client_secret": Column(CLIENT_SECRET),
    "token_url": Column(TOKEN_URL),
    "api_version": Column(API_VERSION),
    "client_certificate": Column(CLIENT_CERT),
    "client_key": Column(CLIENT_KEY, lambda key: key.pem),
    "customer_uri": Column(URI),
    "certificate_type": Column(CONFIG_TYPE),
    "org_id": Column(ORG_ID),
    "base_url": Column(BASE_URL),
    "ca_bundle": Column(CA_CERT),
    "request_timeout": in_seconds(REQUEST_TIMEOUT),
    "wait_limit": in_seconds(WAIT_LIMIT),
    "dcv_mode": Column(
        replace(
            ssl_fields.DCV_MODE,
            description="How the CA validates domains, for orders that do not say it: sent to SCM as it is.",
        )
    ),
    "dcv_email": Column(ssl_fields.DCV_EMAIL),
    "suspend_renewals": Column(SUSPEND_RENEWALS, unset=False),
    "max_orders_per_day": Column(MAX_ORDERS_PER_DAY, unset=0),
}
"""How `ConfigRecord` is set."""
FIELDS = (*fields_of(TABLE), *waiting_fields.FIELDS)
OF_THE_LOGIN = (
    "auth",
    "login",
    "client_id",
    "token_url",
    "client_certificate",
    "customer_uri",
    "base_url",
    "ca_bundle",
)
"""Attributes that decide where the login's secret is sent; changing one needs the secret in the same write."""


@dataclass(frozen=True, slots=True)
class LoginFields:
    """The attributes of one kind of login.

    Attributes:
        secret: the one that no read shows.
        secret_words: what errors call it.
        required: those without which it is none, the secret among them.
        optional: others of its own.
    """

    secret: str
    secret_words: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    @property
    def all(self) -> frozenset[str]:
        return frozenset((*self.required, *self.optional))


LOGINS: Mapping[LoginKind, LoginFields] = MappingProxyType(
    {
        LoginKind.PASSWORD: LoginFields("password", "password", ("login", "password")),
        LoginKind.OAUTH2: LoginFields(
            "client_secret", "client secret", ("client_id", "client_secret"), ("token_url", "api_version")
        ),
        LoginKind.CERTIFICATE: LoginFields("client_key", "key", ("login", "client_certificate", "client_key")),
    }
)
OF_LOGINS = frozenset().union(*(login.all for login in LOGINS.values()))
"""Attributes that belong to some kind of login."""
LOGIN_AND_SECRETS = (*OF_THE_LOGIN, *(login.secret for login in LOGINS.values()))
