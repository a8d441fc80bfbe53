"""Enrolling: a new order as a task of its own, for which its caller waits as long as it may."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TypeAlias

from sectigo_vault_pki.lifecycle.answers import Answer, CertificateAnswer, OrderAnswer, order_id
from sectigo_vault_pki.lifecycle.collect.collector import Collector
from sectigo_vault_pki.lifecycle.orders.enrolment import EnrolmentRequest
from sectigo_vault_pki.lifecycle.orders.idempotency import Repetitions
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.rules.policy import Waiting
from sectigo_vault_pki.lifecycle.submission import Progress, Submitter
from sectigo_vault_pki.store import CertificateRecord, ConfigRecord, Status, WaitingAndRenewal

Admission: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""Entered around a new order, which its errors prevent; left with the error of one that was not taken."""

Reread: TypeAlias = Callable[[str, WaitingAndRenewal], Awaitable[Answer]]
"""Answers what is stored under an id."""

SENT_AGAIN_WITHIN = timedelta(seconds=30)
"""Age of a backend up to which a request may be one that an earlier process did not live to answer: the host starts a
process for such a request, and sends it at once."""


class Enroller:
    """Begins enrolments, knows how far each has come, and answers a repeated one by the first one's order."""

    def __init__(
        self, resources: Resources, submitter: Submitter, collector: Collector, repetitions: Repetitions
    ) -> None:
        self._resources = resources
        self._submitter = submitter
        self._collector = collector
        self._repetitions = repetitions
        self._progress: dict[Hashable, Progress] = {}
        self._began_at = resources.clock.now()

    async def enroll(
        self,
        config_name: str,
        config: ConfigRecord,
        request: EnrolmentRequest,
        *,
        time_limit: float | None,
        admission: Admission,
        reread: Reread,
    ) -> Answer:
        """Do what `Engine.enroll` says.

        Args:
            config_name: the config entry to order under.
            config: what it says.
            request: what is wished, of the entry's certificate type.
            time_limit: seconds left of the host's deadline, or None where it sent none.
            admission: for a new order.
            reread: for a request that an earlier one's order answers.
        """
        waiting = policy.waiting(request.requested.waiting, config.defaults)
        limit = policy.caller_limit(config, waiting.max_timeout, time_limit)
        progress = self._submitter.begin(config_name, request)
        async with self._repetitions.claim(config_name, request, progress.order_uuid) as claim:
            order_uuid = claim.order_uuid
            flight = _flight(config_name, order_uuid)
            is_running = self._resources.tasks.running(flight)
            if is_running or (claim.is_new and not await self._is_sent_again(config_name, order_uuid)):
                progress = self._progress.setdefault(flight, progress)
                task = self._resources.tasks.join(
                    flight,
                    lambda: self._enroll(config_name, config, request, waiting, progress=progress, admission=admission),
                    name=f"enroll {config_name}/{order_id(order_uuid)}",
                )
                task.add_done_callback(lambda _: self._progress.pop(flight, None))
            else:
                task = None
        if task is None:
            wish = request.requested.waiting.model_copy(update={"max_timeout": waiting.max_timeout})
            return await reread(order_id(order_uuid), wish)
        done, _ = await asyncio.wait({task}, timeout=limit)
        if task.cancelled():
            return _interrupted(config_name, progress)
        return task.result() if done else await self._so_far(config_name, progress)

    def is_under_way(self, config_name: str, order_uuid: str) -> bool:
        """Whether this process is working on an enrolment's order."""
        return self._resources.tasks.running(_flight(config_name, order_uuid))

    def being_sent(self, config_name: str, order_uuid: str) -> OrderAnswer | None:
        """Answer for an order that this process is sending, and that SCM has not named."""
        progress = self._progress.get(_flight(config_name, order_uuid))
        return None if progress is None or progress.record is not None else _being_sent(config_name, progress)

    async def _is_sent_again(self, config_name: str, order_uuid: str) -> bool:
        """Whether the host sends again what an earlier process has worked on: it does so to a new one only."""
        if self._resources.clock.now() - self._began_at > SENT_AGAIN_WITHIN:
            return False
        return await self._repetitions.is_known(config_name, order_uuid)

    async def _enroll(
        self,
        config_name: str,
        config: ConfigRecord,
        request: EnrolmentRequest,
        waiting: Waiting,
        *,
        progress: Progress,
        admission: Admission,
    ) -> Answer:
        try:
            async with admission():
                answer = await self._submitter.submit(config_name, config, request, progress)
        except Exception:
            await self._repetitions.withdraw(config_name, request.request_id, progress.order_uuid)
            raise
        if isinstance(answer, OrderAnswer):
            return answer
        return await self._issued(config_name, progress.order_uuid, answer.record, waiting)

    async def _issued(
        self, config_name: str, order_uuid: str, record: CertificateRecord, waiting: Waiting
    ) -> CertificateAnswer:
        """Collect; the write-ahead entry goes once SCM was asked, when most certificates are there already."""

        def hand_over() -> Awaitable[None]:
            return self._submitter.hand_over(config_name, order_uuid, record.unique_id)

        answer = await self._collector.until_issued_or_as_ordered(config_name, record, waiting, after_asking=hand_over)
        await hand_over()  # it has not gone yet where nobody was to wait, or storage failed
        return answer

    async def _so_far(self, config_name: str, progress: Progress) -> Answer:
        if progress.record is not None:
            return await self._collector.time_is_over_or_as_ordered(config_name, progress.record)
        return _being_sent(config_name, progress)


def _flight(config_name: str, order_uuid: str) -> Hashable:
    return ("enroll", config_name, order_uuid)


def _interrupted(config_name: str, progress: Progress) -> Answer:
    """Answer an enrolment whose backend closes under it: an error would make clients order again."""
    if progress.record is None:
        return _being_sent(config_name, progress)
    warning = (
        f"the engine is being stopped: the order is saved, and reading certs/{config_name}/"
        f"{progress.record.unique_id} collects it"
    )
    return CertificateAnswer(progress.record, (warning,))


def _being_sent(config_name: str, progress: Progress) -> OrderAnswer:
    warning = (
        f"SCM has not answered the order yet: it is saved, and reading certs/{config_name}/"
        f"{order_id(progress.order_uuid)} finds out what became of it; do not order again"
    )
    return OrderAnswer(progress.order_uuid, Status.TIMEOUT_STATE_SAVED, progress.order, (warning,))
