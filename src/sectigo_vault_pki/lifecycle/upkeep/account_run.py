"""One account's part of a run of the background work: bounded, one call first, renewals by their urgency."""

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from sectigo_vault_pki.errors import ConflictError, OrderLimitError, RenewalHeldError, ScmError, SectigoVaultPkiError
from sectigo_vault_pki.lifecycle.accounts import LoginKey, login_key
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry, account_of
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.policy import Step
from sectigo_vault_pki.scm import CallBudget
from sectigo_vault_pki.store import AgendaEntry, ConfigRecord, StorageError

AT_ONCE = 8
"""Certificates of one account that SCM is asked about together."""

CALLS_OF_A_RENEWAL = 4
"""List, details, order, collect: with fewer left in the budget, none is begun."""


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


@dataclass(frozen=True, slots=True)
class DomainCheck:
    """A login whose domains are to be asked for, named by one of its config entries."""

    config_name: str

    @property
    def key(self) -> str:
        return f"validation/{self.config_name}"

    @property
    def name(self) -> str:
        return self.key


Item = OpenOrder | DueCertificate | DomainCheck


@dataclass(frozen=True, slots=True)
class Task:
    """Something that SCM is to be asked for.

    Attributes:
        step: of a certificate or an order; None: it is about domains.
        expires_at: of a certificate to renew; None: it is another step.
    """

    item: Item
    config: ConfigRecord
    step: Step | None
    expires_at: datetime | None = None


class Work(Protocol):
    """What an account's run is part of."""

    async def task_for(self, item: Item, config: ConfigRecord | None) -> Task | None:
        """Return what SCM is to be asked for; None where nothing is due, or only storage had to be put in order."""

    async def do(self, task: Task) -> Answer | None:
        """Ask SCM; return what came of it, where there is an answer to look at."""

    def note_error(self, message: str, error: BaseException | str, *, is_logged: bool = True, **about: str) -> None:
        """Note what went wrong, for `status` and, unless that is said already or at each tick, in the log."""

    def looked_at(self, account: str, item: Item) -> None:
        """Note how far an account's run has come: the next one continues there."""


class AccountRun:
    """Works through an account's items, until they or the budget end.

    The first call of a run is made alone: it finds out whether SCM answers, and whether it takes the login. Many at
    once would lock an account whose password was changed.
    """

    def __init__(self, resources: Resources, work: Work, budget: CallBudget, account: str) -> None:
        self._resources = resources
        self._work = work
        self._budget = budget
        self._account = account
        self._renewals: deque[Task] = deque()
        self._others: deque[Task] = deque()
        self._turn = 0
        self._found_out: set[str] = set()
        self._without_budget: set[str] = set()
        self._tried: set[LoginKey] = set()
        self._under_way = 0

    async def run(self, items: Iterable[Item], configs: Mapping[str, ConfigRecord]) -> None:
        """Find out what is to be done, then do it: renewals soonest expiry first, in turn with everything else."""
        for item in items:
            task = await self._guarded_task_for(item, configs.get(item.config_name))
            if task is not None:
                (self._others if task.expires_at is None else self._renewals).append(task)
        self._renewals = deque(sorted(self._renewals, key=_expiry))
        with self._budget.spending():
            async with asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(self._do_all())

    async def _do_all(self) -> None:
        while await self._do_next():
            pass

    async def _do_next(self) -> bool:
        """Do one task; return whether there may be another."""
        task = self._next()
        if task is None:
            return False
        if task.expires_at is None:
            self._work.looked_at(self._account, task.item)
        self._under_way += 1
        try:
            await self._ask(task)
        except OrderLimitError as error:
            self._without_budget.add(task.item.config_name)
            self._work.note_error("renewals wait for the entry's budget", error, is_logged=False)
        except RenewalHeldError as error:
            self._work.note_error(f"{task.item.name} is due and not renewed", error, is_logged=False)
        except (SectigoVaultPkiError, StorageError) as error:
            self._note_error(_message(task.step), error, task)
        except Exception as error:  # noqa: BLE001  one certificate's turn ends, and no other's
            self._note_error("background work failed", error, task)
        finally:
            self._under_way -= 1
        return True

    def _next(self) -> Task | None:
        if self._budget.left <= self._under_way:
            return None
        self._turn += 1
        first, second = (self._renewals, self._others) if self._turn % 2 else (self._others, self._renewals)
        queue = first or second
        if not queue:
            return None
        if queue is self._renewals and self._budget.left < CALLS_OF_A_RENEWAL * (self._under_way + 1):
            self._renewals.clear()
            return self._next()
        return queue.popleft()

    async def _ask(self, task: Task) -> None:
        """Do what is due.

        A run may last long: what the config entry says now counts, and not what it said when the run began.
        """
        async with self._turn_in_budget(task):
            config = await self._resources.repository.config(task.item.config_name)
            if config is not None:
                await self._ask_for(replace(task, config=config), login_key(account_of(config)))

    async def _ask_for(self, task: Task, login: LoginKey) -> None:
        """Make the first call with a login alone, and so each to an SCM that does not answer."""
        name = task.item.config_name
        if not self._is_answered(name, login):
            async with self._resources.locks.hold("finding out", *login[:2], *login[2].name):
                if not self._is_answered(name, login):
                    if name not in self._found_out:
                        self._found_out.add(name)
                        await self._do_unless_held(task, login)
                    return
        await self._do_unless_held(task, login)

    def _is_answered(self, name: str, login: LoginKey) -> bool:
        return login in self._tried and self._resources.clients.is_answered(name)

    async def _do_unless_held(self, task: Task, login: LoginKey) -> None:
        if await self._is_held(task):
            return
        try:
            await self._do(task)
        finally:
            self._tried.add(login)

    def _turn_in_budget(self, task: Task) -> AbstractAsyncContextManager[None]:
        """Let renewals that share a budget follow each other: together, the soonest to expire may not be the first."""
        if task.step is not Step.RENEW or task.config.max_orders_per_day is None:
            return nullcontext()
        return self._resources.locks.hold("budget", task.item.config_name)

    async def _is_held(self, task: Task) -> bool:
        name, config, clients = task.item.config_name, task.config, self._resources.clients
        if (hold := await clients.login_hold(Entry(name, config))) is not None:
            self._work.note_error("nothing is asked automatically", hold.reason, is_logged=False)
            return True
        if task.step is not Step.RENEW:
            return False
        if config.suspend_renewals or name in self._without_budget:
            return True
        if (apart := clients.clock_hold(config)) is not None:
            self._renewals.clear()
            self._work.note_error("nothing is renewed automatically", apart.reason, is_logged=False)
            return True
        return False

    async def _do(self, task: Task) -> None:
        answer = await self._work.do(task)
        if task.step in {Step.COLLECT, Step.RENEW} and answer is not None and answer.warnings:
            text = "; ".join(answer.warnings)
            self._work.note_error(f"{task.item.name} could not be collected", text, is_logged=False)

    async def _guarded_task_for(self, item: Item, config: ConfigRecord | None) -> Task | None:
        try:
            return await self._work.task_for(item, config)
        except Exception as error:  # noqa: BLE001  one certificate's turn ends, and no other's
            self._work.note_error("background work failed", error, config=item.config_name, certificate=item.name)
            return None

    def _note_error(self, message: str, error: BaseException | str, task: Task) -> None:
        is_logged = not (
            task.step is Step.RENEW and isinstance(error, ScmError | ConflictError)
        )  # it is, where it began
        self._work.note_error(
            message, error, is_logged=is_logged, config=task.item.config_name, certificate=task.item.name
        )


def _message(step: Step | None) -> str:
    return "a due certificate could not be renewed" if step is Step.RENEW else "background work failed"


def _expiry(task: Task) -> datetime:
    return task.expires_at or datetime.max.replace(tzinfo=UTC)
