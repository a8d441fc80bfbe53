"""Settling: what became of something that was asked of SCM, and whose answer was lost. Nothing is ever ordered here."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sectigo_vault_pki.errors import ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.accepting import Acceptor
from sectigo_vault_pki.lifecycle.answers import Answer, CertificateAnswer, OrderAnswer, order_id
from sectigo_vault_pki.lifecycle.names import search_name, search_name_of_order
from sectigo_vault_pki.lifecycle.policy import may_conclude_not_booked, may_give_up
from sectigo_vault_pki.lifecycle.renewal import Renewer
from sectigo_vault_pki.lifecycle.replacement import Replacer, replacement_in_flight
from sectigo_vault_pki.lifecycle.resources import Change, Resources
from sectigo_vault_pki.lifecycle.revocation import Revoker
from sectigo_vault_pki.lifecycle.states import Found, NotFound, OrderState, advance
from sectigo_vault_pki.lifecycle.submission import Progress, Submitter
from sectigo_vault_pki.lifecycle.successors import CLOCK_DIFFERENCE, MAX_EXAMINED, Successors, SuccessorSearch
from sectigo_vault_pki.lifecycle.verdicts import Verdict, verdict_on_replacement
from sectigo_vault_pki.lifecycle.write_ahead import WriteAhead
from sectigo_vault_pki.scm import CERTIFICATE_APIS, ScmClient, mark, mark_in
from sectigo_vault_pki.scm import Collected as ScmCollected
from sectigo_vault_pki.scm import StillProcessing as ScmStillProcessing
from sectigo_vault_pki.store import (
    CertificateRecord,
    ConfigRecord,
    OrderOperation,
    OrderRecord,
    Status,
)


@dataclass(frozen=True, slots=True)
class _Search:
    """What was found; `complete` where nothing that SCM has can have been overlooked, else there is a `doubt`."""

    scm_id: int | None
    complete: bool
    doubt: str = "SCM lists too many orders for this name"


@dataclass(frozen=True, slots=True)
class Orderers:
    """Who goes on with each operation once it is settled."""

    submitter: Submitter
    renewer: Renewer
    replacer: Replacer
    revoker: Revoker


class Settler:
    """Finds out at SCM, by marks, new ids or the collected key, and lets the operation go on from there."""

    def __init__(
        self,
        resources: Resources,
        write_ahead: WriteAhead,
        acceptor: Acceptor,
        orderers: Orderers,
        successors: Successors,
    ) -> None:
        self._resources = resources
        self._write_ahead = write_ahead
        self._acceptor = acceptor
        self._orderers = orderers
        self._successors = successors
        self._seen_at: dict[str, datetime] = {}
        self._not_booked: set[str] = set()

    def is_not_booked(self, order_uuid: str) -> bool:
        """Whether SCM certainly had no such order when it was last asked, by this process, what became of it."""
        return order_uuid in self._not_booked

    async def settle(self, config_name: str, config: ConfigRecord, order: OrderRecord) -> Answer:
        """Find out what became of an order; concurrent calls for one order find out together."""
        task = self._resources.tasks.join(
            ("settle", config_name, order.uuid),
            lambda: self._settle(config_name, config, order),
            name=f"settle {config_name}/{order_id(order.uuid)}",
        )
        return await asyncio.shield(task)

    async def _settle(self, config_name: str, config: ConfigRecord, order: OrderRecord) -> Answer:
        try:
            if order.unique_id is None:
                return await self._settle_enrolment(config_name, config, order)
            record = await self._resources.repository.certificate(config_name, order.unique_id)
            if record is None or record.submitting != order.uuid:
                return await self._never_sent(config_name, order, record)
            answer = await self._settle_for(config_name, config, order, record)
        except (ScmRefusedError, ScmUnavailableError) as error:
            return _still_unsettled(order, f"SCM could not be asked what became of the order: {error}")
        if isinstance(answer, CertificateAnswer) and order.operation is not OrderOperation.REVOKE:
            await self._acceptor.keep_readable(config_name, order.uuid, record.unique_id)
        return answer

    async def _settle_enrolment(self, config_name: str, config: ConfigRecord, order: OrderRecord) -> Answer:
        async with self._resources.clients.lend(config_name, config) as client:
            search = await _search_mark(client, order)
        self._not_booked.discard(order.uuid)
        if search.scm_id is None:
            if search.complete and may_conclude_not_booked(self._age_of(order)):
                self._not_booked.add(order.uuid)
            return self._not_found(order, search, look_for=mark(order.uuid))
        found = Found(search.scm_id)
        advance(OrderState.UNSETTLED, found)
        answer = await self._orderers.submitter.accepted(config_name, config, order, found, Progress(order.uuid))
        if isinstance(answer, CertificateAnswer):
            await self._write_ahead.hand_over(config_name, order.uuid, answer.record.unique_id)
        return answer

    async def _settle_for(
        self, config_name: str, config: ConfigRecord, order: OrderRecord, record: CertificateRecord
    ) -> Answer:
        match order.operation:
            case OrderOperation.RENEW:
                return await self._settle_renewal(config_name, config, order, record)
            case OrderOperation.REPLACE:
                return await self._settle_replacement(config_name, config, order, record)
            case _:
                return await self._orderers.revoker.carry_out(config_name, config, record, order)

    async def _settle_renewal(
        self, config_name: str, config: ConfigRecord, order: OrderRecord, record: CertificateRecord
    ) -> Answer:
        search = await self._successors.of_order(config_name, config, order, record)
        if search.scm_id is not None:
            advance(OrderState.UNSETTLED, Found(search.scm_id))
            return await self._orderers.renewer.accepted(config_name, config, record, order, search.scm_id)
        if search.complete and not search.undecided:
            return await self._not_found_for(config_name, record, order, _Search(None, complete=True))
        doubt = _doubt_about(search)
        if record.current is not None and may_give_up(self._age_of(order), record.current):
            after = "none is ordered any more" if record.revoked_at else "another renewal is ordered after a pause"
            text = f"{doubt}; {after}"
            return await self._orderers.renewer.gave_up(config_name, record, order, text)
        return _still_unsettled(order, f"{doubt}; it is looked for again at every read, and in the background")

    async def _settle_replacement(
        self, config_name: str, config: ConfigRecord, order: OrderRecord, record: CertificateRecord
    ) -> Answer:
        verdict = await self._verdict(config_name, config, order, record)
        if verdict is Verdict.TAKEN:
            return await self._orderers.replacer.accepted(config_name, record, order)
        doubt = "SCM is working on another certificate under this id, or does not deliver the newest one"
        is_given_up = record.current is not None and may_give_up(self._age_of(order), record.current)
        search = _Search(None, complete=verdict is Verdict.NOT_TAKEN or is_given_up, doubt=doubt)
        return await self._not_found_for(config_name, record, order, search)

    async def _verdict(
        self, config_name: str, config: ConfigRecord, order: OrderRecord, record: CertificateRecord
    ) -> Verdict:
        family = CERTIFICATE_APIS[record.certificate_type]
        async with self._resources.clients.lend(config_name, config) as client:
            standing = await family.standing(client, record.scm_id, search_name(record))
            try:
                delivered: ScmCollected | ScmStillProcessing | ScmRefusedError = await family.collect(
                    client, record.scm_id
                )
            except ScmRefusedError as refusal:
                if refusal.login_refused:
                    raise
                delivered = refusal
        return verdict_on_replacement(standing, delivered, record, replacement_in_flight(order, order.created_at))

    async def _never_sent(self, config_name: str, order: OrderRecord, record: CertificateRecord | None) -> Answer:
        """An entry that its certificate does not point at was never sent, or stands in the certificate already."""
        await self._write_ahead.remove(config_name, order.uuid)
        if record is None:
            return _still_unsettled(order, "the certificate it was about has been deleted")
        return CertificateAnswer(record)

    async def _not_found_for(
        self, config_name: str, record: CertificateRecord, order: OrderRecord, search: _Search
    ) -> Answer:
        answer = self._not_found(order, search, look_for=f"what became of {record.scm_id}")
        if not search.complete or not may_conclude_not_booked(self._age_of(order)):
            return answer
        changed = await self._write_ahead.close(config_name, record.unique_id, order, _with_key_of(order))
        return CertificateAnswer(changed or record, (f"SCM never took the order to {order.operation} it",))

    def _not_found(self, order: OrderRecord, search: _Search, *, look_for: str) -> OrderAnswer:
        if not search.complete:
            return _still_unsettled(order, f"{search.doubt}: look for {look_for} there")
        if not may_conclude_not_booked(self._age_of(order)):
            return _still_unsettled(order, "SCM does not list the order yet; read again in some minutes")
        advance(OrderState.UNSETTLED, NotFound())
        return replace(_still_unsettled(order, NOTHING_BOUGHT), is_not_booked=True)

    def _age_of(self, order: OrderRecord) -> timedelta:
        """Return how old an order is; one of the future, which a clock that was wrong has dated, since it was seen."""
        now = self._resources.clock.now()
        seen_at = min(self._seen_at.get(order.uuid, now), now)
        self._seen_at[order.uuid] = seen_at
        return now - min(order.created_at, seen_at)


def _doubt_about(search: SuccessorSearch) -> str:
    if search.undecided:
        return (
            f"SCM lists {search.undecided} newer orders for this name that are not issued, and whether one of them is "
            "the renewal shows when it is"
        )
    return "SCM lists too many orders for this name to find the renewal among them"


NOTHING_BOUGHT = (
    "SCM has no such order, so nothing was bought; deleting this entry with sectigo_force=true removes its key"
)


async def _search_mark(client: ScmClient, order: OrderRecord) -> _Search:
    """Look for the order's mark, from the newest entry back to the day before the order."""
    family = CERTIFICATE_APIS[order.certificate_type]
    listed, complete = await family.listed(client, search_name_of_order(order))
    earliest = (order.created_at - CLOCK_DIFFERENCE).date()
    for entry in listed[:MAX_EXAMINED]:
        remarks = await family.remarks(client, entry)
        if mark_in(remarks.comments) == order.uuid:
            return _Search(entry.scm_id, complete=True)
        if remarks.requested is not None and remarks.requested < earliest:
            return _Search(None, complete=complete)
    return _Search(None, complete=complete and len(listed) <= MAX_EXAMINED)


def _with_key_of(order: OrderRecord) -> Change:
    """Return the change that keeps the key of a replacement that came to nothing, as far as anybody knows."""
    if order.operation is not OrderOperation.REPLACE:
        return lambda record: record
    lost = replacement_in_flight(order, order.created_at)
    return lambda record: record.with_superseded(lost)


def _still_unsettled(order: OrderRecord, reason: str) -> OrderAnswer:
    return OrderAnswer(order.uuid, Status.UNSETTLED, order, (reason,))
