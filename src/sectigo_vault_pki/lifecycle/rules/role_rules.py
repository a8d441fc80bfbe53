"""What a role allows: names, keys and validities, as pure functions; nothing that they forbid is ordered.

The texts of refusals are those of Vault's own pki engine where it has them, because its users search for them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.lifecycle.rules.renewal_rule import shown_time
from sectigo_vault_pki.pki import (
    OTHER_NAMES_OF_EC,
    ROLE_SUBJECT_FIELDS,
    CertificateSigningRequest,
    KeyParameters,
    is_ip_address,
    printable,
)
from sectigo_vault_pki.store import CurrentCertificate, RoleDefaults, RoleRecord

_ONE_DAY = timedelta(days=1)
ANY_KEY = "any"
"""A role's `key_type` under which each request, or CSR, decides."""
_KEY_TYPES = ("rsa", "ec")
_LONGEST_COMMON_NAME = 64
"""Characters (RFC 5280 appendix A.1)."""
ANY = "*"
"""Among the values that a role allows: every value."""
LARGEST_SHARE = 2 / 3
"""Of its life, so much of a stored certificate must be left at most to be answered again."""
DEFAULT_MAX_ORDERS = 10
"""A day, under a role that does not say it."""


@dataclass(frozen=True, slots=True)
class Term:
    """A validity in days that SCM offers and the role allows, and what the user should know of it.

    Attributes:
        of_order: what is true only where it is ordered.
    """

    days: int
    warnings: tuple[str, ...] = ()
    of_order: tuple[str, ...] = ()


def with_defaults(role: RoleRecord, defaults: RoleDefaults) -> RoleRecord:
    """Return a role with the mount's present defaults for what it does not say itself.

    A default that is gone leaves the value that was in force when the role was written.
    """
    if not role.inherited:
        return role
    ruled = {name: value for name in role.inherited if (value := getattr(defaults, name, None)) is not None}
    role = role.model_copy(update=ruled)
    if "min_remaining" not in role.inherited:
        return role
    return role.model_copy(update={"min_remaining": usual_life(role).total_seconds() / 3})


def usual_life(role: RoleRecord) -> timedelta:
    """Return the validity that a request without a ttl asks for: the role's `ttl` or `validity`, up to `max_ttl`."""
    wanted = timedelta(seconds=role.ttl) if role.ttl else timedelta(days=role.validity_days)
    return min(wanted, timedelta(seconds=role.max_ttl)) if role.max_ttl else wanted


def common_name(role: RoleRecord, named: str | None, names: Iterable[str]) -> str:
    """Return the common name to order: every order at SCM has one, so an alternative name may have to take its place.

    Args:
        role: the policy.
        named: the request's; None or empty if it names none.
        names: the subject alternative names, normalised; the first host name that fits is taken.

    Raises:
        InvalidInputError: there is none, or the role requires that the request names it.
    """
    if named:
        return named
    if role.require_cn:
        raise InvalidInputError("the common_name field is required")
    fitting = (name for name in names if len(name) <= _LONGEST_COMMON_NAME and not is_ip_address(name))
    if (first := next(fitting, None)) is None:
        raise InvalidInputError(
            "the common_name field is required: SCM orders nothing without a common name, and alt_names has no host "
            f"name of at most {_LONGEST_COMMON_NAME} characters to take its place"
        )
    return first


def check_names(role: RoleRecord, common_name: str, names: Iterable[str]) -> None:
    """Make sure that a role allows every name; as in Vault's pki, `allow_ip_sans` allows no IP as common name.

    Args:
        role: the policy.
        common_name: normalised by `pki.normalise_name`.
        names: the subject alternative names, normalised likewise.

    Raises:
        InvalidInputError: one is not allowed; the text names it.
    """
    if is_ip_address(common_name) or not _allows(role, common_name):
        raise InvalidInputError(f"common name {common_name} not allowed by this role")
    for name in names:
        if _allows(role, name):
            continue
        if "@" in name:
            raise InvalidInputError(f"email address {name} not allowed by this role")
        if is_ip_address(name):
            raise InvalidInputError(
                f"IP Subject Alternative Names are not allowed in this role, but was provided {name}"
            )
        raise InvalidInputError(f"subject alternate name {name} not allowed by this role")


def _allows(role: RoleRecord, name: str) -> bool:
    if "@" in name:
        return False
    if is_ip_address(name):
        return role.allow_ip_sans and _is_in_allowed_network(role, name)
    is_wildcard = name.startswith("*.")
    if is_wildcard and not role.allow_wildcard_certificates:
        return False
    host = name.removeprefix("*.")
    return any(_is_within(role, host, domain, is_wildcard=is_wildcard) for domain in role.allowed_domains)


def _is_in_allowed_network(role: RoleRecord, address: str) -> bool:
    if not role.allowed_ip_cidrs:
        return True
    parsed = ip_address(address)
    return any(parsed in ip_network(network) for network in role.allowed_ip_cidrs)


def _is_within(role: RoleRecord, host: str, domain: str, *, is_wildcard: bool) -> bool:
    """Tell whether a host is an allowed domain or lies below it, by whole labels; a wildcard's names lie below it."""
    labels, suffix = host.split("."), domain.split(".")
    if labels[-len(suffix) :] != suffix:
        return False
    is_below = len(labels) > len(suffix) or is_wildcard
    return role.allow_subdomains if is_below else role.allow_bare_domains


def key_parameters(role: RoleRecord, key_type: str | None = None, key_bits: str | None = None) -> KeyParameters:
    """Return the parameters of the key to make.

    Args:
        role: the policy; the rest counts only if its key type is any.
        key_type: the request's.
        key_bits: the request's; empty or 0 for the key type's own default.

    Raises:
        InvalidInputError: any key may be made, and the request does not say which.
    """
    if role.key_type != ANY_KEY:
        return KeyParameters.parse(role.key_type, role.key_bits or None)
    word = (key_type or "").strip().lower()
    if not word:
        raise InvalidInputError(
            'role key type "any" not allowed for issuing certificates, only signing, unless the request has a '
            f"key_type: {' or '.join(_KEY_TYPES)}"
        )
    if word not in _KEY_TYPES:
        hint = '; did you mean "ec"?' if word.upper() in OTHER_NAMES_OF_EC else ""
        raise InvalidInputError(f"key_type must be one of {', '.join(_KEY_TYPES)}{hint}")
    size = (key_bits or "").strip()
    try:
        return KeyParameters.parse(word, None if size == "0" else size)
    except InvalidInputError as error:
        raise InvalidInputError(f"key_bits cannot be used: {error}") from None


def key_to_make(
    role: RoleRecord, csr: CertificateSigningRequest | None, key_type: str | None, key_bits: str | None
) -> KeyParameters | None:
    """Return what key to make for a request; None for one with a CSR.

    Raises:
        InvalidInputError: the role does not allow the CSR, or the request does not say what key to make.
    """
    if csr is None:
        return key_parameters(role, key_type, key_bits)
    check_csr(role, csr)
    return None


def check_csr(role: RoleRecord, csr: CertificateSigningRequest) -> None:
    """Make sure that a role allows a CSR's key and subject, and whatever it asks for that `check_names` does not see.

    Raises:
        InvalidInputError: it does not.
    """
    if csr.other_names:
        raise InvalidInputError(
            f"the CSR asks for names of a kind that no role allows, {csr.other_names[0]}: only host names and IP "
            "addresses are allowed"
        )
    if csr.privileges:
        raise InvalidInputError(f"the CSR asks for {csr.privileges[0]}, which no role allows")
    _check_subject(role, csr.subject_fields)
    if role.key_type not in {ANY_KEY, csr.key_type}:
        raise InvalidInputError(f"role requires keys of type {role.key_type}")
    smallest = 0 if role.key_type == ANY_KEY else key_parameters(role).size
    if csr.key_size < smallest:
        raise InvalidInputError(
            f"role requires a minimum of a {smallest}-bit key, but CSR's key is {csr.key_size} bits"
        )


def _check_subject(role: RoleRecord, subject_fields: Iterable[tuple[str, str]]) -> None:
    """Refuse what the role does not allow besides the common name: SCM's profile may pass on the whole subject."""
    for word, value in subject_fields:
        if word in ROLE_SUBJECT_FIELDS and role.allowed_subject is None:
            continue
        allowed = (role.allowed_subject or {}).get(word, ())
        if (word in ROLE_SUBJECT_FIELDS and ANY in allowed) or value in allowed:
            continue
        advice = f"; leave it out, or write {word} to the role" if word in ROLE_SUBJECT_FIELDS else ""
        raise InvalidInputError(f"{word} {printable(value)} in the CSR's subject is not allowed by this role{advice}")


def guard_warnings(role: RoleRecord) -> tuple[str, ...]:
    """Say how a client's loop could spend under a role."""
    warnings = []
    if not role.min_remaining:
        warnings.append("min_remaining is 0: every request under this role orders another certificate")
    elif role.min_remaining > usual_life(role).total_seconds() * LARGEST_SHARE:
        warnings.append(
            "min_remaining is longer than two thirds of validity: a stored certificate is answered until two thirds of "
            "its life are left"
        )
    if role.min_remaining and role.releases_key:
        warnings.append(
            "no_store_key is true, so that min_remaining has no effect on issue/: a stored certificate without its key "
            "is not answered again, and every request orders another one"
        )
    if role.max_orders_per_day is None:
        warnings.append("max_orders_per_day is 0: any number of certificates may be ordered under this role")
    elif not role.max_orders_per_day:
        warnings.append("max_orders_per_day was set to none by an earlier version: nothing may be ordered")
    return tuple(warnings)


def needed_life(role: RoleRecord, certificate: CurrentCertificate) -> timedelta:
    """Return how much life a stored certificate must have left to be answered again.

    It is held against the life that was really got, so that no certificate is spent at its birth: at most two thirds
    of it. One that lived no longer than `min_remaining` from the start is answered as long as it is valid.
    """
    wanted = timedelta(seconds=role.min_remaining)
    life = life_in_hand(certificate)
    return timedelta(0) if life <= wanted else min(wanted, life * LARGEST_SHARE)


def life_in_hand(certificate: CurrentCertificate) -> timedelta:
    """Return how long a certificate was still to live when it was collected."""
    return certificate.not_after - max(certificate.not_before, certificate.collected_at)


def notice_of_short_life(role: RoleRecord, certificate: CurrentCertificate) -> str | None:
    """Say that certificates live shorter than the role wants to be left of them; None where they do not."""
    if not role.min_remaining or life_in_hand(certificate) > timedelta(seconds=role.min_remaining):
        return None
    return (
        "the certificate lives no longer than the role's min_remaining: it is answered to equal requests as long as it "
        "is valid"
    )


def requested_life(ttl: timedelta | None, not_after: datetime | None, now: datetime) -> timedelta | None:
    """Return how long a certificate is to be valid as the request says it, by its length or by its end.

    Raises:
        InvalidInputError: it says both, or the end is not in the future.
    """
    if not_after is None:
        return ttl
    if ttl:
        raise InvalidInputError(
            "Either ttl or not_after should be provided. Both should not be provided in the same request."
        )
    if not_after <= now:
        raise InvalidInputError("not_after must be in the future")
    return not_after - now


def notice_of_early_end(not_after: datetime | None, certificate: CurrentCertificate) -> str | None:
    """Say that a certificate ends before the request's `not_after`; None if it does not, or there is none."""
    if not_after is None or certificate.not_after >= not_after:
        return None
    return f"the certificate ends at {shown_time(certificate.not_after)}, before the requested not_after"


def term(role: RoleRecord, ttl: timedelta | None, offered: Sequence[int] | None) -> Term:
    """Choose what to order: the shortest term that covers what is asked for, and none longer than `max_ttl`.

    Args:
        role: the policy.
        ttl: `requested_life`; None: the role's `ttl`, or its `validity`.
        offered: the certificate profile's terms in days; None where SCM does not tell: then it is the role's validity.

    Raises:
        InvalidInputError: no term is short enough for `max_ttl`.
    """
    warnings = []
    longest = None if role.max_ttl is None else timedelta(seconds=role.max_ttl)
    wanted = ttl or usual_life(role)
    if longest is not None and wanted > longest:
        warnings.append(
            f'TTL "{shown(wanted)}" is longer than permitted maxTTL "{shown(longest)}", so maxTTL is being used'
        )
        wanted = longest
    terms = sorted(offered if offered is not None else (role.validity_days,))
    allowed = [days for days in terms if longest is None or days * _ONE_DAY <= longest]
    if not allowed:
        raise InvalidInputError(
            f"certificates of this profile are valid for {_listed(terms)} days, and the role's max_ttl of "
            f"{shown(longest or timedelta(0))} allows none of them"
        )
    days = next((days for days in allowed if days * _ONE_DAY >= wanted), allowed[-1])
    if days * _ONE_DAY == wanted:
        return Term(days, tuple(warnings))
    ordered = "1 day was ordered" if days == 1 else f"{days} days were ordered"
    rounded = f"certificates of this profile are valid for {_listed(terms)} days: {ordered}"
    return Term(days, tuple(warnings), (rounded,))


def notice_of_other_term(term: Term, ordered_days: int) -> str | None:
    """Say that the certificate that an equal request ordered was ordered for another term; None where it was not."""
    if term.days == ordered_days:
        return None
    return (
        f"nothing was ordered: the answered certificate was ordered for {ordered_days} days by an equal request, and "
        f"this one would have ordered {term.days} days; a role of its own keeps certificates of another ttl apart"
    )


def notice_of_other_profile(role: RoleRecord, ordered_profile: int) -> str | None:
    """Say that an equal request ordered the certificate under a profile that the role had before; None if not."""
    if role.certificate_profile == ordered_profile:
        return None
    return (
        f"nothing was ordered: the answered certificate was ordered with certificate_type {ordered_profile} by an "
        f"equal request, and the role has {role.certificate_profile} now; a role of another name orders it at once"
    )


def shown(length: timedelta) -> str:
    """Return a length of time as Vault prints one, such as `720h0m0s`."""
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{seconds}s"


def _listed(days: Sequence[int]) -> str:
    return " or ".join(map(str, days))
