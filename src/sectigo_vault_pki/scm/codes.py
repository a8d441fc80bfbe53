"""What SCM's numbers mean: the only place that knows them (scm-api.md 3.4, 6.1; api.md 6)."""

from collections.abc import Mapping
from enum import Enum
from http import HTTPStatus
from types import MappingProxyType

ENROLL = "enroll"
COLLECT = "collect"
LIST = "list"
DETAILS = "details"
RENEW = "renew"
REPLACE = "replace"
REVOKE = "revoke"
TYPES = "types"
REPORT = "report"
CUSTOM_FIELDS = "customField"
ORGANIZATION = "organization"
PASSWORD_STATE = "password"  # noqa: S105  an operation
CHANGE_PASSWORD = "changepassword"  # noqa: S105  an operation
DCV = "dcv"
VALIDATIONS = "validation"
VALIDATION_STATUS = "validation/status"

_ORDERS = frozenset({ENROLL, RENEW, REPLACE})

# On collect these say: not yet. The last four are trouble at the CA, which passes.
_IN_WORK = frozenset({0, -1400, -183})
_CA_TROUBLE = frozenset({-109, -129, -140, -195})
_PENDING = _IN_WORK | _CA_TROUBLE

_LOGIN_REFUSED = frozenset({-16, -970})

_REVOKED = frozenset({(COLLECT, -110), (COLLECT, -192)})
# Profile, term, key or custom fields are not what SCM offers; codes have other meanings elsewhere (scm-api.md 6.1).
_NOT_OFFERED = frozenset({-36, -39, -111, -172, -11, -13, -194, -141, -62, -135})
_DECLINED = frozenset({(COLLECT, -1112)})
_UNKNOWN_DOMAIN = frozenset({(VALIDATION_STATUS, -727)})
# The second is what SCM says of a client certificate on collect; nobody saw it here, and it can mean nothing else.
_ALREADY_REVOKED = frozenset({(REVOKE, -159), (REVOKE, -192)})

_LOGIN = "check the login and the customer URI, and that the account may use the API"
_PRIVILEGE = "the account lacks a privilege: ask the administrator of SCM"
_CSR = "check the CSR"
_KEY = "choose a key algorithm and size that the certificate profile allows"
_PROFILE = "check the certificate type: the id of a certificate profile of this organization"
_LOST_PROFILE = "the certificate profile is gone: enroll a new certificate with another one"
_FIELDS = "check names and values of the custom fields: every mandatory one is needed"
_ORGANIZATION = "check the organization's id"
_DOMAIN = "the domain has to be delegated to the organization and validated in SCM"
_LATER = "the CA has trouble: try again later"
_UNKNOWN = "check the certificate's id"
_GONE = "the certificate was revoked: order a new one"

_HINTS: Mapping[int, str] = MappingProxyType(
    {
        -16: _LOGIN,
        -970: _LOGIN,
        -3: _PRIVILEGE,
        -25: _PRIVILEGE,
        -37: _PRIVILEGE,
        -124: _UNKNOWN,
        -5101: _UNKNOWN,
        -1104: _UNKNOWN,
    }
)

# Codes are not unique: these are read this way only for an order, and those below only for one operation
# (scm-api.md 6.1).
_ORDER_HINTS: Mapping[int, str] = MappingProxyType(
    {
        -9: _CSR,
        -10: _CSR,
        -138: _CSR,
        -11: _KEY,
        -13: _KEY,
        -194: _KEY,
        -141: _KEY,
        -170: "EC keys are switched off for this customer: use an RSA key",
        -78: "the key is broken or known to be weak: use a new one",
        -843: "the organization has to be validated first",
        -727: _DOMAIN,
        -1010: _DOMAIN,
        -724: _DOMAIN,
        -737: _DOMAIN,
        -1137: _DOMAIN,
        -107: _DOMAIN,
        -164: "public CAs certify no internal names and private addresses",
        -129: _LATER,
        -140: _LATER,
        -195: _LATER,
    }
)

_OPERATION_HINTS: Mapping[tuple[str, int], str] = MappingProxyType(
    {
        (ENROLL, -36): "choose a validity in days that the certificate profile offers",
        (ENROLL, -39): _PROFILE,
        (ENROLL, -111): _PROFILE,
        (ENROLL, -172): _PROFILE,
        (ENROLL, -35): "leave the server type out, or choose one that SCM lists",
        (ENROLL, -62): _FIELDS,
        (ENROLL, -135): _FIELDS,
        (ENROLL, -139): "give the e-mail address of an external requester",
        (ENROLL, -188): "this person has as many certificates as SCM allows",
        (ENROLL, -639): _ORGANIZATION,
        (ENROLL, -1023): _ORGANIZATION,
        (COLLECT, -110): _GONE,
        (COLLECT, -192): _GONE,
        (COLLECT, -1112): "the order was declined: order again",
        (RENEW, -105): "only an issued certificate can be renewed: enroll a new one",
        (RENEW, -123): _UNKNOWN,
        (RENEW, -180): "the certificate profile forbids renewal: enroll a new one",
        (RENEW, -39): _LOST_PROFILE,
        (RENEW, -111): _LOST_PROFILE,
        (RENEW, -172): _LOST_PROFILE,
        (REPLACE, -39): _LOST_PROFILE,
        (REPLACE, -111): _LOST_PROFILE,
        (REPLACE, -172): _LOST_PROFILE,
        (REPLACE, -130): "only an issued certificate can be replaced",
        (REPLACE, -1148): "SCM's own agent installs this certificate: replace it in SCM",
        (REVOKE, -102): "only an issued certificate can be revoked: decline a pending order in SCM",
        (REVOKE, -129): _LATER,
        (REVOKE, -195): _LATER,
    }
)

NOT_SCM = "and not in SCM's words: what answered may not be SCM (check the base URL and any proxy)"


class Verdict(Enum):
    """What an HTTP status says about a call."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Nothing was taken, if it is SCM that says so."""
    REDIRECTED = "redirected"
    """SCM redirects nobody: something else answers, and what SCM did is not known."""
    BUSY = "busy"
    """Nothing was taken; the same call may succeed later."""
    UNCLEAR = "unclear"
    """The call may have been taken."""


_SUCCESSFUL = range(200, 300)
_REDIRECTED = range(300, 400)
_REFUSED = range(400, 500)
# With these builds of SCM accept a renewal without naming it; the new order shows in SCM's list (scm-api.md 3.5).
_ACKNOWLEDGING = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT})


def verdict(status: int) -> Verdict:
    """Judge an HTTP status."""
    if status in _SUCCESSFUL:
        return Verdict.ACCEPTED
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Verdict.BUSY
    if status in _REDIRECTED:
        return Verdict.REDIRECTED
    if status == HTTPStatus.REQUEST_TIMEOUT or status not in _REFUSED:
        return Verdict.UNCLEAR
    return Verdict.REFUSED


def acknowledges(status: int) -> bool:
    """Tell whether SCM may say by an HTTP status alone that it took a renewal."""
    return status in _ACKNOWLEDGING


def says_done(status: int) -> bool:
    """Tell whether this is SCM's answer to what was revoked or replaced: it has no other (scm-api.md 3.6, 3.7, 4)."""
    return status == HTTPStatus.NO_CONTENT


def is_pending(code: int) -> bool:
    """Tell whether a code says, on collect, that the certificate may still come."""
    return code in _PENDING


def is_in_work(code: int) -> bool:
    """Tell whether a pending code says that the order itself is being worked on."""
    return code in _IN_WORK


def is_revoked(operation: str, code: int | None) -> bool:
    """Tell whether a refusal says that the certificate was revoked, and therefore is not handed out."""
    return (operation, code) in _REVOKED


def is_final(operation: str, code: int | None) -> bool:
    """Tell whether a refusal says that the order can never be collected: declined, or revoked before."""
    return (operation, code) in _REVOKED | _DECLINED


def is_about_offers(operation: str, code: int | None) -> bool:
    """Tell whether a refusal of an order says that SCM does not offer what was ordered."""
    return operation in _ORDERS and code in _NOT_OFFERED


def is_unknown_domain(operation: str, code: int | None) -> bool:
    """Tell whether a refusal says that SCM does not know the domain."""
    return (operation, code) in _UNKNOWN_DOMAIN


def is_login_refused(code: int | None) -> bool:
    """Tell whether a code of SCM's says that user, password or customer URI is wrong."""
    return code in _LOGIN_REFUSED


def is_already_revoked(operation: str, code: int | None) -> bool:
    """Tell whether a refusal to revoke says that it is done."""
    return (operation, code) in _ALREADY_REVOKED


def hint_for(operation: str, code: int) -> str | None:
    """Say what to do about a refusal, where that is known."""
    of_orders = _ORDER_HINTS if operation in _ORDERS else {}
    return _OPERATION_HINTS.get((operation, code)) or of_orders.get(code) or _HINTS.get(code)


def phrase_of(status: int) -> str:
    """Return the usual words for an HTTP status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"
