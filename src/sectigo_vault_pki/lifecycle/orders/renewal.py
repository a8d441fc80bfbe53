"""Renewing: a new order at SCM, under a new id. The old certificate stays valid, and `Renewed` once the new is there.

The key stays, unless the request says otherwise; SCM renews client certificates with the key they have.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr

from sectigo_vault_pki.errors import ConflictError, RecordError, RenewalHeldError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.held import CertificateKey, Held
from sectigo_vault_pki.lifecycle.orders.operation import (
    FoundElsewhere,
    KeyRequest,
    OperationOnHeld,
    Outcome,
    Planned,
    Tools,
    being_sent_or_worked_on,
    new_key_and_csr,
    read_again,
    validation_of,
    with_flags,
)
from sectigo_vault_pki.lifecycle.orders.order_checks import check_key, key_of
from sectigo_vault_pki.lifecycle.orders.successors import renewal_made_elsewhere, renewal_of_order
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.backoff import may_be_awaited, may_conclude_not_booked, may_give_up
from sectigo_vault_pki.lifecycle.rules.evidence import (
    Change,
    digests_of_keys,
    names_of_successor,
    renewal_doubted,
    renewal_failed,
    renewal_ordered,
    renewal_refused,
    renewed,
    search_name,
    unchanged,
)
from sectigo_vault_pki.lifecycle.rules.policy import is_renewable
from sectigo_vault_pki.lifecycle.rules.renewal_rule import LONGEST_WINDOW, clocks_apart, hold_on_renewal
from sectigo_vault_pki.lifecycle.rules.states import (
    Evidence,
    Found,
    Misnamed,
    NotFound,
    NotSent,
    Refused,
    TooLongUndecided,
    Undecided,
)
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.scm import CERTIFICATE_APIS, Accepted, Listed, Unnamed
from sectigo_vault_pki.store import (
    CertificateRecord,
    CurrentCertificate,
    DomainValidation,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    RenewedCertificate,
    Status,
    StorageError,
    UniqueId,
    WaitingAndRenewal,
    due_from,
)


@dataclass(frozen=True, slots=True)
class RenewalRequest:
    """How to renew.

    Attributes:
        key: another key or CSR.
        new_key: whether the key changes if `key` names none.
        is_automatic: nobody has asked for it, so it is held back where it may not be needed.
        flags: waiting and renewal fields to store with the certificate and its renewal.
        validation: of the domains, if the request says it; stored with the renewal.
        requested_by: who asks; no part of the fingerprint, so that equal requests of two people are one order.
    """

    key: KeyRequest = field(default_factory=KeyRequest)
    new_key: bool = False
    is_automatic: bool = False
    flags: WaitingAndRenewal = field(default_factory=WaitingAndRenewal)
    validation: DomainValidation = field(default_factory=DomainValidation)
    requested_by: str = ""

    def fingerprint(self) -> str:
        """Return what tells one request from another, without showing a key."""
        return f"{self.is_automatic} {self.new_key} {self.flags!r} {self.validation!r} {self.key.fingerprint()}"

    @property
    def keeps_key(self) -> bool:
        return not self.new_key and self.key.csr is None and self.key.private_key is None


async def _ready(tools: Tools, held: Held, request: RenewalRequest, still_open: Answer | None) -> Held | Answer:
    """Return the certificate, or the renewal in flight.

    Raises:
        ConflictError: it is renewed already, revoked or not issued.
        RenewalHeldError: the request is automatic, and the certificate is not renewed automatically now.
    """
    if still_open is not None:
        return still_open
    resources = tools.resources
    if not request.is_automatic:
        held = await _without_deleted_renewal(resources, held)
    _check(held.record)
    if request.is_automatic and (hold := hold_on_renewal(held.record, resources.clock.now())) is not None:
        raise RenewalHeldError(hold.reason)
    held = await with_flags(resources, held, request.flags, request.requested_by)
    in_flight = await _renewal_in_flight(tools, held)
    if in_flight is not None and in_flight.record is not None:
        await with_flags(resources, held.with_record(in_flight.record), request.flags, request.requested_by)
    return in_flight or held


def _check(record: CertificateRecord) -> None:
    if record.renewed_to is not None:
        raise ConflictError(f"the certificate is renewed already: its successor is {record.renewed_to}")
    if record.revoked_at is not None:
        raise ConflictError("the certificate is revoked: order a new one")
    if record.current is None:
        raise ConflictError("the certificate is not issued yet, so there is nothing to renew")
    if not is_renewable(record):
        raise ConflictError("a replacement is under way: read the certificate, which collects it, then renew it")


async def _without_deleted_renewal(resources: Resources, held: Held) -> Held:
    """Return the certificate as if it was never renewed, where its renewal is deleted; the stored one keeps saying so.

    Deleting was somebody's decision: only who asks for another gets one.
    """
    if await _deleted_renewal(resources, held.record, held.config_name) is None:
        return held
    return held.with_record(held.record.model_copy(update={"renewed_to": None}))


async def _deleted_renewal(resources: Resources, record: CertificateRecord, config_name: str) -> UniqueId | None:
    """Return the renewal that a certificate points at, if that was deleted."""
    if record.renewed_to is None:
        return None
    renewal = await resources.repository.certificate(config_name, record.renewed_to)
    return record.renewed_to if renewal is None else None


async def _renewal_in_flight(tools: Tools, held: Held) -> Answer | None:
    """Return the renewal that SCM accepted, unless SCM has rejected it since."""
    if held.record.successor is None:
        return None
    successor = await tools.resources.repository.certificate(held.config_name, held.record.successor)
    if successor is None:
        return None
    if successor.order is None or not successor.order.in_trouble:
        return Answer(successor)
    answer = await tools.collector.once_for_caller(held.with_record(successor))
    is_rejected = answer.record is not None and answer.record.order is not None and answer.record.order.in_trouble
    return None if is_rejected else answer


def _turn(resources: Resources, held: Held) -> AbstractAsyncContextManager[None]:
    """Let one entry, or mount, after the other renew a certificate that several have.

    The second one asks SCM after the first, and finds what that has ordered.
    """
    return resources.renewals.hold(held.config.base_url, held.config.customer_uri, held.record.scm_id)


async def _plan(resources: Resources, held: Held, request: RenewalRequest, order_uuid: str) -> Planned:
    api = CERTIFICATE_APIS[held.record.certificate_type]
    async with resources.clients.lend(held) as client:
        listed, _ = await api.listed(client, search_name(held.record))
    order = await _order(resources, held, request, listed, order_uuid)
    if not request.is_automatic:
        await check_key(resources, held, OrderOperation.RENEW, None)  # so that the term's warning is known
        return order
    # SCM has just told its time.
    if (apart := clocks_apart(resources.clients.clock_difference(held.config))) is not None:
        raise RenewalHeldError(apart.reason)
    scm_id = await _renewed_elsewhere(resources, held, listed)
    if scm_id is None:
        return order
    ordered_at = _ordered_elsewhere_at(held.record.current, order.created_at)
    known = await _linked(resources, held, scm_id)
    return known or FoundElsewhere(order.model_copy(update={"created_at": ordered_at}), scm_id)


async def _renewed_elsewhere(resources: Resources, held: Held, listed: Sequence[Listed]) -> int | None:
    """Return the renewal that SCM has already: by another entry or mount, or after an older snapshot was restored.

    Raises:
        RenewalHeldError: there is one, and it is not known which, or it has another key.
    """
    search = await renewal_made_elsewhere(resources, held, listed)
    if search.scm_id is not None:
        return search.scm_id
    now = resources.clock.now()
    if search.is_renewed and not held.record.failed_renewals:
        await resources.change(held.key, renewal_refused(answers.RENEWED_BY_A_STRANGER, now))
        raise RenewalHeldError(answers.RENEWED_BY_A_STRANGER)
    if search.undecided and may_be_awaited(held.record, now):
        text = f"{answers.undecided_renewals(search.undecided)}: another is ordered where that stays open, or by renew/"
        await resources.change(held.key, renewal_doubted(text, now))
        raise RenewalHeldError(text)
    return None


async def _linked(resources: Resources, held: Held, scm_id: int) -> Answer | None:
    """Let the certificate point at a renewal that was ordered here, and that it knows nothing of; None for others.

    Its record was deleted and fetched anew since.
    """
    key = held.key_of(scm_id)
    stored = await resources.repository.certificate(*key)
    if stored is None or stored.order_uuid is None:
        return None
    link = renewed(key.unique_id, resources.clock.now()) if stored.current else renewal_ordered(key.unique_id)
    await resources.change(held.key, link, requested_by=stored.requested_by)
    return Answer(stored)


async def _order(
    resources: Resources, held: Held, request: RenewalRequest, listed: Sequence[Listed], order_uuid: str
) -> OrderRecord:
    record, current = held.record, held.record.current
    if current is None:
        raise ValueError("there is no certificate to renew")
    chain = CertificateChain.from_pem(current.bundle)
    order = OrderRecord(
        uuid=order_uuid,
        operation=OrderOperation.RENEW,
        certificate_type=record.certificate_type,
        common_name=record.common_name,
        unique_id=record.unique_id,
        private_key=current.private_key,
        key_digest=chain.public_key_digest.hex(),
        key_type=chain.key_type,
        requested=record.requested.with_validation(request.validation),
        created_at=resources.clock.now(),
        listed_ids=tuple(entry.scm_id for entry in listed),
        subject_alt_names=chain.subject_alt_names,
        validation=validation_of(held, record.requested, request.validation),
        requested_by=request.requested_by,
    )
    if request.keeps_key:
        # Left to itself, SCM may take the first order's CSR after a replacement (scm-api.md 3.5).
        was_replaced = bool(record.earlier) or record.order is not None
        return order.model_copy(update={"csr": current.csr}) if was_replaced else order
    made = await new_key_and_csr(resources, record, current, request.key)
    await check_key(resources, held, OrderOperation.RENEW, key_of(request.key, made.csr, made="the new key"))
    changes = {
        "common_name": made.csr.common_name or record.common_name,
        "csr": made.csr.pem,
        "private_key": SecretStr(made.private_key.pem) if made.private_key else None,
        "key_digest": made.csr.public_key_digest.hex(),
        "key_type": made.csr.key_type,
        "subject_alt_names": made.csr.subject_alt_names,
    }
    return order.model_copy(update=changes)


async def _call(resources: Resources, held: Held, order: OrderRecord) -> Accepted | Unnamed | Misnamed:
    async with resources.clients.lend(held) as client:
        event = await CERTIFICATE_APIS[held.record.certificate_type].renew(client, held.record.scm_id, order)
    if isinstance(event, Accepted) and await _is_anothers(resources, held, order, event.scm_id):
        return Misnamed(event.scm_id)
    return event


async def _is_anothers(resources: Resources, held: Held, order: OrderRecord, scm_id: int) -> bool:
    """Whether an id that SCM gave a renewal cannot be its own: SCM's ids grow, and nobody else has the key."""
    if scm_id <= held.record.scm_id or scm_id in order.listed_ids:
        return True
    try:
        stored = await resources.repository.certificate(*held.key_of(scm_id))
    except (StorageError, RecordError):  # SCM has taken the renewal: storing its id tells of that
        return False
    if stored is None or stored.current is None:
        return False
    keys = digests_of_keys(held.record) | {bytes.fromhex(order.key_digest)}
    return keys.isdisjoint(digests_of_keys(stored))


async def _taken(resources: Resources, held: Held, order: OrderRecord, event: Accepted | Found) -> Outcome:
    record, current, now = held.record, held.record.current, resources.clock.now()
    successor = CertificateRecord(
        unique_id=held.key_of(event.scm_id).unique_id,
        certificate_type=record.certificate_type,
        scm_id=event.scm_id,
        common_name=order.common_name,
        key_type=order.key_type,
        requested=order.requested,
        order_uuid=order.uuid,
        order=_in_flight(order, now, current),
        history=(HistoryEntry(status=Status.APPLIED, at=now),),
        renewed_from=record.unique_id,
        renewed=current
        and RenewedCertificate(
            not_before=current.not_before,
            not_after=current.not_after,
            ordered_at=min(order.created_at, now),
            first_order=record.first_order,
        ),
        requested_by=order.requested_by,
    )

    async def link() -> Change:
        stored = await resources.repository.certificate(*held.key)
        deleted = stored and await _deleted_renewal(resources, stored, held.config_name)
        return renewal_ordered(successor.unique_id, in_place_of=deleted or None)

    return Outcome(new=successor, link=link)


def _in_flight(order: OrderRecord, accepted_at: datetime, current: CurrentCertificate | None) -> OrderInFlight:
    """Return a renewal as its own record has it once SCM has taken it; without a CSR of its own it is the old one's."""
    return OrderInFlight(
        uuid=order.uuid,
        operation=OrderOperation.RENEW,
        csr=order.csr or (current.csr if current else ""),
        private_key=order.private_key,
        key_digest=order.key_digest,
        accepted_at=accepted_at,
        names=names_of_successor(order),
    )


def _ordered_elsewhere_at(renewing: CurrentCertificate | None, now: datetime) -> datetime:
    """Return when a renewal was ordered that turns up now: nobody knows, and hardly before it became due.

    The moment at which it turns up would make its life look shorter than it is, and hold back the next renewal.
    """
    return now if renewing is None else min(due_from(renewing, LONGEST_WINDOW), now)


def _refused(_: OrderRecord, event: Refused | NotSent, now: datetime) -> Change:
    """Begin a pause where SCM refused the renewal; a refused login says nothing of the certificate."""
    is_refusal = isinstance(event, Refused) and not event.error.login_refused
    return renewal_refused(str(event.error), now) if is_refusal else unchanged


async def _look(resources: Resources, held: Held, order: OrderRecord, age: timedelta) -> Evidence:
    search = await renewal_of_order(resources, held, order)
    if search.scm_id is not None:
        return Found(search.scm_id)
    if search.complete and not search.undecided:
        return NotFound() if may_conclude_not_booked(age) else Undecided(answers.NOT_LISTED_YET)
    doubt = search.doubt
    if held.record.current is not None and may_give_up(age, held.record.current):
        after = "none is ordered any more" if held.record.revoked_at else "another renewal is ordered after a pause"
        return TooLongUndecided(f"{doubt}; {after}")
    return Undecided(f"{doubt}; it is looked for again at every read, and in the background")


def _unbooked(held: Held, order: OrderRecord, evidence: NotFound | TooLongUndecided, now: datetime) -> Change:
    """Let another renewal be ordered; of one that may come after all, the key is kept, and a pause begins."""
    if isinstance(evidence, NotFound):
        return unchanged
    failed = renewal_failed(None, order.uuid, evidence.reason, now)
    lost = _in_flight(order, order.created_at, held.record.current) if order.csr else None

    def change(stored: CertificateRecord) -> CertificateRecord:
        doubted = stored.model_copy(update={"doubted_at": stored.doubted_at or order.created_at})
        return failed(doubted if lost is None else doubted.with_superseded(lost))

    return change


async def _late(tools: Tools, held: Held) -> Answer:
    """Answer the renewal as far as it has come, or the certificate that is renewed."""
    held = await read_again(tools.resources, held)
    newest = held.record.renewed_to or held.record.successor
    successor = newest and await tools.resources.repository.certificate(held.config_name, newest)
    if successor:
        return await tools.collector.time_is_over(CertificateKey(held.config_name, successor.unique_id), successor)
    return await being_sent_or_worked_on(tools.resources, held)


RENEWAL: OperationOnHeld[RenewalRequest] = OperationOnHeld(
    kind=OrderOperation.RENEW,
    ready=_ready,
    turn=_turn,
    plan=_plan,
    call=_call,
    taken=_taken,
    refused=_refused,
    look=_look,
    unbooked=_unbooked,
    late=_late,
)
