"""Checks of an order against what SCM offers, before it is stored: one that cannot succeed is not sent."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import TypeAlias

from sectigo_vault_pki.errors import InvalidInputError, ScmRefusedError
from sectigo_vault_pki.lifecycle.held import Entry, Held
from sectigo_vault_pki.lifecycle.offers import FRESH_FOR, kept_offers, offers_for_order, offers_for_role
from sectigo_vault_pki.lifecycle.orders.enrolment import EnrolmentRequest
from sectigo_vault_pki.lifecycle.orders.operation import KeyRequest
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.profile_rules import (
    Offers,
    OrderedKey,
    notice_of_renewed_term,
    offered_terms,
    problems_of_enrolment,
    problems_of_key,
)
from sectigo_vault_pki.lifecycle.rules.role_rules import Term, term
from sectigo_vault_pki.pki import CertificateSigningRequest, KeyParameters
from sectigo_vault_pki.scm import hint_for
from sectigo_vault_pki.store import CertificateRecord, OrderOperation, RoleRecord

CERTAIN_FOR = timedelta(minutes=1)
"""An order is refused only by what SCM has told as lately as that; otherwise SCM is asked again."""
OF_A_MADE_KEY = "sectigo_csr_key_algo and sectigo_csr_key_size"
_OF_A_CSR = "the key of sectigo_csr"
_OF_A_GIVEN_KEY = "sectigo_private_key"
_MOST_PROBLEMS = 10

_Admission: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]


def if_offered(resources: Resources, entry: Entry, request: EnrolmentRequest, admission: _Admission) -> _Admission:
    """Return the admission of an enrolment that SCM can take, as far as it says."""

    @asynccontextmanager
    async def checked() -> AsyncIterator[None]:
        await check_enrolment(resources, entry, request)
        async with admission():
            yield

    return checked


async def check_enrolment(resources: Resources, entry: Entry, request: EnrolmentRequest) -> None:
    """Make sure that SCM offers what an enrolment asks for, as far as it says.

    Raises:
        InvalidInputError: it does not; the text names the fields, and what is allowed.
        ScmRefusedError, ScmUnavailableError: SCM does not take the login.
    """
    requested, key = request.requested, _key_of(request)
    await _check(resources, entry, OrderOperation.ENROLL, lambda told: problems_of_enrolment(told, requested, key))


async def check_key(resources: Resources, held: Held, operation: OrderOperation, key: OrderedKey | None) -> None:
    """Make sure of the same for the key of a further certificate, whose profile is that of the stored one.

    Args:
        resources: the backend's.
        held: the stored certificate.
        operation: what is ordered.
        key: None: it stays as it is.

    Raises:
        InvalidInputError: the certificate profile does not take the key.
        ScmRefusedError, ScmUnavailableError: SCM does not take the login.
    """
    asked = held.record.requested.ssl or held.record.requested.client
    if asked is None:  # a fetched certificate, whose profile is not known
        return
    profile_id = asked.certificate_profile
    await _check(resources, held, operation, lambda told: () if key is None else problems_of_key(told, profile_id, key))


async def term_under_role(resources: Resources, entry: Entry, role: RoleRecord, life: timedelta | None) -> Term:
    """Choose the term of an order under a role.

    Args:
        resources: the backend's.
        entry: the role's config entry.
        role: the policy.
        life: see `role_rules.requested_life`.

    Raises:
        InvalidInputError: SCM offers no such certificate profile, or no term that the role allows.
        ScmUnavailableError: SCM could not be asked.
    """
    for fresh_for, or_older in ((FRESH_FOR, True), (CERTAIN_FOR, False)):
        offers = await offers_for_role(resources, entry, fresh_for=fresh_for, or_older=or_older)
        try:
            return term(role, life, offered_terms(offers, role.certificate_profile))
        except InvalidInputError as error:
            refusal = error
    raise refusal


def remarks_on_term(resources: Resources, entry: Entry, record: CertificateRecord | None) -> tuple[str, ...]:
    """Return the warning about a renewal's term, by what is kept; asks nobody."""
    offers = kept_offers(resources, entry)
    if offers is None or record is None or record.renewed_from is None:
        return ()
    notice = notice_of_renewed_term(offers, record.requested)
    return () if notice is None else (notice,)


def key_of(request: KeyRequest, csr: CertificateSigningRequest, *, made: str) -> OrderedKey:
    """Return the key of a further certificate.

    Args:
        request: says where it comes from.
        csr: what is ordered with.
        made: the words for a key that was made.
    """
    fields = made if request.private_key is None else _OF_A_GIVEN_KEY
    fields = fields if request.csr is None else _OF_A_CSR
    return OrderedKey(fields, csr.key_type, csr.key_size, is_made=fields == made)


def _key_of(request: EnrolmentRequest) -> OrderedKey:
    if request.csr is not None:
        return OrderedKey(_OF_A_CSR, request.csr.key_type, request.csr.key_size)
    if request.private_key is not None:
        return OrderedKey(_OF_A_GIVEN_KEY, request.private_key.key_type, request.private_key.key_size)
    parameters = request.key_parameters or KeyParameters.parse()
    return OrderedKey(OF_A_MADE_KEY, parameters.algorithm.lower(), parameters.size, is_made=True)


async def _check(
    resources: Resources, entry: Entry, operation: OrderOperation, problems_in: Callable[[Offers], Sequence[str]]
) -> None:
    problems: Sequence[str] = ()
    for fresh_for in (FRESH_FOR, CERTAIN_FOR):
        told = await offers_for_order(resources, entry, fresh_for=fresh_for)
        if isinstance(told, ScmRefusedError):
            raise _of_order(told, operation)
        problems = () if told is None else problems_in(told)
        if not problems:
            return
    raise InvalidInputError("\n".join(problems[:_MOST_PROBLEMS]))


def _of_order(refusal: ScmRefusedError, operation: OrderOperation) -> ScmRefusedError:
    """Return the refusal of a login as the order itself would have got it."""
    code = refusal.code
    return ScmRefusedError(
        operation,
        code=code,
        description=refusal.description,
        status=refusal.status,
        hint=refusal.hint if code is None else hint_for(operation, code),
        login_refused=True,
    )
