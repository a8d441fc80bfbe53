"""Config entries and roles, with their counters and notes."""

from datetime import date

from pydantic import AwareDatetime, Field

from sectigo_vault_pki.store.base import CertificateType, Record, StoredSecret, WaitingAndRenewal
from sectigo_vault_pki.store.layout import UniqueId


class ConfigRecord(Record):
    """A config entry: one SCM account, one organisation, one certificate type.

    Attributes:
        login: SCM's user name; empty where there is none.
        auth: how the entry logs in: `password` where it is None, `oauth2` or `certificate`.
        password, client_secret, client_key: the secret of each login; that of the one in use is there.
        client_certificate: PEM.
        next_password: what the API user's password is being changed to; it may be in force already.
        next_password_until: how long SCM may still put it in force if it is not.
        api_version: `v1` or `v2`; None: what SCM turns out to have.
        dcv_mode, dcv_email: see `DomainValidation`.
        suspend_renewals: stops automatic renewals, whatever the certificates say.
        max_orders_per_day: orders placed in any 24 hours at most; None: any number.
    """

    login: str = ""
    password: StoredSecret | None = None
    next_password: StoredSecret | None = None
    next_password_until: AwareDatetime | None = None
    auth: str | None = None
    client_id: str | None = None
    client_secret: StoredSecret | None = None
    token_url: str | None = None
    api_version: str | None = None
    client_certificate: str | None = None
    client_key: StoredSecret | None = None
    customer_uri: str
    certificate_type: CertificateType
    org_id: int
    base_url: str
    ca_bundle: str | None = None
    request_timeout: float | None = None
    wait_limit: float | None = None
    defaults: WaitingAndRenewal = WaitingAndRenewal()
    dcv_mode: str | None = None
    dcv_email: str | None = None
    suspend_renewals: bool | None = None
    max_orders_per_day: int | None = None


class OrderCounts(Record):
    """The recent orders of a config entry.

    Attributes:
        by_minute: how many, by the minute they were placed in, counted from the Unix epoch; oldest first.
    """

    by_minute: tuple[tuple[int, int], ...] = ()


class LoginPause(Record):
    """A login that SCM refused: no automatic call uses it until `retry_at`.

    Attributes:
        times: consecutive refusals, each after its pause.
    """

    times: int
    retry_at: AwareDatetime


class NewestChain(Record):
    """The issuers of a config entry's newest certificate, and what that says of where its CA publishes what.

    A certificate of the same CA changes it only if it is much newer, so it may name an earlier one.

    Attributes:
        unique_id: the certificate's.
        not_before: the certificate's.
        issuers_pem: one PEM block for each, nearest to the certificate first.
        crl_distribution_points: URLs (RFC 5280 section 4.2.1.13).
        issuing_certificates: URLs of the issuer's certificate (RFC 5280 section 4.2.2.1).
        ocsp_servers: URLs (the same section).
    """

    unique_id: UniqueId
    not_before: AwareDatetime
    issuers_pem: tuple[str, ...]
    crl_distribution_points: tuple[str, ...] = ()
    issuing_certificates: tuple[str, ...] = ()
    ocsp_servers: tuple[str, ...] = ()


class ConfigIdentity(Record):
    """The part of a config entry that is fixed while certificates are stored under its name."""

    certificate_type: CertificateType
    customer_uri: str
    host: str


class RoleDefaults(Record):
    """What a mount's roles have that do not say it themselves; None: each has to say it."""

    config_name: str | None = None
    certificate_profile: int | None = None
    validity_days: int | None = None


class RoleRecord(Record):
    """What may be ordered under a name, under which config entry, and how often; lengths of time in seconds.

    Attributes:
        certificate_profile: SCM's id.
        validity_days: ordered if a request has no `ttl`.
        allowed_domains: normalised host names without wildcards.
        key_type: `rsa`, `ec`, or `any`, under which a request or its CSR decides.
        key_bits: 0 for the key type's own default.
        max_ttl: longest validity; None: the profile's terms are the limit.
        releases_key: see `RequestedFields`.
        min_remaining: a stored certificate is returned again while this much of its life is left; 0: never.
        max_orders_per_day: in UTC; None: any number.
        allowed_subject: the values that each part of a CSR's subject may have, by its name in Vault's pki; `*` allows
            any. None in roles of earlier versions, which check no part.
        allowed_ip_cidrs: networks that IP addresses must lie in; empty: any.
        require_cn: whether a request must name the common name; if not, an alternative name takes its place.
        ttl: in place of `validity_days` if a request has no `ttl`.
        inherited: the attributes that the mount's `RoleDefaults` decide, and `min_remaining` where it is a third of
            `validity_days`; what stands in the record are their values when it was written.
        builtin_fields: fields of Vault's own pki engine without effect here, as they were sent.
    """

    config_name: str
    certificate_profile: int
    validity_days: int
    allowed_domains: tuple[str, ...] = ()
    allow_subdomains: bool = False
    allow_bare_domains: bool = False
    allow_wildcard_certificates: bool = True
    allow_ip_sans: bool = True
    key_type: str = "rsa"
    key_bits: int = 0
    max_ttl: float | None = None
    releases_key: bool = False
    min_remaining: float = 0.0
    max_orders_per_day: int | None = None
    allowed_subject: dict[str, tuple[str, ...]] | None = None
    allowed_ip_cidrs: tuple[str, ...] = ()
    require_cn: bool = True
    ttl: float | None = None
    inherited: tuple[str, ...] = ()
    dcv_mode: str | None = None
    dcv_email: str | None = None
    builtin_fields: dict[str, bool | int | str | list[str]] = Field(default_factory=dict)


class RoleUse(Record):
    """The use of a role: its orders of one day, and the certificate that it returned last.

    Attributes:
        other_days: orders of other days, the most recently counted last.
    """

    day: date | None = None
    orders: int = 0
    other_days: tuple[tuple[date, int], ...] = ()
    newest_config_name: str = ""
    newest: UniqueId | None = None
