"""Issuing under a role: policy first, then a stored certificate or an order under way, and only then a new order."""

import asyncio
import logging
import math
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sectigo_vault_pki.errors import InvalidInputError, PendingError
from sectigo_vault_pki.lifecycle.answers import Answer, order_id, remarks_on
from sectigo_vault_pki.lifecycle.event_log import about_certificate
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.orders.enrolment import EnrolmentRequest, digest_of
from sectigo_vault_pki.lifecycle.orders.idempotency import Enrolments
from sectigo_vault_pki.lifecycle.orders.order_checks import term_under_role
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.roles.role_entries import Roles
from sectigo_vault_pki.lifecycle.rules import role_rules
from sectigo_vault_pki.lifecycle.rules.backoff import LAST_RETRY, is_in_force, pause_after
from sectigo_vault_pki.lifecycle.rules.policy import DEADLINE_MARGIN, caller_limit
from sectigo_vault_pki.lifecycle.rules.renewal_rule import shown_time
from sectigo_vault_pki.lifecycle.steps import MAX_RENEWALS, Caller, Steps
from sectigo_vault_pki.pki import CertificateChain, CertificateSigningRequest, KeyParameters
from sectigo_vault_pki.scm import COLLECT, is_final
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
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
        common_name: a normalised host name, wildcard or IP address; None: one of `names`, if the role allows that.
        names: normalised SANs; with a CSR, all of its own.
        ttl: None for `not_after`, or the role's `validity`.
        not_after: with its offset, in place of `ttl`.
        csr: to sign; None makes a key.
        key_type: of the key to make, if the role leaves that to the request.
        key_bits: the same.
        host_request_id, requested_by: see `EnrolmentRequest`.
    """

    common_name: str | None = None
    names: tuple[str, ...] = ()
    ttl: timedelta | None = None
    not_after: datetime | None = None
    csr: CertificateSigningRequest | None = None
    key_type: str | None = None
    key_bits: str | None = None
    host_request_id: str = ""
    requested_by: str = ""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate in hand; the caller that returns it reports that with `Issuer.handed_out`.

    Attributes:
        request_id: of the request, under which equal ones find it.
        order_uuid: of what the request ordered, which a `renew` write may have renewed since.
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

    def __init__(self, resources: Resources, roles: Roles, enrolments: Enrolments, steps: Steps) -> None:
        self._resources = resources
        self._roles = roles
        self._enrolments = enrolments
        self._steps = steps

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
        began, role = asyncio.get_running_loop().time(), await self._roles.get(role_name)
        common_name = role_rules.common_name(role, request.common_name, request.names)
        role_rules.check_names(role, common_name, request.names)
        key = role_rules.key_to_make(role, request.csr, request.key_type, request.key_bits)
        life = role_rules.requested_life(request.ttl, request.not_after, self._resources.clock.now())
        entry = await self._entry(role.config_name)
        term = await term_under_role(self._resources, entry, role, life)
        enrolment = _enrolment(role_name, role, request, common_name=common_name, key=key, days=term.days)
        await self._release_spent(role, enrolment)
        ordering = _Ordering(self._roles, role_name, role)
        limit = caller_limit(entry.config, math.inf, time_limit) + DEADLINE_MARGIN
        answer = await self._answer(ordering, enrolment, limit - (asyncio.get_running_loop().time() - began))
        if answer.record is not None:
            answer = Answer(await self._newest(role.config_name, answer.record))
        record, current = _in_hand(role.config_name, answer)
        order_uuid = await self._order_of(role.config_name, enrolment, record)
        warnings = (
            *_of_term(role, term, record, is_new=ordering.has_begun),
            *filter(None, [role_rules.notice_of_early_end(request.not_after, current)]),
            *remarks_on(record, self._resources.clock.now()),
            *_of_life(role, current, enrolment),
        )
        return Issued(role_name, role, record, current, enrolment.request_id or "", order_uuid, warnings)

    async def handed_out(self, issued: Issued, requested_by: str) -> None:
        """Note that a caller is about to have the certificate: the next equal request orders anew.

        Unless the role has a `min_remaining`: then it is answered again, as long as enough is left of it.

        Raises:
            StorageError: the private key, which was to go with this answer, could not be deleted.
        """
        config_name, record = issued.role.config_name, issued.record
        await self._steps.key_answered(config_name, record, requested_by)
        try:
            if issued.role.min_remaining:
                await self._enrolments.note_answered(config_name, issued.request_id, issued.order_uuid)
            else:
                await self._enrolments.release(config_name, issued.request_id, issued.order_uuid)
            await self._roles.note_answered(issued.role_name, config_name, record)
        except StorageError as error:  # an equal request is answered the same once more, or orders if its key is gone
            values = {**about_certificate(config_name, record), "role": issued.role_name, "error": str(error)}
            _log.warning("what was answered under a role could not be noted", extra={"kv": values})

    async def _answer(self, ordering: "_Ordering", enrolment: EnrolmentRequest, time_limit: float) -> Answer:
        """Return what an equal request led to, or order; what certainly came to nothing is ordered anew after a pause.

        Raises:
            PendingError: the pause is not over.
        """
        began = asyncio.get_running_loop().time()
        answer = await self._enrolled(ordering, enrolment, time_limit)
        if (failure := _failure_of(answer)) is None:
            return answer
        await self._make_way(ordering.role.config_name, enrolment.request_id or "", failure)
        return await self._enrolled(ordering, enrolment, time_limit - (asyncio.get_running_loop().time() - began))

    async def _enrolled(self, ordering: "_Ordering", enrolment: EnrolmentRequest, time_limit: float) -> Answer:
        entry = await self._entry(ordering.role.config_name)  # it may have changed since the profiles were asked for
        return await self._enrolments.enroll(
            entry,
            enrolment,
            time_limit=time_limit,
            admission=ordering.admission,
            reread=lambda unique_id, flags: self._steps.read(entry.config_name, unique_id, Caller(flags, time_limit)),
        )

    async def _entry(self, config_name: str) -> Entry:
        entry = await self._resources.entry(config_name)
        if (kind := entry.config.certificate_type) is not CertificateType.SSL:
            raise InvalidInputError(f'config entry "{config_name}" is for {kind} certificates')
        return entry

    async def _make_way(self, config_name: str, request_id: str, failure: "_Failure") -> None:
        """Let another order take the place of one that came to nothing; the pause doubles with each in a row.

        What is stored of it stays: should SCM book it after all, it is found, and its key is there.
        """
        index = await self._enrolments.order_of(config_name, request_id)
        if index is None or index.order_uuid != failure.order_uuid:  # another request has seen to it
            return
        retry_at = failure.known_at + pause_after(index.failures + 1)
        if is_in_force(retry_at, self._resources.clock.now(), longest=LAST_RETRY):
            raise PendingError(failure.unique_id, config_name, failure.reason, next_order_from=shown_time(retry_at))
        await self._enrolments.give_up(config_name, request_id, failure.order_uuid)

    async def _release_spent(self, role: RoleRecord, enrolment: EnrolmentRequest) -> None:
        """Let an equal request order anew where what the earlier one led to cannot be answered again."""
        request_id = enrolment.request_id or ""
        index = await self._enrolments.order_of(role.config_name, request_id)
        if index is None:
            return
        record = await self._record_of(role.config_name, index.order_uuid)
        if record is None:
            return
        newest, now = await self._newest(role.config_name, record), self._resources.clock.now()
        is_signed = enrolment.csr is not None
        is_like = _is_like(newest, record, is_signed=is_signed)
        if not is_like or is_spent(newest, index, role=role, now=now, is_signed=is_signed):
            await self._enrolments.release(role.config_name, request_id, index.order_uuid)

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
        """Return the order that the request stands for: that of the certificate, or of one that it renewed."""
        if record.renewed_from is None:
            return record.order_uuid
        index = await self._enrolments.order_of(config_name, enrolment.request_id or "")
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
    return index.is_answered and (not role.min_remaining or remaining < role_rules.needed_life(role, record.current))


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


def _enrolment(
    role_name: str,
    role: RoleRecord,
    request: IssueRequest,
    *,
    common_name: str,
    key: KeyParameters | None,
    days: int,
) -> EnrolmentRequest:
    names = tuple(sorted({*request.names} - {common_name}))
    requested = RequestedFields(
        ssl=SslFields(
            certificate_profile=role.certificate_profile,
            validity_days=days,
            subject_alt_names=names,
            dcv_mode=role.dcv_mode,
            dcv_email=role.dcv_email,
        ),
        subject=SubjectFields(common_name=common_name) if request.csr is None else None,
        waiting=WaitingAndRenewal(auto_renew=False),  # a client that needs another asks the role again
        role=role_name,
        releases_key=role.releases_key,
    )
    identity = _identity(role_name, request, str(key) if request.csr is None else request.csr.pem)
    return EnrolmentRequest(
        requested=requested,
        csr=request.csr,
        key_parameters=key,
        request_id=f"role {identity}",  # longer than any sectigo_request_id may be, so that it equals no user's
        identity=identity,
        # A key that went with the first answer cannot be answered again.
        host_request_id="" if role.releases_key else request.host_request_id,
        requested_by=request.requested_by,
    )


def _identity(role_name: str, request: IssueRequest, key: str) -> str:
    """Return what equal requests have in common: the names in any order, and the key.

    The validity is no part of it: what SCM offers may change while an order is pending. Nor is which of its alternative
    names took the place of a common name that the request does not name; an only name is as good as named.
    """
    only = request.names[0] if len({*request.names}) == 1 else ""
    named = request.common_name or only
    return digest_of([role_name, named, *sorted({*request.names} - {named}), key])


def _failure_of(answer: Answer) -> _Failure | None:
    """Return why no certificate comes of an order; None where one may still come, or is there."""
    if answer.order is not None:
        if not answer.order.is_not_booked or answer.order.stored is None:
            return None
        reason, order = "SCM has no such order, so nothing was bought", answer.order.stored
        return _Failure(order.uuid, order_id(order.uuid), order.created_at, reason)
    record = answer.record
    if record is None:
        return None
    newest = record.history[-1] if record.history else None
    if record.current is not None or record.order is None or record.order_uuid is None or newest is None:
        return None
    if not record.order.in_trouble or not is_final(COLLECT, newest.code):
        return None
    return _Failure(record.order_uuid, record.unique_id, newest.at, _why_pending(record))


def _of_term(role: RoleRecord, term: role_rules.Term, record: CertificateRecord, *, is_new: bool) -> tuple[str, ...]:
    """Return what the user should know of the term and the profile; what was ordered, only if it was just now."""
    if is_new:
        return (*term.warnings, *term.of_order)
    ordered = record.requested.ssl
    if ordered is None:
        return term.warnings
    notice = role_rules.notice_of_other_profile(role, ordered.certificate_profile)
    notice = notice or role_rules.notice_of_other_term(term, ordered.validity_days)
    return (*term.warnings, *filter(None, (notice,)))


def _of_life(role: RoleRecord, current: CurrentCertificate, enrolment: EnrolmentRequest) -> tuple[str, ...]:
    """Return the warning about a short life; a certificate whose key is deleted is not returned again."""
    is_answered_once = role.releases_key and enrolment.csr is None
    notice = None if is_answered_once else role_rules.notice_of_short_life(role, current)
    return () if notice is None else (notice,)


def _in_hand(config_name: str, answer: Answer) -> tuple[CertificateRecord, CurrentCertificate]:
    record = answer.record
    if record is None:
        name = order_id(answer.order.uuid if answer.order is not None else "")
        raise PendingError(name, config_name, "SCM has not named the order yet")
    if record.current is None:
        raise PendingError(record.unique_id, config_name, _why_pending(record))
    return record, record.current


def _why_pending(record: CertificateRecord) -> str:
    newest = record.history[-1] if record.history else None
    if newest is None or newest.status is not Status.ERROR_CODE:
        return "SCM has not issued the certificate yet"
    code = "" if newest.code is None else f" (code {newest.code})"
    return f"SCM took the order and does not issue it: {newest.description}{code}"
