"""The runner: the one place where money is spent, and where what became of an order is found out.

Equal concurrent requests share one run, different ones follow each other. A run holds the certificate's operation lock,
reads the record again, settles what an earlier run left open, and only then asks SCM:

    ready -> plan -> journal.open -> call -> taken | refused -> journal.close

The caller waits for the run, and the run goes on without the caller. `settle` is the same with `look` in place of
`call`. Which way it goes is what the state table (`rules/states.py`) says of each event.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from sectigo_vault_pki.errors import (
    RecordError,
    ScmAnswerLostError,
    ScmRefusedError,
    ScmUnavailableError,
)
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import Answer, order_id
from sectigo_vault_pki.lifecycle.collect.collector import Collector
from sectigo_vault_pki.lifecycle.event_log import LogEvent
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry, Held
from sectigo_vault_pki.lifecycle.journal import Journal
from sectigo_vault_pki.lifecycle.offers import note_refusal
from sectigo_vault_pki.lifecycle.orders.enrolment import ENROLMENT
from sectigo_vault_pki.lifecycle.orders.operation import (
    E,
    FoundElsewhere,
    Operation,
    OperationOnHeld,
    R,
    Tools,
    read_again,
)
from sectigo_vault_pki.lifecycle.orders.order_limits import admission
from sectigo_vault_pki.lifecycle.orders.renewal import RENEWAL
from sectigo_vault_pki.lifecycle.orders.replacement import REPLACEMENT
from sectigo_vault_pki.lifecycle.orders.revocation import REVOCATION
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.evidence import unchanged
from sectigo_vault_pki.lifecycle.rules.policy import DEFAULT_MAX_TIMEOUT, Waiting, caller_limit
from sectigo_vault_pki.lifecycle.rules.states import (
    AnswerLost,
    Evidence,
    Found,
    Misnamed,
    NotFound,
    NotSent,
    OrderState,
    OrderStateError,
    Refused,
    SubmitEvent,
    TooLongUndecided,
    Undecided,
    advance,
)
from sectigo_vault_pki.scm import Accepted, Unnamed
from sectigo_vault_pki.store import OrderOperation, OrderRecord, StorageError


class Runner:
    """Runs operations, and settles what they leave open."""

    def __init__(self, resources: Resources, collector: Collector, journal: Journal) -> None:
        self._resources = resources
        self._collector = collector
        self._journal = journal
        self._tools = Tools(resources, collector)
        self._seen_at: dict[str, datetime] = {}
        self._not_booked: set[str] = set()

    # Requests about a stored certificate.

    async def run(
        self,
        operation: OperationOnHeld[R],
        held: Held,
        request: R,
        waiting: Waiting | None = None,
        *,
        time_limit: float | None,
    ) -> Answer:
        """Carry an operation out, and answer it as far as it has come when the caller cannot wait any longer.

        Args:
            operation: what is asked.
            held: the certificate that it is about.
            request: with what.
            waiting: for the certificate that comes of it; None: it is not waited for.
            time_limit: seconds left of the host's deadline, or None where it sent none.

        Raises:
            ConflictError: it is not possible now.
            OrderLimitError, RenewalHeldError, StorageMovedError: nothing may be ordered.
            ScmRefusedError, ScmUnavailableError: SCM took nothing.
            StorageError: nothing was sent.
        """
        for unique_id in filter(None, (held.record.unique_id, held.record.successor)):
            self._collector.hurry(CertificateKey(held.config_name, unique_id))
        task = self.begin(operation, held, request, waiting)
        limit = caller_limit(held.config, DEFAULT_MAX_TIMEOUT if waiting is None else waiting.max_timeout, time_limit)
        done, _ = await asyncio.wait({task}, timeout=limit)
        if done and not task.cancelled():
            return task.result()
        return await operation.late(self._tools, held)

    def begin(
        self, operation: OperationOnHeld[R], held: Held, request: R, waiting: Waiting | None = None
    ) -> asyncio.Task[Answer]:
        """Begin what `run` does, or join the run of an equal request."""
        return self._resources.tasks.join(
            (operation.kind, *held.key, request.fingerprint(), waiting is None),
            lambda: self._run(operation, held, request, waiting),
            name=f"{operation.kind} {held.key}",
        )

    def is_under_way(self, key: CertificateKey) -> bool:
        """Whether this process is doing something with the certificate right now."""
        return self._resources.locks.in_use("operation", *key)

    async def _run(self, operation: OperationOnHeld[R], held: Held, request: R, waiting: Waiting | None) -> Answer:
        async with self._resources.locks.hold("operation", *held.key):
            held, still_open = await self._recovered(held)
            ready = await operation.ready(self._tools, held, request, still_open)
            if isinstance(ready, Answer):
                answer = ready
            else:
                async with operation.turn(self._resources, ready):
                    answer = await self._order(operation, ready, request)
            if still_open is not None and still_open.order is not None and still_open.order.stored is not None:
                answer = answer.with_warnings(*operation.beside(still_open.order.stored))
        if waiting is None or answer.record is None:
            return answer
        return await self._collector.until_issued_or_as_ordered(held.with_record(answer.record), waiting)

    async def _recovered(self, held: Held) -> tuple[Held, Answer | None]:
        """Return the certificate as it is now, and the answer for what an earlier operation left open, if it stays so.

        Raises:
            ConflictError: it is deleted.
        """
        held = await read_again(self._resources, held)
        if held.record.submitting is None:
            return held, None
        order = await self._resources.repository.order(held.config_name, held.record.submitting)
        settled = None if order is None else await self.settle(held, order)
        still_open = settled if settled is not None and settled.order is not None else None
        return await read_again(self._resources, held), still_open

    async def _order(self, operation: OperationOnHeld[R], held: Held, request: R) -> Answer:
        planned = await operation.plan(self._resources, held, request, str(uuid.uuid4()))
        match planned:
            case Answer():
                return planned
            case FoundElsewhere(order, scm_id):
                self._resources.log.accepted(LogEvent.RENEWAL_FOUND, held, order, scm_id)
                return await self._taken(operation, held, order, Found(scm_id))
            case order:
                return await self.place(operation, held, order)

    # One order.

    async def place(
        self,
        operation: Operation[E, R],
        entry: E,
        order: OrderRecord,
        *,
        opened: Callable[[OrderRecord], None] | None = None,
    ) -> Answer:
        """Store an order, send it, and store what SCM called it; `opened` is called once it is stored.

        Raises:
            OrderLimitError, StorageMovedError: nothing may be ordered.
            ScmRefusedError, ScmUnavailableError: SCM took nothing, and the entry is removed.
            StorageError: the order could not be stored, and was not sent.
        """
        now = self._resources.clock.now()
        counted = admission(self._resources, entry, now) if operation.costs else nullcontext()
        async with counted:
            if operation.costs or not _is_beside_another(entry):
                await self._journal.open(entry.config_name, order)
            if opened is not None:
                opened(order)
            event = await _event_of(operation.call(self._resources, entry, order))
            state = advance(OrderState.SUBMITTING, event)
            match state, event:
                case OrderState.PENDING, Accepted():
                    self._resources.log.accepted(LogEvent.ORDERED, entry, order, event.scm_id)
                    return await self._taken(operation, entry, order, event)
                case OrderState.UNSETTLED, Unnamed() | Misnamed() | AnswerLost():
                    why = answers.why_unsettled(order, event)
                    told = str(event.error) if isinstance(event, AnswerLost) else why
                    self._resources.log.order(LogEvent.ORDER_ANSWER_LOST, entry.config_name, order, error=told)
                    return answers.unsettled(entry.config_name, order, why)
                case OrderState.REFUSED | OrderState.NOT_BOOKED, Refused() | NotSent():
                    note_refusal(self._resources, entry, event.error)
                    change = operation.refused(order, event, self._resources.clock.now())
                    self._resources.log.refused(entry, order, event, change)
                    await self._journal.close(entry.config_name, order, change)
                    raise event.error
                case _:
                    raise OrderStateError(f"{type(event).__name__} leads to {state.name}")

    async def _taken(self, operation: Operation[E, R], entry: E, order: OrderRecord, event: Accepted | Found) -> Answer:
        """Store what SCM took: the new certificate, then the change of the one that the order is about.

        A failure to store is no failure of the order: the entry stands, and is settled later. It must not end the
        request in an error either, because the host or the client would send it again and buy twice.
        """
        try:
            outcome = await operation.taken(self._resources, entry, order, event)
            if outcome.new is None:
                changed = await self._journal.close(entry.config_name, order, outcome.change)
                return Answer(changed or (outcome.change(entry.record) if isinstance(entry, Held) else None))
            stored = await self._journal.store(entry.config_name, order, outcome.new)
            if order.unique_id is not None:  # else the entry stands until the certificate was asked for
                await self._journal.close(entry.config_name, order, await outcome.link())
            return Answer(stored)
        except (StorageError, RecordError) as error:
            if not operation.costs:
                raise
            unique_id = entry.key_of(event.scm_id).unique_id
            self._resources.log.order(
                LogEvent.ORDER_NOT_STORED, entry.config_name, order, unique_id=unique_id, error=str(error)
            )
            return answers.unsettled(entry.config_name, order, answers.not_stored(order))

    # Orders whose answer was lost.

    async def settle(self, entry: Entry, order: OrderRecord) -> Answer:
        """Find out what became of an order; concurrent calls for one order find out together. Nothing is ordered."""
        task = self._resources.tasks.join(
            ("settle", entry.config_name, order.uuid),
            lambda: self._settle(entry, order),
            name=f"settle {entry.config_name}/{order_id(order.uuid)}",
        )
        return await asyncio.shield(task)

    async def adopt(self, entry: Entry, order: OrderRecord, scm_id: int) -> Answer:
        """Store an enrolment whose answer was lost, by the id of the entry that has its mark at SCM; nothing is asked.

        Raises:
            StorageError, RecordError: it is not stored.
        """

        async def adopting() -> Answer:
            self._not_booked.discard(order.uuid)
            return await self._found(ENROLMENT, Entry(entry.config_name, entry.config), order, Found(scm_id))

        task = self._resources.tasks.join(
            ("settle", entry.config_name, order.uuid), adopting, name=f"adopt {entry.config_name}/{order.uuid}"
        )
        return await asyncio.shield(task)

    async def evidence(self, entry: Entry, order: OrderRecord) -> Evidence | None:
        """Look up an order whose answer was lost, and store nothing; None: it was never sent, or is a revocation.

        Raises:
            ScmRefusedError, ScmUnavailableError: SCM does not tell.
        """
        age = self._age_of(order)
        if order.unique_id is None:
            return await ENROLMENT.look(self._resources, Entry(entry.config_name, entry.config), order, age)
        record = await self._resources.repository.certificate(entry.config_name, order.unique_id)
        if record is None or record.submitting != order.uuid:
            return None
        match order.operation:
            case OrderOperation.RENEW:
                return await RENEWAL.look(self._resources, entry.holding(record), order, age)
            case OrderOperation.REPLACE:
                return await REPLACEMENT.look(self._resources, entry.holding(record), order, age)
            case _:
                return None

    def is_not_booked(self, order_uuid: str) -> bool:
        """Whether SCM certainly had no such order when it was last asked, by this process, what became of it."""
        return order_uuid in self._not_booked

    async def _settle(self, entry: Entry, order: OrderRecord) -> Answer:
        try:
            if order.unique_id is None:
                return await self._looked_for(ENROLMENT, Entry(entry.config_name, entry.config), order)
            record = await self._resources.repository.certificate(entry.config_name, order.unique_id)
            if record is None or record.submitting != order.uuid:  # never sent, or its outcome is stored already
                await self._journal.remove(entry.config_name, order.uuid)
                gone = answers.of_order(order, "the certificate it was about has been deleted")
                return gone if record is None else Answer(record)
            held = entry.holding(record)
            match order.operation:
                case OrderOperation.RENEW:
                    answer = await self._looked_for(RENEWAL, held, order)
                case OrderOperation.REPLACE:
                    answer = await self._looked_for(REPLACEMENT, held, order)
                case _:
                    return await self._looked_for(REVOCATION, held, order)
        except (ScmRefusedError, ScmUnavailableError) as error:
            return answers.of_order(order, answers.not_asked_about(error))
        if answer.record is not None:
            await self._journal.keep_readable(held.key, order.uuid)
        return answer

    async def _looked_for(self, operation: Operation[E, Any], entry: E, order: OrderRecord) -> Answer:
        evidence = await operation.look(self._resources, entry, order, self._age_of(order))
        state = advance(OrderState.UNSETTLED, evidence)
        match state, evidence:
            case OrderState.PENDING, Found():
                self._not_booked.discard(order.uuid)
                return await self._found(operation, entry, order, evidence)
            case OrderState.UNSETTLED, Undecided():
                self._not_booked.discard(order.uuid)
                self._resources.log.order(LogEvent.ORDER_NOT_FOUND_YET, entry.config_name, order, error=evidence.doubt)
                return answers.of_order(order, evidence.doubt)
            case OrderState.NOT_BOOKED | OrderState.GIVEN_UP, NotFound() | TooLongUndecided():
                return await self._unbooked(operation, entry, order, evidence)
            case _:
                raise OrderStateError(f"{type(evidence).__name__} leads to {state.name}")

    async def _found(self, operation: Operation[E, Any], entry: E, order: OrderRecord, evidence: Found) -> Answer:
        self._resources.log.accepted(LogEvent.ORDER_SETTLED, entry, order, evidence.scm_id)
        answer = await self._taken(operation, entry, order, evidence)
        if answer.record is not None and order.unique_id is None:
            await self._journal.hand_over(CertificateKey(entry.config_name, answer.record.unique_id), order.uuid)
        return answer

    async def _unbooked(
        self, operation: Operation[E, Any], entry: E, order: OrderRecord, evidence: NotFound | TooLongUndecided
    ) -> Answer:
        change = operation.unbooked(entry, order, evidence, self._resources.clock.now())
        if order.uuid not in self._not_booked:
            self._resources.log.unbooked(entry, order, evidence, change or unchanged)
        if change is None:
            self._not_booked.add(order.uuid)
            return answers.not_booked(order)
        changed = await self._journal.close(entry.config_name, order, change)
        if isinstance(evidence, NotFound) and evidence.reason:  # it could not be found out, and is not tried again
            return answers.of_order(order, evidence.reason)
        record = changed or (entry.record if isinstance(entry, Held) else None)
        return Answer(record, (evidence.reason or answers.never_taken(order),))

    def _age_of(self, order: OrderRecord) -> timedelta:
        """Return how old an order is; one of the future, which a clock that was wrong has dated, since it was seen."""
        now = self._resources.clock.now()
        seen_at = min(self._seen_at.get(order.uuid, now), now)
        self._seen_at[order.uuid] = seen_at
        return now - min(order.created_at, seen_at)


def _is_beside_another(entry: Entry) -> bool:
    """Whether the certificate points at another operation's entry: one that costs nothing can do without its own."""
    return isinstance(entry, Held) and entry.record.submitting is not None


async def _event_of(call: Awaitable[Accepted | Unnamed | Misnamed]) -> SubmitEvent:
    try:
        return await call
    except ScmRefusedError as error:
        return Refused(error)
    except ScmUnavailableError as error:
        return NotSent(error)
    except ScmAnswerLostError as error:
        return AnswerLost(error)
