"""The next step of a certificate: what is due is done when it is read, and by the background work.

A read waits as long as its caller may, and answers what went wrong as a warning. The background work asks once, and
leaves the rest to later ticks.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sectigo_vault_pki.errors import (
    ConflictError,
    OrderLimitError,
    RenewalHeldError,
    ScmError,
    ScmUnavailableError,
    UnknownCertificateError,
)
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import ORDER_ID_PREFIX, Answer, order_id, remarks_on
from sectigo_vault_pki.lifecycle.collect.collector import Collector
from sectigo_vault_pki.lifecycle.event_log import LogEvent, of_error
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry, Held
from sectigo_vault_pki.lifecycle.journal import Journal
from sectigo_vault_pki.lifecycle.orders.idempotency import Enrolments
from sectigo_vault_pki.lifecycle.orders.renewal import RENEWAL, RenewalRequest
from sectigo_vault_pki.lifecycle.orders.runner import Runner
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.rules.evidence import renewed
from sectigo_vault_pki.lifecycle.rules.policy import Step, Waiting, next_step
from sectigo_vault_pki.lifecycle.rules.renewal_rule import LONGEST_WINDOW, RenewalPolicy, renewal_policy
from sectigo_vault_pki.lifecycle.rules.states import Evidence
from sectigo_vault_pki.store import (
    CertificateRecord,
    ConfigRecord,
    OrderOperation,
    OrderRecord,
    UniqueId,
    WaitingAndRenewal,
)

UNIQUE_ID = re.compile(r"[0-9]{1,19}_[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)
ORDER_ID = re.compile(ORDER_ID_PREFIX + r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)

MAX_RENEWALS = 1000
"""Links that are followed from a certificate to its newest renewal."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who has a step taken.

    Attributes:
        flags: of the read itself; only its own `max_timeout` makes it wait for a pending certificate.
        time_limit: seconds left of the host's deadline, or None where it sent none.
        is_background: the background work, which does not wait and hears of errors.
    """

    flags: WaitingAndRenewal = field(default_factory=WaitingAndRenewal)
    time_limit: float | None = None
    is_background: bool = False


BACKGROUND = Caller(is_background=True)

AUTOMATIC = "automatic"
"""Who asks for a renewal that is due: a read that finds it so did not ask for an order either."""


class Steps:
    """Answers certificates and orders, after what is due was done."""

    def __init__(
        self, resources: Resources, journal: Journal, collector: Collector, runner: Runner, enrolments: Enrolments
    ) -> None:
        self._resources = resources
        self._journal = journal
        self._collector = collector
        self._runner = runner
        self._enrolments = enrolments
        self._failing: dict[tuple[str, str], str] = {}

    async def stored(self, config_name: str, unique_id: str) -> CertificateRecord:
        """Return a record as it is.

        Raises:
            UnknownCertificateError: there is none.
        """
        if not UNIQUE_ID.fullmatch(unique_id):
            raise UnknownCertificateError(config_name, None)
        record = await self._resources.repository.certificate(config_name, UniqueId(unique_id))
        if record is None:
            raise UnknownCertificateError(config_name, unique_id)
        return record

    async def read(self, config_name: str, unique_id: str, caller: Caller) -> Answer:
        """Answer a certificate, the newest of its renewals, or what an order has become; see `Engine.read`.

        Raises:
            UnknownCertificateError: nothing is stored under that id.
            StandbyError: something would have to be asked or written, and this node must not.
        """
        if match := ORDER_ID.fullmatch(unique_id):
            return await self._read_order(config_name, match[1], caller)
        record, now = await self.stored(config_name, unique_id), self._resources.clock.now()
        said = (caller.flags, record.requested.waiting)
        config = await self._config_if_needed(config_name, record, said, now)
        rule = renewal_policy(*said, config.defaults if config else WaitingAndRenewal())
        if record.renewed_to is not None and record.submitting is None and rule.read_renewed_cert:
            newest = await self._newest(config_name, record)
            if newest.unique_id != record.unique_id:
                return await self.read(config_name, newest.unique_id, caller)
        step = next_step(record, now=now, policy=rule)
        if step is Step.ANSWER:
            if record.holds_key_to_release:
                await self._resources.must_write()
            return Answer(record, (*remarks_on(record, now), *await self._of_renewal(config_name, record)))
        if config is None:
            return Answer(record, (answers.no_config(config_name, answers.SCM_CANNOT_BE_ASKED),))
        return await self._take_if_possible(step, Held(config_name, config, record), rule, caller)

    async def _take_if_possible(self, step: Step, held: Held, rule: RenewalPolicy, caller: Caller) -> Answer:
        if step is Step.SETTLE and self._runner.is_under_way(held.key):
            return Answer(held.record, (answers.BUSY,))
        await self._resources.must_write()
        if (hold := await self._hold(step, held)) is not None:
            return Answer(held.record, (hold, *remarks_on(held.record, self._resources.clock.now())))
        return await self.take(step, held, rule, caller)

    async def take(self, step: Step, held: Held, rule: RenewalPolicy, caller: Caller) -> Answer:
        """Do what is due.

        Raises:
            ConflictError, ScmError: in the background only.
        """
        match step:
            case Step.SETTLE:
                return await self._settle(held, caller)
            case Step.COLLECT:
                return await self._collect(held, caller)
            case Step.COLLECT_SUCCESSOR:
                return await self._collect_successor(held, rule)
            case Step.RENEW:
                return await self._renew(held, rule, caller)
            case Step.ANSWER:
                return Answer(held.record)

    async def key_answered(self, config_name: str, record: CertificateRecord, requested_by: str) -> None:
        """Delete a one-time private key that is about to be returned, and log to whom."""
        if record.holds_key_to_release:
            key = CertificateKey(config_name, record.unique_id)
            await self._resources.change(key, lambda stored: stored.with_keys_released(), requested_by=requested_by)

    async def carry_on(self, config_name: str, order_uuid: str) -> Answer | None:
        """Find out what became of an order that an earlier process, or a lost answer, has left.

        Returns:
            Its answer; None where there was nothing to find out.
        """
        config = await self._resources.repository.config(config_name)
        if config is None:
            return None
        order = await self._open_entry(config_name, order_uuid)
        return None if order is None else await self._runner.settle(Entry(config_name, config), order)

    async def adopt(self, config_name: str, order_uuid: str, scm_id: int) -> Answer | None:
        """Store the outcome of an enrolment whose mark was found at SCM; None where there was nothing to find out."""
        config = await self._resources.repository.config(config_name)
        order = await self._open_entry(config_name, order_uuid)
        if config is None or order is None or order.unique_id is not None:
            return None
        return await self._runner.adopt(Entry(config_name, config), order, scm_id)

    async def evidence(self, config_name: str, order_uuid: str) -> Evidence | None:
        """Look up an open order and store nothing; see `Runner.evidence`."""
        config = await self._resources.repository.config(config_name)
        order = await self._resources.repository.order(config_name, order_uuid)
        if config is None or order is None or self.is_under_way(config_name, order):
            return None
        return await self._runner.evidence(Entry(config_name, config), order)

    async def _open_entry(self, config_name: str, order_uuid: str) -> OrderRecord | None:
        """Return an entry whose outcome is not known, unless this process is working on it; put others in order."""
        order = await self._resources.repository.order(config_name, order_uuid)
        if order is None or self.is_under_way(config_name, order):
            return None
        return await self._journal.open_entry(config_name, order_uuid)

    def is_under_way(self, config_name: str, order: OrderRecord) -> bool:
        """Whether this process is placing an order, or working on its certificate."""
        if order.unique_id is not None:
            return self._runner.is_under_way(CertificateKey(config_name, order.unique_id))
        return self._enrolments.is_under_way(config_name, order.uuid)

    # Orders.

    async def _read_order(self, config_name: str, order_uuid: str, caller: Caller) -> Answer:
        repository = self._resources.repository
        if (sending := self._enrolments.being_sent(config_name, order_uuid)) is not None:
            return sending
        order = await repository.order(config_name, order_uuid)
        unique_id = await repository.certificate_of_order(config_name, order_uuid)
        if order is not None and not await self._resources.is_read_only():
            await self._open_entry(config_name, order_uuid)
        about = unique_id or (order.unique_id if order is not None else None)
        if about is not None:
            return await self.read(config_name, about, caller)
        if order is None:
            raise UnknownCertificateError(config_name, order_id(order_uuid))
        config = await repository.config(config_name)
        if config is None:
            return answers.of_order(order, answers.no_config(config_name, answers.CANNOT_BE_ASKED_ABOUT))
        await self._resources.must_write()
        entry = Entry(config_name, config)
        if (hold := await self._resources.clients.login_hold(entry)) is not None:
            return answers.of_order(order, hold.reason)
        answer = await self._runner.settle(entry, order)
        return answer if answer.record is None else await self.read(config_name, answer.record.unique_id, caller)

    # What a read finds.

    async def _of_renewal(self, config_name: str, record: CertificateRecord) -> Sequence[str]:
        """Say so where a certificate's renewal was deleted."""
        if record.renewed_to is None or record.revoked_at is not None:
            return ()
        renewal = await self._resources.repository.certificate(config_name, record.renewed_to)
        key = CertificateKey(config_name, record.unique_id)
        return () if renewal is not None else (answers.notice_of_deleted_renewal(key, record),)

    async def _hold(self, step: Step, held: Held) -> str | None:
        """Return why what is due is not done now, for the whole account."""
        clients = self._resources.clients
        if step is Step.RENEW and held.config.suspend_renewals:
            return answers.suspended(held.config_name)
        hold = await clients.login_hold(held)
        if hold is None and step is Step.RENEW:
            hold = clients.clock_hold(held.config)
        return None if hold is None else hold.reason

    async def _config_if_needed(
        self, config_name: str, record: CertificateRecord, said: tuple[WaitingAndRenewal, ...], now: datetime
    ) -> ConfigRecord | None:
        """Read the config entry only where it makes a difference: a plain read is one storage call."""
        explicit = any(flags.auto_renew is not None for flags in said)
        widest = RenewalPolicy(LONGEST_WINDOW, auto_renew=renewal_policy(*said).auto_renew if explicit else True)
        if next_step(record, now=now, policy=widest) is Step.ANSWER and record.renewed_to is None:
            return None
        return await self._resources.repository.config(config_name)

    async def _newest(self, config_name: str, record: CertificateRecord) -> CertificateRecord:
        """Follow the renewals to the newest that was collected; a deleted one ends the chain."""
        for _ in range(MAX_RENEWALS):
            if record.renewed_to is None:
                break
            following = await self._resources.repository.certificate(config_name, record.renewed_to)
            if following is None or following.current is None:
                break
            record = following
        return record

    # The steps.

    async def _settle(self, held: Held, caller: Caller) -> Answer:
        if self._runner.is_under_way(held.key):
            return Answer(held.record, (answers.BUSY,))
        order = await self._resources.repository.order(held.config_name, held.record.submitting or "")
        warnings: tuple[str, ...] = ()
        if order is None:
            await self._resources.change(held.key, lambda stored: _without_pointer(stored, held.record.submitting))
        else:
            answer = await self._runner.settle(held, order)
            if answer.record is None:
                return Answer(await self.stored(*held.key), answer.warnings)
            warnings = answer.warnings
        again = await self.read(*held.key, caller)
        return again if again.record is None else again.with_warnings(*warnings)

    async def _collect(self, held: Held, caller: Caller) -> Answer:
        if caller.is_background:
            return (await self._collector.once(held)).answer
        if caller.flags.max_timeout is None:
            return await self._collector.once_for_caller(held)
        waiting = waiting_of(held, caller.flags)
        limit = policy.caller_limit(held.config, waiting.max_timeout, caller.time_limit)
        run = ("wait", *held.key, waiting)
        if self._resources.tasks.running(run):
            self._collector.hurry(held.key)
        task = self._resources.tasks.join(
            run,
            lambda: self._collector.until_issued(held, waiting),
            name=f"wait for {held.key}",
        )
        done, _ = await asyncio.wait({task}, timeout=limit)
        return task.result() if done else await self._collector.time_is_over(held.key, held.record)

    async def _collect_successor(self, held: Held, rule: RenewalPolicy) -> Answer:
        key = CertificateKey(held.config_name, held.record.successor or UniqueId(""))
        successor = await self._resources.repository.certificate(*key)
        if successor is None:
            changed = await self._resources.change(
                held.key, lambda stored: stored.model_copy(update={"successor": None})
            )
            return Answer(changed or held.record)
        answer = Answer(successor)
        if successor.order is not None:
            answer = await self._collector.once_for_caller(held.with_record(successor))
        elif successor.current is not None:
            link = renewed(successor.unique_id, self._resources.clock.now())
            await self._resources.change(held.key, link, requested_by=successor.requested_by)
        return await self._old_or_new(held, answer, rule)

    async def _renew(self, held: Held, rule: RenewalPolicy, caller: Caller) -> Answer:
        request = RenewalRequest(is_automatic=True, requested_by=AUTOMATIC)
        if caller.is_background:
            with self._failures_logged(held):
                answer = await asyncio.shield(self._runner.begin(RENEWAL, held, request))
            if answer.record is None or answer.record.order is None:
                return answer
            return (await self._collector.once(held.with_record(answer.record))).answer
        waiting = waiting_of(held, caller.flags)
        try:
            with self._failures_logged(held):
                answer = await self._runner.run(RENEWAL, held, request, waiting, time_limit=caller.time_limit)
        except (ScmError, ConflictError) as error:  # a read does not fail because a renewal did
            return Answer(held.record, (answers.due_and_not_renewed(error),))
        return await self._old_or_new(held, answer, rule)

    @contextmanager
    def _failures_logged(self, held: Held) -> Iterator[None]:
        try:
            yield
        except RenewalHeldError:  # its record tells, or the clocks do
            raise
        except (ScmError, ConflictError) as error:
            self._log_failure(held, error)
            raise
        for name in ("", held.record.unique_id):
            self._failing.pop((held.config_name, name), None)

    def _log_failure(self, held: Held, error: ScmError | ConflictError) -> None:
        """Say why nothing was ordered, when that begins: of a spent budget and an SCM that is away, once for all."""
        if isinstance(error, ScmError) and error.operation == OrderOperation.RENEW:
            return  # the runner has said what SCM says to an order
        is_of_all = isinstance(error, OrderLimitError | ScmUnavailableError)
        key = (held.config_name, "" if is_of_all else held.record.unique_id)
        why = "SCM is away" if isinstance(error, ScmUnavailableError) else str(error)
        if self._failing.get(key) == why:
            return
        self._failing[key] = why
        event = LogEvent.RENEWAL_HELD if isinstance(error, OrderLimitError) else LogEvent.RENEWAL_FAILED
        values = {"requested_by": AUTOMATIC, **of_error(error)}
        self._resources.log.certificate(event, held.config_name, held.record, **values)

    async def _old_or_new(self, held: Held, answer: Answer, rule: RenewalPolicy) -> Answer:
        """Answer the renewal once it is there, and the old certificate, which is still valid, until then."""
        if answer.record is None:
            return Answer(held.record, answer.warnings)
        if answer.record.current is None:
            warnings = (answers.being_renewed(answer.record), *answer.warnings)
            return Answer(await self.stored(*held.key), warnings, in_work=answer.in_work)
        return answer if rule.read_renewed_cert else Answer(await self.stored(*held.key))


def _without_pointer(record: CertificateRecord, order_uuid: str | None) -> CertificateRecord:
    """Return the record without its pointer at an entry that is gone; by now it may point at another one."""
    return record.model_copy(update={"submitting": None}) if record.submitting == order_uuid else record


def waiting_of(held: Held, flags: WaitingAndRenewal) -> Waiting:
    """Return the waiting that holds for a certificate: the request's, what was stored, the entry's."""
    return policy.waiting(flags, held.record.requested.waiting, held.config.defaults)
