"""Collecting: from an order in flight to the certificate in hand."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import datetime

from sectigo_vault_pki.errors import OtherKeyError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.collect.polling import Watcher
from sectigo_vault_pki.lifecycle.event_log import about_certificate
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry, Held
from sectigo_vault_pki.lifecycle.journal import Journal
from sectigo_vault_pki.lifecycle.newest_chains import NewestChains
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.backoff import (
    LONGEST_EARLY_PAUSE,
    Pauses,
    doubt_about_renewal_ends,
    may_give_up,
)
from sectigo_vault_pki.lifecycle.rules.evidence import (
    change_of,
    event_of,
    renewal_failed,
    renewed,
    timed_out,
    with_fitting_key,
)
from sectigo_vault_pki.lifecycle.rules.policy import Waiting
from sectigo_vault_pki.lifecycle.rules.states import (
    Collected,
    CollectEvent,
    OrderState,
    StillProcessing,
    Trouble,
    Unreachable,
    advance,
)
from sectigo_vault_pki.pki import Authorities
from sectigo_vault_pki.scm import CERTIFICATE_APIS, is_final
from sectigo_vault_pki.scm import Collected as Delivered
from sectigo_vault_pki.store import CertificateRecord, OrderInFlight, OrderOperation

_log = logging.getLogger(__name__)

MAX_FUTILE_WAKES = 2
"""Of one order by SCM's list; one that is still being processed then is in a state that the list does not tell."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one call to SCM led to; the order is asked for again while its state is `PENDING`.

    Attributes:
        is_in_work: SCM answered that it is not issued yet.
    """

    record: CertificateRecord
    state: OrderState
    warnings: tuple[str, ...] = ()
    is_in_work: bool = False

    @property
    def answer(self) -> Answer:
        return Answer(self.record, self.warnings)


@dataclass(eq=False, slots=True)
class _Wait:
    """One run of asking for a certificate again and again, for one caller or several.

    Attributes:
        pauses: between one time and the next.
        cut: ends the present pause; None while there is none.
        paused_at: the loop's time when it began.
        wakes: how often SCM's list has ended one.
    """

    pauses: Pauses
    cut: asyncio.Timeout | None = field(default=None, repr=False)
    paused_at: float = 0.0
    wakes: int = 0

    def hurry(self, now: float) -> None:
        """Pause as in the beginning, for another caller; a pause that lasts longer ends as such a one would."""
        self.pauses.begin_again()
        if self.cut is not None and not self.cut.expired():
            self.cut.reschedule(max(now, self.paused_at + LONGEST_EARLY_PAUSE))


class Collector:
    """Asks SCM for certificates, and stores what comes."""

    def __init__(self, resources: Resources, journal: Journal, chains: NewestChains) -> None:
        self._resources = resources
        self._journal = journal
        self._chains = chains
        self._watcher = Watcher(resources)
        self._authorities = Authorities()
        self._waits: dict[CertificateKey, list[_Wait]] = {}
        self._in_work: set[CertificateKey] = set()

    async def once_for_caller(self, held: Held) -> Answer:
        """Ask once, for a caller who does not wait."""
        asked = await self.once(held)
        if asked.state is not OrderState.PENDING:
            return asked.answer
        late = await self.time_is_over(held.key, asked.record)
        in_work = asked.record.scm_id if asked.is_in_work else None
        return Answer(late.record, asked.warnings + late.warnings, in_work=in_work)

    async def until_issued(self, held: Held, waiting: Waiting) -> Answer:
        """Ask until the certificate is there, SCM gives a reason why it is not, or the time is over.

        Args:
            held: the certificate.
            waiting: for how long, and how often.
        """
        wait = _Wait(Pauses(waiting.loop_period))
        self._waits.setdefault(held.key, []).append(wait)
        try:
            return await self._until_issued(held, waiting, wait)
        finally:
            self._waits[held.key].remove(wait)
            if not self._waits[held.key]:
                del self._waits[held.key]
                self._in_work.discard(held.key)

    def hurry(self, key: CertificateKey) -> None:
        """Note that one more caller begins to wait for a certificate that is asked for already."""
        for wait in self._waits.get(key, ()):
            wait.hurry(asyncio.get_running_loop().time())

    async def _until_issued(self, held: Held, waiting: Waiting, wait: _Wait) -> Answer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + waiting.max_timeout
        while (remaining := deadline - loop.time()) > 0:
            asked = await self.once(held)
            (self._in_work.add if asked.is_in_work else self._in_work.discard)(held.key)
            # Most certificates are there at once: until then the write-ahead entry leads to the record.
            await self._journal.hand_over_if_stored_now(held.key, held.record.order_uuid)
            if asked.state is not OrderState.PENDING:
                return asked.answer
            held = held.with_record(asked.record)
            if await self._is_woken(held, wait, remaining):
                # It is not pending any more, as far as SCM's list says: the certificate comes in a moment.
                wait.pauses, wait.wakes = Pauses(waiting.loop_period), wait.wakes + 1
        return await self.time_is_over(held.key, held.record)

    async def _is_woken(self, held: Held, wait: _Wait, remaining: float) -> bool:
        """Pause; return whether SCM's list ended that."""
        wait.paused_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(None) as wait.cut:
                if wait.wakes < MAX_FUTILE_WAKES:
                    return await self._watcher.pause(held, wait.pauses, remaining=remaining)
                await asyncio.sleep(min(next(wait.pauses), remaining))
        except TimeoutError:  # one more caller waits
            pass
        finally:
            wait.cut = None
        return False

    async def until_issued_or_as_ordered(self, held: Held, waiting: Waiting) -> Answer:
        """Do the same for an order just accepted: storage that fails meanwhile must not make clients order again."""
        return await _or_as_ordered(self.until_issued(held, waiting), held.key, held.record)

    async def time_is_over_or_as_ordered(self, key: CertificateKey, record: CertificateRecord) -> Answer:
        """Note that a caller could not wait any longer, if storage lets us."""
        return await _or_as_ordered(self.time_is_over(key, record), key, record)

    def is_waiting(self, key: CertificateKey) -> bool:
        """Whether a caller, or an order's own task, asks for the certificate again and again."""
        return key in self._waits

    async def once(self, held: Held) -> Asked:
        """Ask once; concurrent calls for one certificate ask once together."""
        task = self._resources.tasks.join(
            ("collect", *held.key), lambda: self._collect(held.key, held.record), name=f"collect {held.key}"
        )
        return await asyncio.shield(task)

    async def time_is_over(self, key: CertificateKey, record: CertificateRecord) -> Answer:
        """Note that a caller could not wait any longer."""
        now = self._resources.clock.now()
        changed = await self._resources.change(key, lambda current: timed_out(current, now))
        answered = changed or record
        if answered.order is None:
            return Answer(answered)
        in_work = answered.scm_id if key in self._in_work else None
        return Answer(answered, (answers.time_is_over(key),), in_work=in_work)

    async def _collect(self, key: CertificateKey, record: CertificateRecord) -> Asked:
        resources = self._resources
        config = await resources.repository.config(key.config_name)
        if config is None:
            warning = answers.no_config(key.config_name, answers.CERTIFICATE_CANNOT_BE_ASKED_FOR)
            return Asked(record, OrderState.STUCK, (warning,))
        if record.order is None:
            return Asked(record, OrderState.COLLECTED)
        event, order = await self._ask(Entry(key.config_name, config).holding(record), record.order)
        state = advance(OrderState.STUCK if record.order.in_trouble else OrderState.PENDING, event)
        changed = await resources.change(key, change_of(event, order, resources.clock.now())) or record
        await self._tell_predecessor(key.config_name, changed, event, order)
        if isinstance(event, Collected):
            await self._chains.note(key.config_name, changed)
        warnings = answers.of_collecting(event, key)
        if order.key_digest != record.order.key_digest:
            warnings += (answers.OTHER_KEY,)
        state = OrderState.COLLECTED if changed.order is None else state
        return Asked(changed, state, warnings, isinstance(event, StillProcessing) and changed.order is not None)

    async def _tell_predecessor(
        self, config_name: str, record: CertificateRecord, event: CollectEvent, order: OrderInFlight
    ) -> None:
        if record.renewed_from is None:
            return
        now, predecessor = self._resources.clock.now(), CertificateKey(config_name, record.renewed_from)
        match event:
            case Trouble(ScmRefusedError() as refusal) if is_final(refusal.operation, refusal.code):
                change = renewal_failed(record.unique_id, order.uuid, str(refusal), now)
            case Trouble(OtherKeyError()) if await self._is_given_up(predecessor, record, order, now):
                change = renewal_failed(record.unique_id, order.uuid, answers.not_the_renewal(record.scm_id), now)
            case _ if record.current is not None:
                change = renewed(record.unique_id, now)
            case _:
                return
        await self._resources.change(predecessor, change, requested_by=record.requested_by)

    async def _is_given_up(
        self, predecessor: CertificateKey, record: CertificateRecord, order: OrderInFlight, now: datetime
    ) -> bool:
        """Whether a renewal that is none has stopped another one for as long as a lost one does."""
        if record.current is not None:
            return False
        renewing = await self._resources.repository.certificate(*predecessor)
        if renewing is None or renewing.current is None:
            return False
        return now >= doubt_about_renewal_ends(renewing.current, order.accepted_at)

    async def _ask(self, held: Held, order: OrderInFlight) -> tuple[CollectEvent, OrderInFlight]:
        """Return what SCM's answer means, and the order with the key that the answer has."""
        record = held.record
        try:
            async with self._resources.clients.lend(held) as client:
                result = await CERTIFICATE_APIS[record.certificate_type].collect(client, record.scm_id)
        except ScmUnavailableError as error:
            return Unreachable(error), order
        except ScmRefusedError as error:
            return Trouble(error, error.code, error.description), order
        if not isinstance(result, Delivered):
            return StillProcessing(), order
        event = event_of(result.content, record, order, self._authorities)
        if isinstance(event, StillProcessing) and self._is_overdue(record, order):
            overdue = answers.overdue_replacement()
            return Trouble(overdue, None, str(overdue)), order
        if isinstance(event, Trouble) and record.renewed_from is not None:
            predecessor = await self._resources.repository.certificate(held.config_name, record.renewed_from)
            if predecessor is not None:
                order = with_fitting_key(order, result.content, predecessor)
                event = event_of(result.content, record, order, self._authorities)
        return event, order

    def _is_overdue(self, record: CertificateRecord, order: OrderInFlight) -> bool:
        if record.current is None or order.operation is not OrderOperation.REPLACE:
            return False
        return may_give_up(self._resources.clock.now() - order.accepted_at, record.current)


async def _or_as_ordered(work: Awaitable[Answer], key: CertificateKey, record: CertificateRecord) -> Answer:
    try:
        return await work
    except Exception:  # noqa: BLE001  an error would have clients order again; the log has it
        _log.exception(
            "an accepted order could not be carried on", extra={"kv": about_certificate(key.config_name, record)}
        )
        return Answer(record, (answers.outcome_not_stored(key),))
