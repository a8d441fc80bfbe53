"""What background work does for one certificate or one write-ahead entry: what a read would do, without waiting."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.held import CertificateKey, Held
from sectigo_vault_pki.lifecycle.order_log import of_order
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.rules.backoff import LONGEST_REST, rest_between_ticks
from sectigo_vault_pki.lifecycle.rules.policy import Step
from sectigo_vault_pki.lifecycle.rules.renewal_rule import RenewalPolicy, renewal_policy
from sectigo_vault_pki.lifecycle.steps import BACKGROUND, Steps
from sectigo_vault_pki.store import (
    AgendaEntry,
    CertificateRecord,
    ConfigRecord,
    agenda_keys,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A write-ahead entry that an earlier process, or a lost answer, has left."""

    key: str
    config_name: str
    order_uuid: str

    @property
    def name(self) -> str:
        return f"{self.config_name}/order-{self.order_uuid}"


@dataclass(frozen=True, slots=True)
class DueCertificate:
    """A certificate that the agenda names."""

    entry: AgendaEntry

    @property
    def key(self) -> str:
        return self.entry.key

    @property
    def config_name(self) -> str:
        return self.entry.config_name

    @property
    def certificate(self) -> CertificateKey:
        return CertificateKey(self.entry.config_name, self.entry.unique_id)

    @property
    def name(self) -> str:
        return str(self.certificate)


Item = OpenOrder | DueCertificate


@dataclass(frozen=True, slots=True)
class Task:
    """Something that SCM is to be asked for.

    Attributes:
        expires_at: of a certificate to renew; None: it is another step.
    """

    item: Item
    config: ConfigRecord
    step: Step
    expires_at: datetime | None = None


class DueWork:
    """Finds out what is to be done for an item, and has it done.

    Args:
        resources: the backend's.
        steps: does it.
        is_busy: whether this process is working on a certificate, or waiting for it.
    """

    def __init__(self, resources: Resources, steps: Steps, is_busy: Callable[[CertificateKey], bool]) -> None:
        self._resources = resources
        self._steps = steps
        self._is_busy = is_busy
        self._asked_at: dict[str, datetime] = {}

    def forget_old(self, now: datetime) -> None:
        """Drop the times that decide nothing any more, and those of a clock that was wrong."""
        recent = now - LONGEST_REST
        self._asked_at = {key: at for key, at in self._asked_at.items() if recent < at <= now}

    async def task_for(self, item: Item, config: ConfigRecord | None) -> Task | None:
        """Return what SCM is to be asked for; None where nothing is due, or only storage had to be put in order."""
        if isinstance(item, OpenOrder):
            return await self._task_for_order(item, config)
        return await self._task_for_certificate(item, config)

    async def _task_for_order(self, item: OpenOrder, config: ConfigRecord | None) -> Task | None:
        order = await self._resources.repository.order(item.config_name, item.order_uuid)
        if order is None or config is None or not self._is_time_for(item.key, order.created_at):
            return None
        return Task(item, config, Step.SETTLE)

    async def _task_for_certificate(self, item: DueCertificate, config: ConfigRecord | None) -> Task | None:
        entry, key, now = item.entry, item.certificate, self._resources.clock.now()
        record = await self._resources.repository.certificate(*key)
        if record is None or entry.key not in agenda_keys(entry.config_name, record):
            await self._put_agenda_in_order(entry, record)
            return None
        if policy.is_key_overdue(record, now):
            await self._resources.change(key, lambda held: held.with_keys_released())
            return None
        if config is None or self._is_busy(key):
            return None
        step, _ = _step_for(record, config, now)
        if step is Step.ANSWER or await self._is_on_the_agenda_otherwise(step, key, record):
            return None
        since = now if step is Step.RENEW or record.order is None else record.order.accepted_at
        if not self._is_time_for(entry.key, since):
            return None
        expires_at = record.current.not_after if step is Step.RENEW and record.current is not None else None
        return Task(item, config, step, expires_at)

    async def do(self, task: Task) -> Answer | None:
        """Ask SCM; return what came of it, where there is an answer to look at.

        Raises:
            ConflictError, ScmError, OrderLimitError, RenewalHeldError, StorageMovedError: see `Steps.take`.
        """
        self._asked_at[task.item.key] = self._resources.clock.now()
        if isinstance(task.item, OpenOrder):
            return await self._look_for(task.item)
        key = task.item.certificate
        record = await self._resources.repository.certificate(*key)
        if record is None:
            return None
        step, rule = _step_for(record, task.config, self._resources.clock.now())
        if step is not task.step:  # somebody has said no, or did it, since the run began
            return None
        return await self._steps.take(step, Held(key.config_name, task.config, record), rule, BACKGROUND)

    async def _look_for(self, item: OpenOrder) -> Answer | None:
        carried_on = await self._steps.carry_on(item.config_name, item.order_uuid)
        if carried_on is None:
            return None
        order, answer = carried_on
        found = None if answer.record is None else answer.record.unique_id
        level = logging.DEBUG if found is None else logging.INFO  # what is not found is looked for again and again
        extra = of_order(item.config_name, order, found=found or "not yet")
        _log.log(level, "an open order was looked for", extra=extra)
        return answer

    async def _is_on_the_agenda_otherwise(self, step: Step, key: CertificateKey, record: CertificateRecord) -> bool:
        """Whether what is open is carried on by its own write-ahead entry, or as its own certificate."""
        if step in {Step.COLLECT, Step.RENEW}:
            return False
        repository = self._resources.repository
        if step is Step.SETTLE and record.submitting is not None:
            return await repository.order(key.config_name, record.submitting) is not None
        if record.successor is None:
            return False
        successor = await repository.certificate(key.config_name, record.successor)
        return successor is not None and successor.order is not None

    async def _put_agenda_in_order(self, entry: AgendaEntry, record: CertificateRecord | None) -> None:
        """Remove an entry that leads nowhere any more, after those are there that should be."""
        if record is not None:
            await self._resources.repository.put_index_entries(entry.config_name, record)
        await self._resources.repository.drop_from_agenda(entry)

    def _is_time_for(self, what: str, since: datetime) -> bool:
        """Whether something open since then is to be asked for again."""
        asked_at, now = self._asked_at.get(what), self._resources.clock.now()
        return asked_at is None or asked_at > now or now - asked_at >= rest_between_ticks(now - since)


def _step_for(record: CertificateRecord, config: ConfigRecord, now: datetime) -> tuple[Step, RenewalPolicy]:
    rule = renewal_policy(record.requested.waiting, config.defaults)
    return policy.next_step(record, now=now, policy=rule), rule
