"""Idempotent enrolments: one order for a `sectigo_request_id`, for equal requests under a role, for a repeated call.

An enrolment is a task of its own: its caller waits as long as it may, and the order goes on without it.
"""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from sectigo_vault_pki.errors import ConflictError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import Answer, order_id
from sectigo_vault_pki.lifecycle.collect.collector import Collector
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry
from sectigo_vault_pki.lifecycle.journal import Journal
from sectigo_vault_pki.lifecycle.orders.enrolment import ENROLMENT, EnrolmentRequest, plan_enrolment
from sectigo_vault_pki.lifecycle.orders.runner import Runner
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.rules.policy import Waiting
from sectigo_vault_pki.store import OrderRecord, RequestIndex, WaitingAndRenewal

ORDERS = uuid.UUID("2c1f2f4e-6a0b-4f0e-9d3a-8f5b7c1d9e60")
"""The namespace (RFC 9562 5.5) of the uuids that name orders."""

SENT_AGAIN_WITHIN = timedelta(seconds=30)
"""Age of a backend up to which a request may be one that an earlier process did not live to answer: the host starts a
process for such a request, and sends it at once."""

Admission: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""Entered around a new order, which its errors prevent; left with the error of one that was not taken."""

Reread: TypeAlias = Callable[[str, WaitingAndRenewal], Awaitable[Answer]]
"""Answers what is stored under an id."""

_Change: TypeAlias = Callable[[RequestIndex], RequestIndex | None]


@dataclass(slots=True)
class _Flight:
    """An enrolment of this process, and how far it has come."""

    answer: Answer


class Enrolments:
    """Begins enrolments, and answers a repeated one by the first one's order."""

    def __init__(self, resources: Resources, runner: Runner, collector: Collector, journal: Journal) -> None:
        self._resources = resources
        self._runner = runner
        self._collector = collector
        self._journal = journal
        self._flights: dict[Hashable, _Flight] = {}
        self._began_at = resources.clock.now()

    async def enroll(
        self,
        entry: Entry,
        request: EnrolmentRequest,
        *,
        time_limit: float | None,
        admission: Admission,
        reread: Reread,
    ) -> Answer:
        """Do what `Engine.enroll` says.

        Args:
            entry: the config entry to order under.
            request: what is asked for, of the entry's certificate type.
            time_limit: seconds left of the host's deadline, or None where it sent none.
            admission: for a new order.
            reread: for a request that an earlier one's order answers.
        """
        waiting = policy.waiting(request.requested.waiting, entry.config.defaults)
        limit = policy.caller_limit(entry.config, waiting.max_timeout, time_limit)
        async with self._claim(entry.config_name, request) as (order_uuid, is_new):
            flight = _flight(entry.config_name, order_uuid)
            if not self._resources.tasks.running(flight) and (
                not is_new or await self._is_sent_again(entry.config_name, order_uuid)
            ):
                task = None
            else:
                so_far = self._flights.setdefault(flight, _Flight(answers.being_sent(entry.config_name, order_uuid)))
                task = self._resources.tasks.join(
                    flight,
                    lambda: self._enroll(entry, request, order_uuid, waiting, so_far=so_far, admission=admission),
                    name=f"enroll {entry.config_name}/{order_id(order_uuid)}",
                )
                task.add_done_callback(lambda _: self._flights.pop(flight, None))
                if so_far.answer.record is not None:
                    self._collector.hurry(CertificateKey(entry.config_name, so_far.answer.record.unique_id))
        if task is None:
            flags = request.requested.waiting.model_copy(update={"max_timeout": waiting.max_timeout})
            return await reread(order_id(order_uuid), flags)
        done, _ = await asyncio.wait({task}, timeout=limit)
        if done and not task.cancelled():
            return task.result()
        return await self._so_far(entry, so_far.answer, is_closing=task.cancelled())

    def is_under_way(self, config_name: str, order_uuid: str) -> bool:
        """Whether this process is working on an enrolment's order."""
        return self._resources.tasks.running(_flight(config_name, order_uuid))

    def being_sent(self, config_name: str, order_uuid: str) -> Answer | None:
        """Answer for an order that this process is sending, and that SCM has not named."""
        flight = self._flights.get(_flight(config_name, order_uuid))
        return None if flight is None or flight.answer.record is not None else flight.answer

    async def _is_sent_again(self, config_name: str, order_uuid: str) -> bool:
        """Whether the host sends again what an earlier process has worked on: it does so to a new one only."""
        if self._resources.clock.now() - self._began_at > SENT_AGAIN_WITHIN:
            return False
        return await self._is_known(config_name, order_uuid)

    async def _enroll(
        self,
        entry: Entry,
        request: EnrolmentRequest,
        order_uuid: str,
        waiting: Waiting,
        *,
        so_far: _Flight,
        admission: Admission,
    ) -> Answer:
        try:
            async with admission():
                so_far.answer = await self._place(entry, request, order_uuid, so_far)
        except Exception:
            await self.withdraw(entry.config_name, request.request_id, order_uuid)
            raise
        if so_far.answer.record is None:
            return so_far.answer
        held = entry.holding(so_far.answer.record)
        answer = await self._collector.until_issued_or_as_ordered(held, waiting)
        # The entry has not gone yet where nobody was to wait, or storage failed.
        await self._journal.hand_over_if_stored_now(held.key, order_uuid)
        return answer

    async def _place(self, entry: Entry, request: EnrolmentRequest, order_uuid: str, so_far: _Flight) -> Answer:
        def opened(order: OrderRecord) -> None:
            so_far.answer = answers.being_sent(entry.config_name, order_uuid, order)

        order = await plan_enrolment(self._resources, entry, request, order_uuid)
        return await self._runner.place(ENROLMENT, entry, order, opened=opened)

    async def _so_far(self, entry: Entry, so_far: Answer, *, is_closing: bool) -> Answer:
        if so_far.record is None:
            return so_far
        key = CertificateKey(entry.config_name, so_far.record.unique_id)
        if is_closing:  # an error would make clients order again
            return Answer(so_far.record, (answers.interrupted(key),))
        return await self._collector.time_is_over_or_as_ordered(key, so_far.record)

    # What a request id stands for.

    @asynccontextmanager
    async def _claim(self, config_name: str, request: EnrolmentRequest) -> AsyncIterator[tuple[str, bool]]:
        """Yield the order that answers the request, and whether no request before was answered by it.

        No other request with the same id passes until the block ends.

        Raises:
            ConflictError: the id stands for an enrolment with other fields.
        """
        call = request.host_request_id  # a call that the host sends again names the same order
        new_uuid = str(uuid.uuid5(ORDERS, f"{config_name}/{call}") if call else uuid.uuid4())
        if request.request_id is None:
            yield new_uuid, True
            return
        digest = _digest(request.request_id)
        repository = self._resources.repository
        async with self._resources.locks.hold("request", config_name, digest):
            first = await repository.request(config_name, digest)
            if first is not None and not first.is_over and await self._is_known(config_name, first.order_uuid):
                if first.fingerprint != request.fingerprint():
                    raise ConflictError("sectigo_request_id belongs to an enrolment with other fields")
                yield first.order_uuid, False
                return
            failures = 0 if first is None else first.failures
            index = RequestIndex(order_uuid=new_uuid, fingerprint=request.fingerprint(), failures=failures)
            await self._resources.tasks.finish(repository.put_request(config_name, digest, index))
            yield new_uuid, True

    async def order_of(self, config_name: str, request_id: str) -> RequestIndex | None:
        """Return the order that a request id stands for, if that is known."""
        index = await self._resources.repository.request(config_name, _digest(request_id))
        if index is None or index.is_over or not await self._is_known(config_name, index.order_uuid):
            return None
        return index

    async def release(self, config_name: str, request_id: str | None, order_uuid: str | None) -> None:
        """Forget what a request id stands for, if that is this order; by now it may be a later one's."""
        if request_id is not None and order_uuid is not None:
            await self._change(config_name, request_id, order_uuid, lambda _: None)

    async def withdraw(self, config_name: str, request_id: str | None, order_uuid: str) -> None:
        """Forget an order that was not placed; that others before it came to nothing stays known."""
        if request_id is not None:
            over = {"is_over": True}
            await self._change(
                config_name,
                request_id,
                order_uuid,
                lambda index: index.model_copy(update=over) if index.failures else None,
            )

    async def give_up(self, config_name: str, request_id: str, order_uuid: str) -> None:
        """Let the next request order anew: this order came to nothing."""
        await self._change(config_name, request_id, order_uuid, _given_up)

    async def note_answered(self, config_name: str, request_id: str, order_uuid: str | None) -> None:
        """Note that the certificate of a request id's order has been handed out."""
        if order_uuid is not None:
            answered = {"is_answered": True, "failures": 0}
            await self._change(config_name, request_id, order_uuid, lambda index: index.model_copy(update=answered))

    async def forget_void(self, config_name: str, request_id_digest: str, *, dry_run: bool) -> bool:
        """Forget what a request id stands for, if nothing is stored of that order; say whether it is, or would be.

        That orders before it came to nothing stays known: the pause before the next one hangs on it.
        """
        repository = self._resources.repository
        async with self._resources.locks.hold("request", config_name, request_id_digest):
            index = await repository.request(config_name, request_id_digest)
            if index is None or index.failures or await self._is_known(config_name, index.order_uuid):
                return False
            if not dry_run:
                await repository.delete_request(config_name, request_id_digest)
            return True

    async def _change(self, config_name: str, request_id: str, order_uuid: str, change: _Change) -> None:
        """Change what a request id stands for, or forget it, if it still stands for that order."""
        await self._resources.tasks.finish(self._changed(config_name, _digest(request_id), order_uuid, change))

    async def _changed(self, config_name: str, digest: str, order_uuid: str, change: _Change) -> None:
        repository = self._resources.repository
        async with self._resources.locks.hold("request", config_name, digest):
            index = await repository.request(config_name, digest)
            if index is None or index.order_uuid != order_uuid:
                return
            changed = change(index)
            if changed is None:
                await repository.delete_request(config_name, digest)
            elif changed != index:
                await repository.put_request(config_name, digest, changed)

    async def _is_known(self, config_name: str, order_uuid: str) -> bool:
        """Whether the order is being made, stands or has become a certificate; a crash may have come before that."""
        repository = self._resources.repository
        return (
            self.is_under_way(config_name, order_uuid)
            or await repository.order(config_name, order_uuid) is not None
            or await repository.certificate_of_order(config_name, order_uuid) is not None
        )


def _flight(config_name: str, order_uuid: str) -> Hashable:
    return ("enroll", config_name, order_uuid)


def _given_up(index: RequestIndex) -> RequestIndex:
    return index if index.is_over else index.model_copy(update={"is_over": True, "failures": index.failures + 1})


def _digest(request_id: str) -> str:
    return hashlib.sha256(request_id.encode()).hexdigest()
