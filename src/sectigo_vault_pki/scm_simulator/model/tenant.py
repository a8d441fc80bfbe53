"""The tenant the simulator plays: its login, its organization, its certificate profiles and custom fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credentials:
    """The header login (scm-api.md 1.1); demo values that guard nothing."""

    user: str = "demo-user"
    password: str = field(default="demo-password", repr=False)
    customer_uri: str = "demo-customer"


@dataclass(frozen=True)
class Organization:
    id: int
    name: str
    country: str


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


@dataclass(frozen=True)
class CustomField:
    """A field of the tenant's own; which ones are mandatory is a setting."""

    id: int
    name: str


_PUBLIC_KEYS = {"RSA": ("2048", "3072", "4096"), "EC": ("P-256", "P-384")}
_PRIVATE_KEYS = {"RSA": ("2048", "3072", "4096", "8192"), "EC": ("P-256", "P-384", "P-521")}
_PRIVATE = "Private"
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
        Profile(507, "Simulated Private SSL", "Private CA", (1, 30, 365, 730, 1095), _PRIVATE_KEYS, _PRIVATE),
    )
    client_profiles: tuple[Profile, ...] = (
        Profile(601, "Simulated S/MIME", "Mail and login, RSA and EC", _CLIENT_TERMS, _PUBLIC_KEYS),
        Profile(602, "Simulated One-Time S/MIME", "Cannot be renewed", _CLIENT_TERMS, _PUBLIC_KEYS, renewable=False),
        Profile(603, "Simulated Private S/MIME", "Private CA", (1, 30, *_CLIENT_TERMS), _PRIVATE_KEYS, _PRIVATE),
    )
    custom_fields: tuple[CustomField, ...] = (CustomField(81, "Cost centre"), CustomField(82, "Ticket"))

    def profile(self, profile_id: int) -> Profile | None:
        return next((profile for profile in self.profiles if profile.id == profile_id), None)

    def client_profile(self, profile_id: int) -> Profile | None:
        return next((profile for profile in self.client_profiles if profile.id == profile_id), None)
