"""What SCM offers an organization, and whether an order can be had of it: pure functions.

Only what SCM says for certain stands against an order: what it does not say, or says twice, is left to SCM.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.pki import KeyParameters, printable
from sectigo_vault_pki.scm import CustomField, Page, Profile
from sectigo_vault_pki.store import ClientFields, ConfigRecord, RequestedFields, SslFields

_NAMES_OF_ALGORITHMS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"rsa": frozenset({"RSA"}), "ec": frozenset({"EC", "ECC", "ECDSA"})}
)
"""SCM's names by our key types."""
_SIZE = re.compile(r"(?:P-?)?([0-9]{3,5})")


@dataclass(frozen=True, slots=True)
class Offers:
    """What SCM offers an organization, as far as it says.

    Attributes:
        rows: how each profile is listed, by its id: hardly ever more than once.
        is_whole: every profile is there; False if not all could be read.
        custom_fields: those of the entry's certificate type; None: SCM does not say.
    """

    rows: Mapping[int, Sequence[Profile]]
    is_whole: bool
    custom_fields: Sequence[CustomField] | None = None

    @classmethod
    def of(cls, page: Page[Profile], custom_fields: Sequence[CustomField] | None) -> "Offers":
        """Read SCM's list."""
        rows: dict[int, list[Profile]] = {}
        for profile in page.rows:
            rows.setdefault(profile.id, []).append(profile)
        is_cut = page.total is not None and page.total > page.length
        return cls(rows, not page.unreadable and not is_cut, custom_fields)

    @property
    def ids(self) -> str:
        """The profiles' ids, for the user."""
        return ", ".join(map(str, sorted(self.rows))) or "none"

    def profile(self, profile_id: int) -> Profile | None:
        """Return a profile; one that is listed more than once offers all of it, or nothing that one row leaves out."""
        rows = self.rows.get(profile_id)
        return None if not rows else rows[0] if len(rows) == 1 else _merged(rows)

    def certain(self, profile_id: int) -> Profile | None:
        """Return a profile that SCM lists once."""
        rows = self.rows.get(profile_id, ())
        return rows[0] if len(rows) == 1 else None

    def mandatory_fields(self) -> Sequence[CustomField]:
        """Return the custom fields that every order needs, as far as SCM says."""
        return [field for field in self.custom_fields or () if field.is_mandatory]


@dataclass(frozen=True, slots=True)
class KeptOffers:
    """What an entry's account was told, or not.

    Attributes:
        config: the entry as it asked.
        at: when it was told, or refused; None: not yet.
        offers: None: SCM refused to say.
        failed_at: when SCM could not be asked after that.
    """

    config: ConfigRecord
    at: datetime | None = None
    offers: Offers | None = None
    failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderedKey:
    """The key of an order.

    Attributes:
        fields: what decides it, in the request's words.
        key_type: `rsa`, `ec`, or empty for another kind.
        size: bits.
        is_made: it is to be made, so that it can be of fewer kinds.
    """

    fields: str
    key_type: str
    size: int
    is_made: bool = False


def check_is_offered(offers: Offers, profile_id: int, field: str) -> None:
    """Make sure that SCM offers a profile, as far as its list could be read to the last row.

    Raises:
        InvalidInputError: it does not; the text names the field and the others.
    """
    if offers.is_whole and profile_id not in offers.rows:
        raise InvalidInputError(
            f"SCM offers this organization no certificate profile {profile_id}: {field} must be one of {offers.ids}"
        )


def offered_terms(offers: Offers | None, profile_id: int) -> Sequence[int] | None:
    """Return the validities in days that a role's profile offers; None if SCM does not say.

    Raises:
        InvalidInputError: SCM offers the organization no such profile.
    """
    if offers is None:
        return None
    check_is_offered(offers, profile_id, "certificate_type")
    profile = offers.profile(profile_id)
    return profile.terms or None if profile is not None else None


def problems_of_enrolment(offers: Offers, requested: RequestedFields, key: OrderedKey) -> Sequence[str]:
    """Return why SCM cannot take an enrolment, in the words of its fields."""
    asked = requested.ssl or requested.client
    if asked is None:
        return ()
    prefix = "sectigo_ssl_cert" if isinstance(asked, SslFields) else "sectigo_client_cert"
    return [
        *_of_profile(offers, asked, prefix),
        *problems_of_key(offers, asked.certificate_profile, key),
        *_of_custom_fields(offers, asked, prefix),
    ]


def _of_profile(offers: Offers, asked: SslFields | ClientFields, prefix: str) -> Iterator[str]:
    profile = offers.certain(asked.certificate_profile)
    if profile is not None and profile.terms and asked.validity_days not in profile.terms:
        terms = ", ".join(map(str, profile.terms))
        yield (
            f"{prefix}_validity must be one of {terms}: certificate profile {profile.id} offers no "
            f"{asked.validity_days} days"
        )
    elif offers.rows:  # a list without any profile says little: SCM's own refusal says more
        try:
            check_is_offered(offers, asked.certificate_profile, f"{prefix}_type")
        except InvalidInputError as error:
            yield str(error)


def problems_of_key(offers: Offers, profile_id: int, key: OrderedKey) -> Sequence[str]:
    """Return why a certificate profile does not take a key."""
    profile = offers.certain(profile_id)
    sizes = None if profile is None else _sizes(profile, key.key_type)
    if profile is None or sizes is None or key.size in sizes:
        return ()
    refused = f"{key.key_type.upper()} {key.size}" if sizes else f"{key.key_type.upper()} keys"
    allowed = _allowed_keys(profile, is_made=key.is_made)
    return (f"{key.fields} must be one of {allowed}: certificate profile {profile_id} offers no {refused}",)


def _sizes(profile: Profile, key_type: str) -> Sequence[int] | None:
    """Return the bits of an algorithm's keys; None if SCM does not say them, or not in words that are known."""
    known = frozenset().union(*_NAMES_OF_ALGORITHMS.values())
    names = _NAMES_OF_ALGORITHMS.get(key_type)
    if names is None or known.isdisjoint(profile.key_types):
        return None
    listed = [sizes for name, sizes in profile.key_types.items() if name in names]
    parsed = [_SIZE.fullmatch(size.upper()) for sizes in listed for size in sizes]
    found = [int(size[1]) for size in parsed if size is not None]
    return None if len(found) < len(parsed) or not all(listed) else sorted(set(found))


def _allowed_keys(profile: Profile, *, is_made: bool) -> str:
    """Return the keys of a profile for the user: if one is to be made, those that can be."""
    allowed = [
        (key_type.upper(), size) for key_type in _NAMES_OF_ALGORITHMS for size in _sizes(profile, key_type) or ()
    ]
    shown = [key for key in allowed if not is_made or _can_be_made(*key)] or allowed
    return ", ".join(f"{algorithm} {size}" for algorithm, size in shown) or "those of the profile"


def _can_be_made(algorithm: str, size: int) -> bool:
    try:
        KeyParameters.parse(algorithm, size)
    except InvalidInputError:
        return False
    return True


def _of_custom_fields(offers: Offers, asked: SslFields | ClientFields, prefix: str) -> Iterator[str]:
    given = {name for name, _ in asked.custom_fields}
    missing = [field.name for field in offers.mandatory_fields() if field.name not in given]
    if missing:
        names = ", ".join(f'"{printable(name)}"' for name in missing)
        yield f"{prefix}_custom_fields must have {names}: SCM requires that of every order over its API"


def notice_of_renewed_term(offers: Offers, requested: RequestedFields) -> str | None:
    """Say that a renewal gets another term than the certificate was ordered with, as SCM no longer offers that."""
    asked = requested.ssl or requested.client
    profile = None if asked is None else offers.certain(asked.certificate_profile)
    if asked is None or profile is None or not profile.terms or asked.validity_days in profile.terms:
        return None
    return (
        f"certificate profile {profile.id} no longer offers {asked.validity_days} days: SCM renews for the longest of "
        f"its terms, {max(profile.terms)} days"
    )


def _merged(rows: Sequence[Profile]) -> Profile:
    """Return one profile of all rows for its id; what one of them does not say is not known."""
    terms = {term for row in rows for term in row.terms} if all(row.terms for row in rows) else set()
    sizes: dict[str, dict[str, None]] = {}
    for row in rows if all(row.key_types for row in rows) else ():
        for algorithm, listed in row.key_types.items():
            sizes.setdefault(algorithm, {}).update(dict.fromkeys(listed))
    changes = {
        "terms": tuple(sorted(terms)),
        "key_types": {algorithm: [*listed] for algorithm, listed in sizes.items()},
    }
    return rows[0].model_copy(update=changes)
