"""Background work, on the host's tick: open orders are settled and collected, due certificates renewed.

One run looks at what the agenda names (`store/agenda.py`) and does what a read would, without waiting. What it begins
is bounded; the next run goes on behind the last one's end. Whatever fails is tried again by a later run, or by a read.
"""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sectigo_vault_pki.errors import RecordError, SectigoVaultPkiError
from sectigo_vault_pki.lifecycle import policy
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.collecting import Collector
from sectigo_vault_pki.lifecycle.operations import Operations, waiting_of
from sectigo_vault_pki.lifecycle.policy import Step
from sectigo_vault_pki.lifecycle.reading import Reader
from sectigo_vault_pki.lifecycle.renewal import RenewalRequest
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.resuming import Resumer
from sectigo_vault_pki.lifecycle.status import BackgroundRun
from sectigo_vault_pki.store import (
    AgendaEntry,
    CertificateRecord,
    ConfigRecord,
    StorageError,
    WaitingAndRenewal,
    agenda_keys,
)

_log = logging.getLogger(__name__)

MAX_DEEDS = 500
"""What one run asks of SCM at most."""

AT_ONCE = 8
"""Certificates that are looked at together."""


@dataclass(frozen=True, slots=True)
class _Due:
    """One certificate on the agenda."""

    entry: AgendaEntry
    config: ConfigRecord | None


class Background:
    """Runs once for each tick, on the node that may write."""

    def __init__(
        self,
        resources: Resources,
        *,
        collector: Collector,
        operations: Operations,
        reader: Reader,
        resumer: Resumer,
    ) -> None:
        self._resources = resources
        self._collector = collector
        self._operations = operations
        self._reader = reader
        self._resumer = resumer
        self._asked_at: dict[str, datetime] = {}
        self._found_out: set[str] = set()
        self._last = ""
        self.last_run: BackgroundRun | None = None

    async def run(self) -> None:
        """Do what is due, some seconds from now.

        A host sends its last tick right before it takes the mount away (plugin-protocol.md 1.5), and nothing may be
        ordered then.
        """
        await asyncio.sleep(self._resources.jitter())
        if await self._resources.is_read_only():
            return
        self.last_run = BackgroundRun(self._resources.clock.now())
        self._found_out.clear()
        try:
            await self._complete_agenda()
            await self._carry_orders_on()
            await self._look_at_all(await self._due())
        except StorageError as error:
            self._tell("the background work was cut short", error)
        except Exception:  # noqa: BLE001  nobody waits for a run, and the next tick begins another
            self._note(error="the background work failed in a way that it should not; the server's log has more")
            _log.exception("the background work failed in a way that it should not")
        self._note(ended_at=self._resources.clock.now())

    async def _complete_agenda(self) -> None:
        """Write, once, the entries of certificates that were stored before there was an agenda."""
        repository = self._resources.repository
        try:
            if await repository.is_agenda_complete():
                return
        except RecordError as error:
            self._tell("the agenda is completed anew", error)
        for config_name in await repository.configs_with_certificates():
            for unique_id in await repository.unique_ids(config_name):
                try:
                    record = await self._reader.stored(config_name, unique_id)
                except SectigoVaultPkiError as error:
                    words = "a certificate is left out of the background work"
                    self._tell(words, error, config=config_name, unique_id=unique_id)
                    continue
                await repository.put_index_entries(config_name, record)
        await repository.put_agenda_complete()

    async def _carry_orders_on(self) -> None:
        repository, now = self._resources.repository, self._resources.clock.now()
        for config_name in await repository.configs_with_orders():
            for order_uuid in await repository.order_uuids(config_name):
                await self._guarded(self._carry_on(config_name, order_uuid, now), config_name)

    async def _carry_on(self, config_name: str, order_uuid: str, now: datetime) -> None:
        order = await self._resources.repository.order(config_name, order_uuid)
        if order is not None and self._is_time_for(order_uuid, order.created_at, now):
            self._asked_at[order_uuid] = now
            await self._resumer.carry_on(config_name, order_uuid)

    async def _due(self) -> Sequence[_Due]:
        """Return what the agenda names for today, behind the last run's end first."""
        repository, now = self._resources.repository, self._resources.clock.now()
        configs = await self._configs()
        windows = {name: policy.renewal_policy(config.defaults).expiry_window for name, config in configs.items()}
        last_days = {name: policy.date_after(now, window) for name, window in windows.items()}
        by_hand = {name for name, config in configs.items() if config.defaults.auto_renew is False}
        found = sorted(
            {
                *await repository.pending(),
                *await repository.renewals_until(now.date()),
                *await repository.expiring_until(last_days, by_hand=by_hand),
            }
        )
        self._asked_at = {key: at for key, at in self._asked_at.items() if at > now - policy.LONGEST_REST}
        behind = bisect_right(found, self._last, key=lambda entry: entry.key)
        return [_Due(entry, configs.get(entry.config_name)) for entry in (*found[behind:], *found[:behind])]

    async def _configs(self) -> dict[str, ConfigRecord]:
        repository = self._resources.repository
        configs = {}
        for name in await repository.config_names():
            try:
                config = await repository.config(name)
            except RecordError as error:
                self._tell("a config entry cannot be read", error, config=name)
                continue
            if config is not None:
                configs[name] = config
        return configs

    async def _look_at_all(self, due: Iterable[_Due]) -> None:
        waiting = iter(due)
        deeds = 0

        async def look_at_some() -> None:
            nonlocal deeds
            while deeds < MAX_DEEDS and (next_due := next(waiting, None)) is not None:
                self._last = next_due.entry.key
                if await self._guarded(self._look_at(next_due), next_due.entry.config_name):
                    deeds += 1
                    self._note(deeds=deeds)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(look_at_some())

    async def _look_at(self, due: _Due) -> bool:
        """Do what is due for one certificate; return whether SCM was asked for something."""
        entry, config, now = due.entry, due.config, self._resources.clock.now()
        record = await self._resources.repository.certificate(entry.config_name, entry.unique_id)
        if record is None or entry.key not in agenda_keys(entry.config_name, record):
            await self._tidy(entry, record)
            return False
        if policy.is_key_overdue(record, now):
            await self._resources.change(entry.config_name, entry.unique_id, lambda held: held.with_keys_released())
            return False
        if config is None or self._is_busy(entry):
            return False
        said = record.requested.waiting
        step = policy.next_step(record, now=now, policy=policy.renewal_policy(said, config.defaults))
        if step is Step.ANSWER or await self._is_on_the_agenda_otherwise(step, entry, record):
            return False
        since = now if step is Step.RENEW or record.order is None else record.order.accepted_at
        return self._is_time_for(entry.key, since, now) and await self._ask(step, entry, config, record)

    async def _ask(self, step: Step, entry: AgendaEntry, config: ConfigRecord, record: CertificateRecord) -> bool:
        """Do what is due; of an SCM that does not answer, each run finds out once whether it does again."""
        if self._resources.clients.is_answered(entry.config_name):
            await self._do(step, entry, config, record)
            return True
        async with self._resources.locks.hold("unanswered", entry.config_name):
            is_known_to_be_away = entry.config_name in self._found_out
            if is_known_to_be_away and not self._resources.clients.is_answered(entry.config_name):
                return False
            self._found_out.add(entry.config_name)
            await self._do(step, entry, config, record)
        return True

    async def _do(self, step: Step, entry: AgendaEntry, config: ConfigRecord, record: CertificateRecord) -> None:
        self._asked_at[entry.key] = self._resources.clock.now()
        match step:
            case Step.COLLECT:
                await self._collector.once(entry.config_name, record)
            case Step.RENEW:
                self._begin_renewal(entry, config, record)
            case _:
                await self._reader.read(entry.config_name, entry.unique_id, WaitingAndRenewal(), time_limit=0.0)

    async def _is_on_the_agenda_otherwise(self, step: Step, entry: AgendaEntry, record: CertificateRecord) -> bool:
        """Whether what is open is carried on by its own write-ahead entry, or as its own certificate."""
        if step in {Step.COLLECT, Step.RENEW}:
            return False
        repository = self._resources.repository
        if step is Step.SETTLE and record.submitting is not None:
            return await repository.order(entry.config_name, record.submitting) is not None
        if record.successor is None:
            return False
        successor = await repository.certificate(entry.config_name, record.successor)
        return successor is not None and successor.order is not None

    def _begin_renewal(self, entry: AgendaEntry, config: ConfigRecord, record: CertificateRecord) -> None:
        waiting = waiting_of(WaitingAndRenewal(), record, config)
        task = self._operations.begin_renewal(entry.config_name, config, entry.unique_id, RenewalRequest(), waiting)
        task.add_done_callback(lambda done: self._tell_of_renewal(entry, done))

    async def _tidy(self, entry: AgendaEntry, record: CertificateRecord | None) -> None:
        """Remove an entry that leads nowhere any more, after those are there that should be."""
        if record is not None:
            await self._resources.repository.put_index_entries(entry.config_name, record)
        await self._resources.repository.drop_from_agenda(entry)

    def _is_busy(self, entry: AgendaEntry) -> bool:
        name, unique_id = entry.config_name, entry.unique_id
        return self._operations.under_way(name, unique_id) or self._collector.is_waiting(name, unique_id)

    def _is_time_for(self, what: str, since: datetime, now: datetime) -> bool:
        """Whether something open since then is to be asked for again."""
        asked_at = self._asked_at.get(what)
        return asked_at is None or now - asked_at >= policy.rest_between_ticks(now - since)

    async def _guarded(self, work: Awaitable[bool | None], config_name: str) -> bool:
        try:
            return bool(await work)
        except (SectigoVaultPkiError, StorageError) as error:
            self._tell("background work failed", error, config=config_name)
            return True

    def _tell_of_renewal(self, entry: AgendaEntry, renewal: asyncio.Task[Answer]) -> None:
        if not renewal.cancelled() and (error := renewal.exception()) is not None:
            words = "a due certificate could not be renewed"
            self._tell(words, error, config=entry.config_name, unique_id=entry.unique_id)

    def _tell(self, words: str, error: BaseException, **about: object) -> None:
        _log.warning(words, extra={"kv": {**about, "error": error}})
        shown = f": {error}" if isinstance(error, SectigoVaultPkiError | StorageError) else ""
        self._note(error=f"{words}{shown}")

    def _note(self, **news: object) -> None:
        if self.last_run is not None:
            self.last_run = replace(self.last_run, **news)  # type: ignore[arg-type]  # fields of the run
