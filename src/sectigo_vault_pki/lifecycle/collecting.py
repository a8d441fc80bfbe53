"""Collecting: from an order in flight to the certificate in hand."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sectigo_vault_pki.errors import ChainError, OtherKeyError, ScmRefusedError, ScmUnavailableError, UnknownConfigError
from sectigo_vault_pki.lifecycle.answers import CertificateAnswer
from sectigo_vault_pki.lifecycle.judging import CollectEvent, change_of, event_of, with_fitting_key
from sectigo_vault_pki.lifecycle.order_log import of_certificate
from sectigo_vault_pki.lifecycle.policy import Waiting, doubt_about_renewal_ends, may_give_up, pauses
from sectigo_vault_pki.lifecycle.renewal import renewal_failed, renewed
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.states import (
    Collected,
    IssuersMissing,
    OrderState,
    StillProcessing,
    Trouble,
    advance,
)
from sectigo_vault_pki.lifecycle.watching import Watcher
from sectigo_vault_pki.pki import Authorities
from sectigo_vault_pki.scm import CERTIFICATE_APIS, is_final
from sectigo_vault_pki.scm import Collected as ScmCollected
from sectigo_vault_pki.store import (
    CertificateRecord,
    ConfigRecord,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    Status,
    UniqueId,
)

_log = logging.getLogger(__name__)

Deed: TypeAlias = Callable[[], Awaitable[None]]

MAX_FUTILE_WAKES = 2
"""Of one order by SCM's list; one that is still being processed then is in a state that the list does not tell."""

OTHER_KEY = (
    "SCM made the renewal with another key that the renewed certificate had: replace it if that key must not be used"
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one call to SCM led to; `goes_on` while the order is being processed."""

    answer: CertificateAnswer
    goes_on: bool


class Collector:
    """Asks SCM for certificates, and stores what comes."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._watcher = Watcher(resources)
        self._authorities = Authorities()
        self._waiting: Counter[tuple[str, UniqueId]] = Counter()

    async def once_for_caller(self, config_name: str, record: CertificateRecord) -> CertificateAnswer:
        """Ask once, for a caller who does not wait."""
        attempt = await self.once(config_name, record)
        if not attempt.goes_on:
            return attempt.answer
        answer = await self.time_is_over(config_name, attempt.answer.record)
        return CertificateAnswer(answer.record, attempt.answer.warnings + answer.warnings)

    async def until_issued(
        self, config_name: str, record: CertificateRecord, waiting: Waiting, *, after_asking: Deed | None = None
    ) -> CertificateAnswer:
        """Ask until the certificate is there, SCM gives a reason why it is not, or the time is over.

        Args:
            config_name: the config entry it was ordered under.
            record: what is stored of it.
            waiting: for how long, and how often.
            after_asking: done each time SCM has been asked and its answer is stored.
        """
        asked_for = config_name, record.unique_id
        self._waiting[asked_for] += 1
        try:
            return await self._until_issued(config_name, record, waiting, after_asking)
        finally:
            self._waiting[asked_for] -= 1
            if not self._waiting[asked_for]:
                del self._waiting[asked_for]

    async def _until_issued(
        self, config_name: str, record: CertificateRecord, waiting: Waiting, after_asking: Deed | None
    ) -> CertificateAnswer:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + waiting.max_timeout
        own_pauses, wakes = pauses(waiting.loop_period), 0
        while (remaining := deadline - loop.time()) > 0:
            attempt = await self.once(config_name, record)
            if after_asking is not None:
                await after_asking()
            if not attempt.goes_on:
                return attempt.answer
            record = attempt.answer.record
            if wakes == MAX_FUTILE_WAKES:
                await asyncio.sleep(min(next(own_pauses), remaining))
            elif await self._watcher.pause(config_name, record, own_pauses, remaining=remaining):
                # It is not pending any more, as far as SCM's list says: the certificate comes in a moment.
                own_pauses, wakes = pauses(waiting.loop_period), wakes + 1
        return await self.time_is_over(config_name, record)

    async def until_issued_or_as_ordered(
        self, config_name: str, record: CertificateRecord, waiting: Waiting, *, after_asking: Deed | None = None
    ) -> CertificateAnswer:
        """Do the same for an order just accepted: storage that fails meanwhile must not make clients order again."""
        asking = self.until_issued(config_name, record, waiting, after_asking=after_asking)
        return await _or_as_ordered(asking, config_name, record)

    async def time_is_over_or_as_ordered(self, config_name: str, record: CertificateRecord) -> CertificateAnswer:
        """Note that a caller could not wait any longer, if storage lets us."""
        return await _or_as_ordered(self.time_is_over(config_name, record), config_name, record)

    def is_waiting(self, config_name: str, unique_id: UniqueId) -> bool:
        """Whether a caller, or an order's own task, asks for the certificate again and again."""
        return (config_name, unique_id) in self._waiting

    async def once(self, config_name: str, record: CertificateRecord) -> Attempt:
        """Ask once; concurrent calls for one certificate ask once together."""
        task = self._resources.tasks.join(
            ("collect", config_name, record.unique_id),
            lambda: self._collect(config_name, record),
            name=f"collect {config_name}/{record.unique_id}",
        )
        return await asyncio.shield(task)

    async def time_is_over(self, config_name: str, record: CertificateRecord) -> CertificateAnswer:
        """Note that a caller could not wait any longer."""
        now = self._resources.clock.now()
        changed = await self._resources.change(config_name, record.unique_id, lambda current: _timed_out(current, now))
        answered = changed or record
        if answered.order is None:
            return CertificateAnswer(answered)
        warning = (
            f"the certificate is not issued yet: the order is saved, and reading certs/{config_name}/"
            f"{record.unique_id} collects it"
        )
        return CertificateAnswer(answered, (warning,))

    async def _collect(self, config_name: str, record: CertificateRecord) -> Attempt:
        resources = self._resources
        config = await resources.repository.config(config_name)
        if config is None:
            warning = f"{UnknownConfigError(config_name)}: SCM cannot be asked for the certificate"
            return Attempt(CertificateAnswer(record, (warning,)), goes_on=False)
        if record.order is None:
            return Attempt(CertificateAnswer(record), goes_on=False)
        event, order = await self._ask(config_name, config, record, record.order)
        state = advance(OrderState.PENDING, event)
        change = change_of(event, order, resources.clock.now())
        changed = await resources.change(config_name, record.unique_id, change) or record
        _log.debug("asked for a certificate", extra=of_certificate(config_name, record, state=state.name.lower()))
        await self._tell_predecessor(config_name, changed, event, order)
        goes_on = isinstance(event, StillProcessing | IssuersMissing) and changed.order is not None
        warnings = _warnings(event, config_name, record.unique_id)
        if order.key_digest != record.order.key_digest:
            warnings += (OTHER_KEY,)
        return Attempt(CertificateAnswer(changed, warnings), goes_on)

    async def _tell_predecessor(
        self, config_name: str, record: CertificateRecord, event: CollectEvent, order: OrderInFlight
    ) -> None:
        if record.renewed_from is None:
            return
        now = self._resources.clock.now()
        match event:
            case Trouble(ScmRefusedError() as refusal) if is_final(refusal.operation, refusal.code):
                change = renewal_failed(record.unique_id, order.uuid, str(refusal), now)
            case Trouble(OtherKeyError()) if await self._is_given_up(config_name, record, order, now):
                text = f"SCM named {record.scm_id} as the renewal, which is a certificate with another key"
                change = renewal_failed(record.unique_id, order.uuid, text, now)
            case _ if record.current is not None:
                change = renewed(record.unique_id, now)
            case _:
                return
        await self._resources.change(config_name, record.renewed_from, change)

    async def _is_given_up(
        self, config_name: str, record: CertificateRecord, order: OrderInFlight, now: datetime
    ) -> bool:
        """Whether a renewal that is none has stopped another one for as long as a lost one does."""
        if record.renewed_from is None or record.current is not None:
            return False
        predecessor = await self._resources.repository.certificate(config_name, record.renewed_from)
        if predecessor is None or predecessor.current is None:
            return False
        return now >= doubt_about_renewal_ends(predecessor.current, order.accepted_at)

    async def _ask(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, order: OrderInFlight
    ) -> tuple[CollectEvent, OrderInFlight]:
        """Return what SCM's answer means, and the order with the key that the answer has."""
        try:
            async with self._resources.clients.lend(config_name, config) as client:
                result = await CERTIFICATE_APIS[record.certificate_type].collect(client, record.scm_id)
        except ScmUnavailableError as error:
            return StillProcessing(trouble=error), order
        except ScmRefusedError as error:
            return Trouble(error, error.code, error.description), order
        if not isinstance(result, ScmCollected):
            return StillProcessing(), order
        event = event_of(result.content, record, order, self._authorities)
        if isinstance(event, StillProcessing) and self._is_overdue(record, order):
            overdue = ChainError("SCM took the replacement, and still delivers the certificate that was to be replaced")
            return Trouble(overdue, None, str(overdue)), order
        if isinstance(event, Trouble) and record.renewed_from is not None:
            predecessor = await self._resources.repository.certificate(config_name, record.renewed_from)
            if predecessor is not None:
                order = with_fitting_key(order, result.content, predecessor)
                event = event_of(result.content, record, order, self._authorities)
        return event, order

    def _is_overdue(self, record: CertificateRecord, order: OrderInFlight) -> bool:
        if record.current is None or order.operation is not OrderOperation.REPLACE:
            return False
        return may_give_up(self._resources.clock.now() - order.accepted_at, record.current)


async def _or_as_ordered(
    work: Awaitable[CertificateAnswer], config_name: str, record: CertificateRecord
) -> CertificateAnswer:
    try:
        return await work
    except Exception:  # noqa: BLE001  an error would have clients order again; the log has it
        _log.exception("an accepted order could not be carried on", extra=of_certificate(config_name, record))
        warning = (
            f"what came of the order could not be stored: it stands as ordered, and reading certs/{config_name}/"
            f"{record.unique_id} collects it"
        )
        return CertificateAnswer(record, (warning,))


def _timed_out(record: CertificateRecord, now: datetime) -> CertificateRecord:
    if record.order is None:
        return record
    return record.with_history(HistoryEntry(status=Status.TIMEOUT_STATE_SAVED, at=now))


def _warnings(event: CollectEvent, config_name: str, unique_id: UniqueId) -> tuple[str, ...]:
    again = f"reading certs/{config_name}/{unique_id} asks again"
    match event:
        case Trouble(ScmRefusedError() as refusal) if is_final(refusal.operation, refusal.code):
            return (f"the certificate does not come: {refusal}",)
        case Trouble(error):
            return (f"the order is saved, and the certificate could not be collected: {error}; {again}",)
        case StillProcessing(trouble=None) | IssuersMissing() | Collected():
            return ()
        case StillProcessing(trouble):
            return (f"the certificate could not be asked for: {trouble}; {again}",)
