"""The tenant the simulator plays: its login, its organization, its certificate profiles and custom fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Credentials:
    """The header login (scm-api.md 1.1); demo values that guard nothing."""

    user: str = "demo-user"
    password: str = field(default="demo-password", repr=False)
    customer_uri: str = "demo-customer"


@dataclass(frozen=True)
class Department:
    """A part of an organization; an order takes its id in the place of an organization's (scm-api.md 13.4)."""

    id: int
    name: str


@dataclass(frozen=True)
class Organization:
    """What orders are for.

    Args:
        id: What `orgId` names.
        name: The O of certificates, those of its departments too.
        country: Their C.
        departments: Its parts.
        ssl_certs_api_enabled: Whether SSL orders through the API are allowed.
        client_certs_api_enabled: The same for client certificates.
    """

    id: int
    name: str
    country: str
    departments: tuple[Department, ...] = ()
    ssl_certs_api_enabled: bool = True
    client_certs_api_enabled: bool = True


@dataclass(frozen=True)
class Profile:
    """A certificate profile, which the API calls a type (scm-api.md 3.1).

    Args:
        id: What `certType` names.
        name: Two profiles may share one.
        description: For people.
        terms: Allowed validities in days.
        key_types: Algorithm to sizes or curves, as text.
        validation_type: "DV", "OV", "EV" or "Private", in SCM's words.
        renewable: Whether SCM takes a renewal.
        multi_domain: False: the certificate gets `www.` in front of its common name (scm-api.md 10).
    """

    id: int
    name: str
    description: str
    terms: tuple[int, ...]
    key_types: Mapping[str, tuple[str, ...]]
    validation_type: str = "Organization Validation (OV)"
    renewable: bool = True
    multi_domain: bool = True

    def terms_up_to(self, longest: int | None) -> tuple[int, ...]:
        """Return the terms that are on offer while none may be longer than so many days."""
        return tuple(term for term in self.terms if longest is None or term <= longest)


CertType = Literal["SSL", "SMIME"]
AccessMethod = Literal["ADMIN_UI", "REST_API", "SOAP_API", "WEB_FORM"]
FieldState = Literal["ACTIVE", "INACTIVE", "SUSPENDED_ACTIVE", "SUSPENDED_INACTIVE"]
InputType = Literal["TEXT_SINGLE_LINE", "TEXT_MULTI_LINE", "EMAIL", "NUMBER", "TEXT_OPTION", "DATE"]


@dataclass(frozen=True)
class CustomField:
    """A field of the tenant's own (scm-api.md 13.4).

    Args:
        id: SCM's.
        name: What an order calls it.
        cert_types: Whose orders it belongs to.
        state: Only an active one exists for an order.
        input_type: What its value may be.
        options: The values of a `TEXT_OPTION`.
        mandatories: Through which accesses an order must carry it; ours is `REST_API`.
    """

    id: int
    name: str
    cert_types: tuple[CertType, ...] = ("SSL", "SMIME")
    state: FieldState = "ACTIVE"
    input_type: InputType = "TEXT_SINGLE_LINE"
    options: tuple[str, ...] = ()
    mandatories: tuple[AccessMethod, ...] = ()


_PUBLIC_KEYS = {"RSA": ("2048", "3072", "4096"), "EC": ("P-256", "P-384")}
_KEYS_OF_2026 = {"RSA": ("2048", "4096", "8192"), "EC": ("P-256", "P-384")}
_PRIVATE_KEYS = {"RSA": ("2048", "3072", "4096", "8192"), "EC": ("P-256", "P-384", "P-521")}
PRIVATE = "Private"
_CLIENT_TERMS = (365, 730, 1095)


@dataclass(frozen=True)
class Catalogue:
    """What the tenant has bought; the first profile of each kind is the one examples use."""

    organization: Organization = Organization(id=7001, name="Simulated Organization", country="NL")
    profiles: tuple[Profile, ...] = (
        Profile(501, "Simulated OV SSL", "One year, RSA and EC", (365, 398), _PUBLIC_KEYS),
        Profile(502, "Simulated Short SSL", "Terms of 2026 to 2029", (199, 100, 47), _PUBLIC_KEYS),
        Profile(503, "Simulated Multi-Domain SSL", "Many names", (365,), _PUBLIC_KEYS),
        Profile(504, "Simulated Single-Domain SSL", "Adds www.", (365,), _PUBLIC_KEYS, multi_domain=False),
        Profile(505, "Simulated One-Time SSL", "Cannot be renewed", (90, 365), _PUBLIC_KEYS, renewable=False),
        Profile(506, "Simulated RSA SSL", "RSA only", (365,), {"RSA": ("2048", "3072", "4096")}),
        Profile(507, "Simulated Private SSL", "Private CA", (1, 30, 365, 730, 1095), _PRIVATE_KEYS, PRIVATE),
        Profile(508, "Simulated Public SSL", "As sold in 2026, no RSA 3072", (47, 200, 397), _KEYS_OF_2026),
        Profile(509, "Simulated EC SSL", "P-384 only", (47, 200, 397), {"EC": ("P-384",)}),
        Profile(510, "Simulated Device SSL", "Private CA, P-521 only", (30,), {"EC": ("P-521",)}, PRIVATE),
    )
    client_profiles: tuple[Profile, ...] = (
        Profile(601, "Simulated S/MIME", "Mail and login, RSA and EC", _CLIENT_TERMS, _PUBLIC_KEYS),
        Profile(602, "Simulated One-Time S/MIME", "Cannot be renewed", _CLIENT_TERMS, _PUBLIC_KEYS, renewable=False),
        Profile(603, "Simulated Private S/MIME", "Private CA", (1, 30, *_CLIENT_TERMS), _PRIVATE_KEYS, PRIVATE),
    )
    custom_fields: tuple[CustomField, ...] = (CustomField(81, "Cost centre"), CustomField(82, "Ticket"))

    def profile(self, profile_id: int) -> Profile | None:
        return next((profile for profile in self.profiles if profile.id == profile_id), None)

    def client_profile(self, profile_id: int) -> Profile | None:
        return next((profile for profile in self.client_profiles if profile.id == profile_id), None)
