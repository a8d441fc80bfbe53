"""Replacing: another certificate under the same id, with a new key. The old one stays in hand until then."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import SecretStr

from sectigo_vault_pki.errors import ConflictError, InvalidInputError, ScmRefusedError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.held import Held
from sectigo_vault_pki.lifecycle.orders.operation import (
    KeyRequest,
    OperationOnHeld,
    Outcome,
    Tools,
    being_sent_or_worked_on,
    new_key_and_csr,
    read_again,
    validation_of,
    with_flags,
)
from sectigo_vault_pki.lifecycle.orders.order_checks import OF_A_MADE_KEY, check_key, key_of
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.backoff import SETTLE_AFTER, may_conclude_not_booked, may_give_up
from sectigo_vault_pki.lifecycle.rules.evidence import Change, evidence_of_replacement, names_of_successor, search_name
from sectigo_vault_pki.lifecycle.rules.states import Evidence, Found, NotFound, TooLongUndecided, Undecided
from sectigo_vault_pki.scm import CERTIFICATE_APIS, Accepted, CertificateApi, Collected, ScmClient, StillProcessing
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
    DomainValidation,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    WaitingAndRenewal,
)


@dataclass(frozen=True, slots=True)
class ReplacementRequest:
    """What takes a certificate's place, and why.

    Attributes:
        revoke_replaced: for client certificates.
        flags: waiting and renewal fields to store with the certificate.
        validation: how SCM is to validate the domains, if the request says it.
        requested_by: who asks; no part of the fingerprint, so that equal requests of two people are one order.
    """

    reason: str
    key: KeyRequest = field(default_factory=KeyRequest)
    revoke_replaced: bool = False
    flags: WaitingAndRenewal = field(default_factory=WaitingAndRenewal)
    validation: DomainValidation = field(default_factory=DomainValidation)
    requested_by: str = ""

    def fingerprint(self) -> str:
        """Return what tells one request from another, without showing a key."""
        return f"{self.revoke_replaced} {self.reason} {self.flags!r} {self.validation!r} {self.key.fingerprint()}"


def check_scm_replaces(held: Held) -> None:
    """Make sure that SCM can replace certificates of this type over the entry's API.

    Raises:
        InvalidInputError: it is the API behind OAuth2, which replaces no client certificates (scm-api.md 9).
    """
    if held.config.certificate_type is CertificateType.CLIENT and held.config.auth == "oauth2":
        raise InvalidInputError(
            "SCM's API behind OAuth2 replaces no client certificates: enroll another one, and revoke this one"
        )


async def _ready(tools: Tools, held: Held, request: ReplacementRequest, still_open: Answer | None) -> Held | Answer:
    """Return the certificate; one whose replacement is in flight for long may be replaced anew.

    Only SCM knows whether that one still comes.

    Raises:
        ConflictError: there is nothing that can be replaced now.
    """
    if still_open is not None:
        return still_open
    _check(held.record, tools.resources.clock.now())
    return await with_flags(tools.resources, held, request.flags, request.requested_by)


def _check(record: CertificateRecord, now: datetime) -> None:
    if record.current is None:
        raise ConflictError("the certificate is not issued yet, so there is nothing to replace")
    if record.revoked_at is not None:
        raise ConflictError("the certificate is revoked: order a new one")
    if record.order is not None and timedelta(0) <= now - record.order.accepted_at < SETTLE_AFTER:
        raise ConflictError("a replacement is under way: reading the certificate collects it")


async def _plan(resources: Resources, held: Held, request: ReplacementRequest, order_uuid: str) -> OrderRecord:
    """Make key and CSR.

    Raises:
        InvalidInputError: no CSR can be made of the request, or the certificate profile does not take its key.
        ScmRefusedError, ScmUnavailableError: SCM does not take the login.
    """
    record, now = held.record, resources.clock.now()
    if record.current is None:
        raise ValueError("there is no certificate to replace")
    made = await new_key_and_csr(resources, record, record.current, request.key)
    await check_key(resources, held, OrderOperation.REPLACE, key_of(request.key, made.csr, made=OF_A_MADE_KEY))
    names = request.key.subject_alt_names
    return OrderRecord(
        uuid=order_uuid,
        operation=OrderOperation.REPLACE,
        certificate_type=record.certificate_type,
        common_name=made.csr.common_name or record.common_name,
        unique_id=record.unique_id,
        csr=made.csr.pem,
        private_key=SecretStr(made.private_key.pem) if made.private_key else None,
        key_digest=made.csr.public_key_digest.hex(),
        key_type=made.csr.key_type,
        requested=record.requested,
        created_at=now,
        reason=request.reason,
        subject_alt_names=made.csr.subject_alt_names if names is None else names,
        revoke_replaced=request.revoke_replaced,
        validation=validation_of(held, record.requested, request.validation),
        requested_by=request.requested_by,
    )


async def _call(resources: Resources, held: Held, order: OrderRecord) -> Accepted:
    async with resources.clients.lend(held) as client:
        await CERTIFICATE_APIS[held.record.certificate_type].replace(client, held.record.scm_id, order)
    return Accepted(held.record.scm_id)


async def _taken(resources: Resources, held: Held, order: OrderRecord, event: Accepted | Found) -> Outcome:
    del held, event
    in_flight = _in_flight(order, resources.clock.now())
    return Outcome(change=lambda stored: stored.with_order(in_flight).by(order.requested_by))


async def _look(resources: Resources, held: Held, order: OrderRecord, age: timedelta) -> Evidence:
    record, api = held.record, CERTIFICATE_APIS[held.record.certificate_type]
    async with resources.clients.lend(held) as client:
        standing = await api.standing(client, record.scm_id, search_name(record))
        delivered = await _collected(api, client, record)
    evidence = evidence_of_replacement(standing, delivered, record, _in_flight(order, order.created_at))
    is_given_up = record.current is not None and may_give_up(age, record.current)
    match evidence:
        case Undecided(doubt) if not is_given_up:
            return Undecided(f"{doubt}: look for what became of {record.scm_id} there")
        case NotFound() | Undecided():
            return NotFound() if may_conclude_not_booked(age) else Undecided(answers.NOT_LISTED_YET)
        case found:
            return found


async def _collected(
    api: CertificateApi, client: ScmClient, record: CertificateRecord
) -> Collected | StillProcessing | ScmRefusedError:
    try:
        return await api.collect(client, record.scm_id)
    except ScmRefusedError as refusal:
        if refusal.login_refused:
            raise
        return refusal


def _unbooked(_: Held, order: OrderRecord, __: NotFound | TooLongUndecided, ___: datetime) -> Change:
    """Keep the key of a replacement that came to nothing, as far as anybody knows."""
    lost = _in_flight(order, order.created_at)
    return lambda record: record.with_superseded(lost)


def _in_flight(order: OrderRecord, accepted_at: datetime) -> OrderInFlight:
    """Return a replacement as its certificate's record has it once SCM has taken it."""
    return OrderInFlight(
        uuid=order.uuid,
        operation=OrderOperation.REPLACE,
        csr=order.csr,
        private_key=order.private_key,
        key_digest=order.key_digest,
        accepted_at=accepted_at,
        revoke_replaced=order.revoke_replaced,
        names=names_of_successor(order),
    )


async def _late(tools: Tools, held: Held) -> Answer:
    """Answer the replacement as far as it has come."""
    held = await read_again(tools.resources, held)
    if held.record.order is not None:
        return await tools.collector.time_is_over(held.key, held.record)
    return await being_sent_or_worked_on(tools.resources, held)


def of_replacement(answer: Answer) -> Answer:
    """Show the replacement where it is still in flight; the certificate in hand is not what was asked for."""
    is_in_flight = answer.record is not None and answer.record.order is not None
    return replace(answer, of_replacement=True) if is_in_flight else answer


REPLACEMENT: OperationOnHeld[ReplacementRequest] = OperationOnHeld(
    kind=OrderOperation.REPLACE,
    ready=_ready,
    plan=_plan,
    call=_call,
    taken=_taken,
    look=_look,
    unbooked=_unbooked,
    late=_late,
)
