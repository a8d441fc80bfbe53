"""Background work, on the host's tick: open orders are settled and collected, due certificates renewed.

Once a day each login's domains are asked for, in one list, to warn of validations that end before a renewal.

One run looks at what the agenda (`store/index.py`) and the write-ahead entries name. Each account (login at SCM) has a
task of its own, so that a slow or sick one delays no other, and all share one budget of calls for each tick. Whatever
fails is tried again by a later run, or by a read.
"""

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import Context
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from sectigo_vault_pki.errors import SectigoVaultPkiError
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.domain_validations import DomainValidations
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry, Held, account_of
from sectigo_vault_pki.lifecycle.inventory.report import BackgroundRun, due_entries
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.rules.backoff import LONGEST_REST, rest_between_ticks
from sectigo_vault_pki.lifecycle.rules.policy import Step
from sectigo_vault_pki.lifecycle.rules.renewal_rule import RenewalPolicy, renewal_policy
from sectigo_vault_pki.lifecycle.steps import AUTOMATIC, BACKGROUND, Steps
from sectigo_vault_pki.lifecycle.upkeep.account_run import (
    AccountRun,
    DomainCheck,
    DueCertificate,
    Item,
    OpenOrder,
    Task,
)
from sectigo_vault_pki.lifecycle.upkeep.index_completion import complete_index
from sectigo_vault_pki.lifecycle.upkeep.not_due_yet import NotDueYet
from sectigo_vault_pki.scm import CallBudget
from sectigo_vault_pki.store import CertificateRecord, ConfigRecord, StorageError, agenda_keys

T = TypeVar("T")

_log = logging.getLogger(__name__)

MAX_CALLS = 500
"""Calls to SCM that the background work makes from one tick to the next at most."""

LONGEST_RUN = 50.0
"""Seconds after which a run counts as ended, though an account's part of it may go on."""
LONGEST_COMPLETION = 10.0
"""Seconds for which a run waits for the index."""


class Upkeep:
    """Runs once for each tick, on the node that may write."""

    def __init__(
        self,
        resources: Resources,
        steps: Steps,
        domains: DomainValidations,
        is_busy: Callable[[CertificateKey], bool],
    ) -> None:
        self._resources = resources
        self._steps = steps
        self._domains = domains
        self._is_busy = is_busy
        self._asked_at: dict[str, datetime] = {}
        self._not_due = NotDueYet()
        self._budget = CallBudget(MAX_CALLS)
        self._refilled_at = -LONGEST_RUN
        self._last: dict[str, str] = {}
        self.last_run: BackgroundRun | None = None

    async def run(self) -> None:
        """Do what is due, some seconds from now.

        A host sends its last tick right before it takes the mount away (plugin-protocol.md 1.5), and nothing may be
        ordered then.
        """
        await asyncio.sleep(self._resources.jitter())
        await self._run(self._due)

    async def resume(self) -> None:
        """Mark the storage as the mount's own, and carry on what an earlier process left open, at once."""
        await self._run(self._marked_and_open_orders)

    async def _run(self, find: Callable[[Mapping[str, ConfigRecord]], Awaitable[Sequence[Item]]]) -> None:
        if await self._resources.is_read_only():
            return
        self.last_run = BackgroundRun(self._resources.clock.now())
        self._refill_budget()
        try:
            configs = await self._configs()
            await self._do(await find(configs), configs)
        except StorageError as error:
            self.note_error("the background work was cut short", error)
        except Exception as error:  # noqa: BLE001  nobody waits for a run, and the next tick begins another
            self.note_error("the background work failed", error)
        await self._resources.recent.store()
        self._note(ended_at=self._resources.clock.now(), calls=self._budget.made)

    def _refill_budget(self) -> None:
        """Allow the calls of another minute, if the last one is over."""
        now = asyncio.get_running_loop().time()
        if now - self._refilled_at >= LONGEST_RUN:
            self._refilled_at = now
            self._budget.refill(MAX_CALLS)

    async def _do(self, items: Iterable[Item], configs: Mapping[str, ConfigRecord]) -> None:
        """Give each account its items, and wait for the accounts, but not for a slow one."""
        by_account: dict[str, list[Item]] = {}
        for item in items:
            config = configs.get(item.config_name)
            account = "" if config is None else "\n".join(account_of(config).login_at_scm)
            by_account.setdefault(account, []).append(item)
        tasks = [self._begin(account, items, configs) for account, items in by_account.items()]
        if tasks:
            await asyncio.wait(tasks, timeout=LONGEST_RUN)

    def _begin(self, account: str, items: Sequence[Item], configs: Mapping[str, ConfigRecord]) -> asyncio.Task[None]:
        behind = bisect_right(items, self._last.get(account, ""), key=lambda item: item.key)
        rotated = (*items[behind:], *items[:behind])

        return self._resources.tasks.join(
            ("background", account),
            lambda: AccountRun(self._resources, self, self._budget, account).run(rotated, configs),
            name=f"background {account.partition(chr(10))[0]}",
            context=Context(),
        )

    def looked_at(self, account: str, item: Item) -> None:
        """Note how far an account's run has come: the next one continues there."""
        self._last[account] = item.key

    async def _due(self, configs: Mapping[str, ConfigRecord]) -> Sequence[Item]:
        """Return what the agenda and the write-ahead entries name for today, by their keys."""
        await self._complete_index()
        repository, now = self._resources.repository, self._resources.clock.now()
        self._forget_old(now)
        # What is not renewed is not read either: within weeks, many certificates become due under a suspended entry.
        renewing = {name: config for name, config in configs.items() if not config.suspend_renewals}
        due = [entry for entry in await due_entries(repository, renewing, now) if entry.config_name in renewing]
        self._not_due.keep_only(entry.key for entry in due)
        due = [entry for entry in due if not self._not_due.knows(entry, renewing[entry.config_name], now)]
        entries = {*await repository.pending(), *due}
        return [
            *(DueCertificate(entry) for entry in sorted(entries)),
            *await self._open_orders(configs),
            *(DomainCheck(name) for name in await self._domains.entries_to_check(configs)),
        ]

    async def _marked_and_open_orders(self, configs: Mapping[str, ConfigRecord]) -> Sequence[Item]:
        await self._resources.repository.mark_as_ours()
        return await self._open_orders(configs)

    async def _open_orders(self, _: Mapping[str, ConfigRecord]) -> Sequence[Item]:
        repository = self._resources.repository
        return [
            OpenOrder(f"order/{config_name}/{order_uuid}", config_name, order_uuid)
            for config_name in await repository.configs_with_orders()
            for order_uuid in await repository.order_uuids(config_name)
        ]

    def _forget_old(self, now: datetime) -> None:
        """Drop the times that decide nothing any more, and those of a clock that was wrong."""
        recent = now - LONGEST_REST
        self._asked_at = {key: at for key, at in self._asked_at.items() if recent < at <= now}

    # What is due for one of them.

    async def task_for(self, item: Item, config: ConfigRecord | None) -> Task | None:
        """Return what SCM is to be asked for; None where nothing is due, or only storage had to be put in order."""
        if isinstance(item, DomainCheck):
            return None if config is None else Task(item, config, step=None)
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
            await self._resources.complete_index(key, doubted=entry)
            return None
        if policy.is_key_overdue(record, now):
            await self._steps.key_answered(key.config_name, record, AUTOMATIC)
            return None
        if config is None or self._is_busy(key):
            return None
        step, _ = _step_for(record, config, now)
        self._not_due.note(entry, record, config, now)
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
        if isinstance(task.item, DomainCheck):
            await self._domains.check(Entry(task.item.config_name, task.config))
            return None
        now = self._resources.clock.now()
        if isinstance(task.item, OpenOrder):
            self._asked_at[task.item.key] = now
            return await self._steps.carry_on(task.item.config_name, task.item.order_uuid)
        key = task.item.certificate
        record = await self._resources.repository.certificate(*key)
        if record is None:
            return None
        step, rule = _step_for(record, task.config, now)
        if step is not task.step:  # somebody has said no, or did it, since the run began
            return None
        self._asked_at[task.item.key] = now
        return await self._steps.take(step, Held(key.config_name, task.config, record), rule, BACKGROUND)

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

    def _is_time_for(self, what: str, since: datetime) -> bool:
        """Whether something open since then is to be asked for again."""
        asked_at, now = self._asked_at.get(what), self._resources.clock.now()
        return asked_at is None or asked_at > now or now - asked_at >= rest_between_ticks(now - since)

    # What lies ready.

    async def _complete_index(self) -> None:
        """Have the index completed, and wait a moment for it: what has no entries yet is done by a later run."""
        completing = self._resources.tasks.join(
            "index",
            lambda: complete_index(self._resources, self._note_left_out),
            name="index",
            context=Context(),
        )
        await asyncio.wait({completing}, timeout=LONGEST_COMPLETION)
        if completing.done():
            completing.result()

    def _note_left_out(self, key: CertificateKey, error: Exception) -> None:
        self.note_error(
            "a certificate is left out of the background work", error, config=key.config_name, unique_id=key.unique_id
        )

    async def _configs(self) -> dict[str, ConfigRecord]:
        repository = self._resources.repository
        configs = {}
        for name in await repository.config_names():
            config = await self._guarded(repository.config(name), "a config entry cannot be read", config=name)
            if config is not None:
                configs[name] = config
        return configs

    async def _guarded(self, reading: Awaitable[T], message: str, **about: str) -> T | None:
        """Read one of many; what is wrong with it hides no other."""
        try:
            return await reading
        except StorageError:
            raise
        except Exception as error:  # noqa: BLE001  whatever is stored, the others are another matter
            self.note_error(message, error, is_logged=True, **about)
            return None

    def note_error(self, message: str, error: BaseException | str, *, is_logged: bool = True, **about: str) -> None:
        if isinstance(error, str | SectigoVaultPkiError | StorageError):
            if is_logged:
                _log.warning(message, extra={"kv": {**about, "error": str(error)}})
            self._note(error=f"{message}: {error}")
        else:  # what may quote something, goes to the log's own protection only
            _log.error(message, extra={"kv": about}, exc_info=error)
            named = "".join(f" {value}" for value in about.values())
            self._note(error=f"{message}{named}: it failed in a way that it should not; the server's log has more")

    def _note(self, **news: object) -> None:
        if self.last_run is not None:
            self.last_run = replace(self.last_run, **{"calls": self._budget.made, **news})  # type: ignore[arg-type]  # fields of the run


def _step_for(record: CertificateRecord, config: ConfigRecord, now: datetime) -> tuple[Step, RenewalPolicy]:
    rule = renewal_policy(record.requested.waiting, config.defaults)
    return policy.next_step(record, now=now, policy=rule), rule
