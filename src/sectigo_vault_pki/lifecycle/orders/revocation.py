"""Revoking: SCM is asked, then the certificate is marked. It stays stored, and its key with it."""

from dataclasses import dataclass
from datetime import timedelta

from sectigo_vault_pki.errors import ConflictError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.held import Held
from sectigo_vault_pki.lifecycle.orders.operation import OperationOnHeld, Outcome, Tools, no_answer_yet
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.evidence import revoked
from sectigo_vault_pki.lifecycle.rules.states import Evidence, Found, NotFound
from sectigo_vault_pki.pki import reason_code_of
from sectigo_vault_pki.scm import CERTIFICATE_APIS, Accepted
from sectigo_vault_pki.store import OrderOperation, OrderRecord


@dataclass(frozen=True, slots=True)
class RevocationRequest:
    """Why a certificate is revoked.

    Attributes:
        requested_by: who asks; no part of the fingerprint, so that equal requests of two people are one call.
    """

    reason: str
    requested_by: str = ""

    def fingerprint(self) -> str:
        return self.reason


async def _ready(tools: Tools, held: Held, _: RevocationRequest, still_open: Answer | None) -> Held | Answer:
    """Return the certificate, unless it is revoked already; a renewal that is not settled is no obstacle.

    Beside such a renewal, whose entry the certificate points at, the intent is not stored: a caller
    that gets no answer asks again, and SCM reports then that it is done.

    Raises:
        ConflictError: it is not issued yet, or being replaced, as far as is known.
    """
    order = None if still_open is None or still_open.order is None else still_open.order.stored
    if order is not None and order.operation is OrderOperation.REPLACE:
        raise ConflictError(answers.why_not_revoked(order, held.record))
    held = await _without_replacement(tools, held)
    if held.record.revoked_at is not None:
        return Answer(held.record)
    if held.record.current is None:
        raise ConflictError("the certificate is not issued yet: decline the order in SCM")
    return held


async def _without_replacement(tools: Tools, held: Held) -> Held:
    """Return the certificate once a replacement in flight is collected, or failed at SCM.

    SCM revokes its newest certificate: that would be the replacement, and the one in hand would stay valid.

    Raises:
        ConflictError: the replacement may still come.
    """
    if held.record.current is None or held.record.order is None:
        return held
    record = (await tools.collector.once(held)).record
    if record.order is not None and not record.order.in_trouble:
        raise ConflictError(
            "a replacement is under way, and SCM revokes the newest certificate: reading this one collects it, and "
            "then it can be revoked"
        )
    return held.with_record(record)


async def _plan(resources: Resources, held: Held, request: RevocationRequest, order_uuid: str) -> OrderRecord:
    return OrderRecord(
        uuid=order_uuid,
        operation=OrderOperation.REVOKE,
        certificate_type=held.record.certificate_type,
        common_name=held.record.common_name,
        unique_id=held.record.unique_id,
        created_at=resources.clock.now(),
        reason=request.reason,
        requested_by=request.requested_by,
    )


async def _call(resources: Resources, held: Held, intent: OrderRecord) -> Accepted:
    api, reason = CERTIFICATE_APIS[held.record.certificate_type], intent.reason or ""
    async with resources.clients.lend(held) as client:
        await api.revoke(client, held.record.scm_id, reason, reason_code_of(reason))
    return Accepted(held.record.scm_id)


async def _taken(resources: Resources, _: Held, __: OrderRecord, ___: Accepted | Found) -> Outcome:
    now = resources.clock.now()
    return Outcome(change=lambda stored: revoked(stored, now))


async def _look(resources: Resources, held: Held, intent: OrderRecord, _: timedelta) -> Evidence:
    """Ask again, which is harmless."""
    try:
        await _call(resources, held, intent)
    except (ScmRefusedError, ScmUnavailableError) as error:
        return NotFound(answers.not_asked_about(error))
    return Found(held.record.scm_id)


def _beside(order: OrderRecord) -> tuple[str, ...]:
    return (answers.renewal_stays_open(order),) if order.operation is OrderOperation.RENEW else ()


REVOCATION: OperationOnHeld[RevocationRequest] = OperationOnHeld(
    kind=OrderOperation.REVOKE,
    costs=False,
    ready=_ready,
    plan=_plan,
    call=_call,
    taken=_taken,
    look=_look,
    beside=_beside,
    late=no_answer_yet(OrderOperation.REVOKE),
)
