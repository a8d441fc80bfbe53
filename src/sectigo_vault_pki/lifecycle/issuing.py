"""Issuing under a role: policy first, then a stored certificate or an order under way, and only then a new order."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sectigo_vault_pki.errors import PendingError
from sectigo_vault_pki.lifecycle import role_policy
from sectigo_vault_pki.lifecycle.answers import Answer, CertificateAnswer, order_id, remarks_on
from sectigo_vault_pki.lifecycle.engine import Engine
from sectigo_vault_pki.lifecycle.enrolment import EnrolmentRequest, digest_of
from sectigo_vault_pki.lifecycle.operations import config_or_error
from sectigo_vault_pki.lifecycle.order_log import of_certificate
from sectigo_vault_pki.lifecycle.profiles import Profiles
from sectigo_vault_pki.lifecycle.reading import MAX_RENEWALS
from sectigo_vault_pki.lifecycle.renewal_policy import LAST_RETRY, is_in_force, pause_after, shown_time
from sectigo_vault_pki.lifecycle.repetition import Repetitions
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.roles import Roles
from sectigo_vault_pki.pki import CertificateChain, CertificateSigningRequest
from sectigo_vault_pki.scm import COLLECT, is_final
from sectigo_vault_pki.store import (
    CertificateRecord,
    CurrentCertificate,
    RequestedFields,
    RequestIndex,
    RoleRecord,
    SslFields,
    Status,
    StorageError,
    SubjectFields,
    WaitingAndRenewal,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """What is asked of a role.

    Attributes:
        common_name: a normalised host name, wildcard or IP address.
        names: normalised SANs; with a CSR, all of its own.
        ttl: None for the role's `validity`.
        csr: to sign; None makes a key.
        host_request_id: see `EnrolmentRequest`.
    """

    common_name: str
    names: tuple[str, ...] = ()
    ttl: timedelta | None = None
    csr: CertificateSigningRequest | None = None
    host_request_id: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate in hand; whoever answers it says so by `Issuer.handed_out`.

    Attributes:
        request_id: of the wish, under which equal ones find it.
        order_uuid: of what the wish ordered, which a `renew` write may have renewed since.
    """

    role_name: str
    role: RoleRecord
    record: CertificateRecord
    current: CurrentCertificate
    request_id: str
    order_uuid: str | None
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class _Ordering:
    """Lets a request order under its role, and knows whether it did."""

    roles: Roles
    role_name: str
    role: RoleRecord
    has_begun: bool = False

    def admission(self) -> AbstractAsyncContextManager[None]:
        """Count the order; see `Roles.admission`."""
        self.has_begun = True
        return self.roles.admission(self.role_name, self.role)


@dataclass(frozen=True, slots=True)
class _Failure:
    """An order of which it is certain that no certificate comes of it."""

    order_uuid: str
    unique_id: str
    known_at: datetime
    reason: str


class Issuer:
    """Answers `issue/` and `sign/`."""

    def __init__(self, resources: Resources, engine: Engine, roles: Roles) -> None:
        self._resources = resources
        self._engine = engine
        self._roles = roles
        self._profiles = Profiles(resources)
        self._repetitions = Repetitions(resources)

    async def issue(self, role_name: str, request: IssueRequest, *, time_limit: float | None) -> Issued:
        """Return a certificate that the role allows: a stored one, that of an order under way, or a new one.

        Args:
            role_name: the policy.
            request: what is asked for.
            time_limit: seconds left of the host's deadline, or None where it sent none.

        Raises:
            UnknownRoleError, UnknownConfigError, InvalidInputError, ConflictError: nothing was sent to SCM.
            PendingError: an order stands, and an equal request takes it up again.
            ScmRefusedError, ScmUnavailableError: SCM took nothing, and nothing stays stored.
        """
        role = await self._roles.get(role_name)
        role_policy.check_names(role, request.common_name, request.names)
        if request.csr is not None:
            role_policy.check_csr(role, request.csr)
        config = config_or_error(await self._resources.repository.config(role.config_name), role.config_name)
        offered = await self._profiles.terms(role.config_name, config, role.certificate_profile)
        term = role_policy.term(role, request.ttl, offered)
        enrolment = _enrolment(role_name, role, request, term.days)
        await self._let_go_of_spent(role, enrolment)
        ordering = _Ordering(self._roles, role_name, role)
        answer = await self._answer(ordering, enrolment, time_limit)
        if isinstance(answer, CertificateAnswer):
            answer = CertificateAnswer(await self._newest(role.config_name, answer.record))
        record, current = _in_hand(role.config_name, answer)
        order_uuid = await self._order_of(role.config_name, enrolment, record)
        warnings = (
            *_of_term(term, record, is_new=ordering.has_begun),
            *remarks_on(record, self._resources.clock.now()),
            *_of_life(role, current, enrolment),
        )
        return Issued(role_name, role, record, current, enrolment.request_id or "", order_uuid, warnings)

    async def handed_out(self, issued: Issued) -> None:
        """Note that a caller is about to have the certificate: the next equal request is a wish of its own.

        Unless the role has a `min_remaining`: then it is answered again, as long as enough is left of it.

        Raises:
            StorageError: the private key, which was to go with this answer, could not be let go of.
        """
        config_name, record = issued.role.config_name, issued.record
        await self._engine.key_answered(config_name, record)
        try:
            if issued.role.min_remaining:
                await self._repetitions.note_answered(config_name, issued.request_id, issued.order_uuid)
            else:
                await self._repetitions.release(config_name, issued.request_id, issued.order_uuid)
            await self._roles.note_answered(issued.role_name, config_name, record)
        except StorageError as error:  # an equal request is answered the same once more, or orders if its key is gone
            extra = of_certificate(config_name, record, role=issued.role_name, error=error)
            _log.warning("what was answered under a role could not be noted", extra=extra)

    async def _answer(self, ordering: "_Ordering", enrolment: EnrolmentRequest, time_limit: float | None) -> Answer:
        """Return what an equal request led to, or order; what certainly came to nothing is ordered anew after a pause.

        Raises:
            PendingError: the pause is not over.
        """
        began = asyncio.get_running_loop().time()
        answer = await self._enrolled(ordering, enrolment, time_limit)
        if (failure := _failure_of(answer)) is None:
            return answer
        await self._make_way(ordering.role.config_name, enrolment.request_id or "", failure)
        left = None if time_limit is None else time_limit - (asyncio.get_running_loop().time() - began)
        return await self._enrolled(ordering, enrolment, left)

    async def _enrolled(self, ordering: "_Ordering", enrolment: EnrolmentRequest, time_limit: float | None) -> Answer:
        return await self._engine.enroll(
            ordering.role.config_name, enrolment, time_limit=time_limit, admission=ordering.admission
        )

    async def _make_way(self, config_name: str, request_id: str, failure: "_Failure") -> None:
        """Let another order take the place of one that came to nothing; the pause doubles with each in a row.

        What is stored of it stays: should SCM book it after all, it is found, and its key is there.
        """
        index = await self._repetitions.order_of(config_name, request_id)
        if index is None or index.order_uuid != failure.order_uuid:  # another request has seen to it
            return
        retry_at = failure.known_at + pause_after(index.failures + 1)
        if is_in_force(retry_at, self._resources.clock.now(), longest=LAST_RETRY):
            raise PendingError(failure.unique_id, config_name, failure.reason, next_order_from=shown_time(retry_at))
        await self._repetitions.give_up(config_name, request_id, failure.order_uuid)

    async def _let_go_of_spent(self, role: RoleRecord, enrolment: EnrolmentRequest) -> None:
        """Let an equal request order anew where what the earlier one led to cannot be answered again."""
        request_id = enrolment.request_id or ""
        index = await self._repetitions.order_of(role.config_name, request_id)
        if index is None:
            return
        record = await self._record_of(role.config_name, index.order_uuid)
        if record is None:
            return
        newest, now = await self._newest(role.config_name, record), self._resources.clock.now()
        is_signed = enrolment.csr is not None
        is_like = _is_like(newest, record, is_signed=is_signed)
        if not is_like or is_spent(newest, index, role=role, now=now, is_signed=is_signed):
            await self._repetitions.release(role.config_name, request_id, index.order_uuid)

    async def _newest(self, config_name: str, record: CertificateRecord) -> CertificateRecord:
        """Follow the renewals that somebody ordered by hand to the newest that was collected."""
        for _ in range(MAX_RENEWALS):
            following = record.renewed_to and await self._resources.repository.certificate(
                config_name, record.renewed_to
            )
            if not following or following.current is None:
                break
            record = following
        return record

    async def _order_of(self, config_name: str, enrolment: EnrolmentRequest, record: CertificateRecord) -> str | None:
        """Return the order that the wish stands for: that of the certificate, or of one that it renewed."""
        if record.renewed_from is None:
            return record.order_uuid
        index = await self._repetitions.order_of(config_name, enrolment.request_id or "")
        return None if index is None else index.order_uuid

    async def _record_of(self, config_name: str, order_uuid: str) -> CertificateRecord | None:
        repository = self._resources.repository
        unique_id = await repository.certificate_of_order(config_name, order_uuid)
        return None if unique_id is None else await repository.certificate(config_name, unique_id)


def is_spent(
    record: CertificateRecord, index: RequestIndex, *, role: RoleRecord, now: datetime, is_signed: bool
) -> bool:
    """Whether a certificate cannot answer an equal request: a pending one can, and one that nobody has got yet.

    Args:
        record: what the earlier request led to.
        index: the earlier request.
        role: says how much life a certificate must have left to be answered again.
        now: in UTC.
        is_signed: whether the request came with a CSR, and so needs no private key.
    """
    if record.revoked_at is not None:
        return True
    if record.current is None:
        return False
    if not is_signed and record.current.private_key is None:
        return True
    remaining = record.current.not_after - now
    if remaining <= timedelta(0):
        return True
    if role.min_remaining and (record.successor is not None or record.submitting is not None):
        return False  # it is being renewed, or may be: reading it finds that out
    return index.is_answered and (not role.min_remaining or remaining < role_policy.needed_life(role, record.current))


def _is_like(renewal: CertificateRecord, ordered: CertificateRecord, *, is_signed: bool) -> bool:
    """Whether a renewal, which may have been ordered with another CSR, answers what the first order asked for."""
    if renewal.current is None or ordered.current is None or renewal.unique_id == ordered.unique_id:
        return True
    new, old = CertificateChain.from_pem(renewal.current.bundle), CertificateChain.from_pem(ordered.current.bundle)
    if renewal.common_name != ordered.common_name or not {*old.subject_alt_names} <= {*new.subject_alt_names}:
        return False
    if is_signed:
        return new.public_key_digest == old.public_key_digest
    return (new.key_type, new.key_size) == (old.key_type, old.key_size)


def _enrolment(role_name: str, role: RoleRecord, request: IssueRequest, days: int) -> EnrolmentRequest:
    names = tuple(sorted({*request.names} - {request.common_name}))  # in whatever order, it is the same wish
    requested = RequestedFields(
        ssl=SslFields(certificate_profile=role.certificate_profile, validity_days=days, subject_alt_names=names),
        subject=SubjectFields(common_name=request.common_name) if request.csr is None else None,
        waiting=WaitingAndRenewal(auto_renew=False),  # whoever wants another asks the role again
        role=role_name,
        releases_key=role.releases_key,
    )
    parameters = role_policy.key_parameters(role) if request.csr is None else None
    # How long it is to live tells no wish from another: what SCM offers may change while an order is pending.
    key = str(parameters) if request.csr is None else request.csr.pem
    wish = digest_of([role_name, request.common_name, *names, key])
    return EnrolmentRequest(
        requested=requested,
        csr=request.csr,
        key_parameters=parameters,
        request_id=f"role {wish}",  # longer than any sectigo_request_id may be, so that no user's is taken for it
        wish=wish,
        # A key that went with the first answer cannot be answered again.
        host_request_id="" if role.releases_key else request.host_request_id,
    )


def _failure_of(answer: Answer) -> _Failure | None:
    """Return why no certificate comes of an order; None where one may still come, or is there."""
    if not isinstance(answer, CertificateAnswer):
        if not answer.is_not_booked or answer.order is None:
            return None
        reason = "SCM has no such order, so nothing was bought"
        return _Failure(answer.uuid, order_id(answer.uuid), answer.order.created_at, reason)
    record = answer.record
    newest = record.history[-1] if record.history else None
    if record.current is not None or record.order is None or record.order_uuid is None or newest is None:
        return None
    if not record.order.in_trouble or not is_final(COLLECT, newest.code):
        return None
    return _Failure(record.order_uuid, record.unique_id, newest.at, _why_pending(record))


def _of_term(term: role_policy.Term, record: CertificateRecord, *, is_new: bool) -> tuple[str, ...]:
    """Return what the user should know of the term; that it was ordered, only where that was done just now."""
    if is_new:
        return (*term.warnings, *term.of_order)
    ordered = record.requested.ssl
    notice = None if ordered is None else role_policy.notice_of_other_term(term, ordered.validity_days)
    return (*term.warnings, *filter(None, (notice,)))


def _of_life(role: RoleRecord, current: CurrentCertificate, enrolment: EnrolmentRequest) -> tuple[str, ...]:
    """Return what the user should know of how long it is answered, which it is not once its key is let go of."""
    is_answered_once = role.releases_key and enrolment.csr is None
    notice = None if is_answered_once else role_policy.notice_of_short_life(role, current)
    return () if notice is None else (notice,)


def _in_hand(config_name: str, answer: Answer) -> tuple[CertificateRecord, CurrentCertificate]:
    if not isinstance(answer, CertificateAnswer):
        raise PendingError(order_id(answer.uuid), config_name, "SCM has not named the order yet")
    record = answer.record
    if record.current is None:
        raise PendingError(record.unique_id, config_name, _why_pending(record))
    return record, record.current


def _why_pending(record: CertificateRecord) -> str:
    newest = record.history[-1] if record.history else None
    if newest is None or newest.status is not Status.ERROR_CODE:
        return "SCM has not issued the certificate yet"
    code = "" if newest.code is None else f" (code {newest.code})"
    return f"SCM took the order and does not issue it: {newest.description}{code}"
