"""One run's work: SCM's entries are read part by part, compared with storage, and differences dealt with.

The run is stored after each part, with what is to be done about it, and again when some of that is done. Whatever
interrupts it, the next process continues behind what is stored.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta

from sectigo_vault_pki.errors import (
    ConflictError,
    RecordError,
    ScmError,
    ScmRefusedError,
    ScmUnavailableError,
    SectigoVaultPkiError,
)
from sectigo_vault_pki.lifecycle.answers import order_id
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.rules.comparison import TIME_ZONES, difference, is_not_at_scm
from sectigo_vault_pki.lifecycle.sync.actions import Actions, Found, Tools, newest_of
from sectigo_vault_pki.lifecycle.sync.neighbours import Neighbours
from sectigo_vault_pki.lifecycle.sync.sources import Part, Span, listed, reported
from sectigo_vault_pki.scm import ByDate, CallBudget, Reported, ScmClient, mark_in
from sectigo_vault_pki.scm.results import Page
from sectigo_vault_pki.store import Difference, OrderOperation, OrderRecord, SyncItem, SyncRun, UniqueId

_log = logging.getLogger(__name__)

CALLS_A_MINUTE = 250
"""Calls that runs make in a minute at most; the background work has others."""
CALLS_OF_AN_ITEM = 4
MINUTE = 60.0
STORED_AFTER = 20
"""Differences that are dealt with before the run is stored again."""
MAX_ATTEMPTS = 60
"""Ticks in which SCM is asked about a difference, and gives no answer, before that is an error of the run."""
RECENT = timedelta(days=60)
"""How long ago what SCM has not issued yet was ordered at most, unless Vault has an older open order."""

_OPENED, _LOOKED_UP = 1, 2
"""Positions before any entry of SCM's: open orders of stored certificates are planned, and those of enrolments."""


class HeldError(ScmUnavailableError):
    """Nothing is asked of SCM now; the text says why."""

    def __init__(self, reason: str) -> None:
        super().__init__("report", reason)


class OtherOrganizationError(ConflictError):
    """The config entry was written for another organization during the run: what was compared says nothing of it."""

    def __init__(self) -> None:
        super().__init__("sectigo_cm_org_id was changed during the run, which has ended: begin another one")


class Pace:
    """So many calls in each minute: whoever would make more waits for the next one."""

    def __init__(self) -> None:
        self._budget = CallBudget(CALLS_A_MINUTE)
        self._began = 0.0

    @property
    def budget(self) -> CallBudget:
        return self._budget

    async def wait(self) -> None:
        """Return when there are calls left for one thing."""
        loop = asyncio.get_running_loop()
        if self._budget.left < CALLS_OF_AN_ITEM:
            await asyncio.sleep(max(0.0, self._began + MINUTE - loop.time()))
        if loop.time() - self._began >= MINUTE:
            self._began = loop.time()
            self._budget.refill(CALLS_A_MINUTE)


class Comparing:
    """Carries one run of a config entry to its end.

    Args:
        tools: what it works with.
        entry: the config entry.
        run: as it is stored.
        pace: shared by the runs of a mount.
    """

    def __init__(self, tools: Tools, entry: Entry, run: SyncRun, pace: Pace) -> None:
        self._tools = tools
        self._resources = tools.resources
        self._repository = tools.resources.repository
        self._entry = entry
        self.run = run
        self._pace = pace
        self._neighbours = Neighbours(tools.resources, entry)
        self._actions = Actions(tools, entry, run, self._neighbours)
        self._seen: set[int] = set()
        self._marks: set[str] = set()
        self._asked_at = run.started_at
        self._calls = 0

    @property
    def calls_not_stored(self) -> int:
        """Calls to SCM since the run was stored last."""
        return self._calls

    async def carry_out(self) -> SyncRun:
        """Work until the run has ended.

        Raises:
            ScmRefusedError, ScmUnavailableError: it can only go on later.
            StorageError: the same.
        """
        with self._pace.budget.spending():
            if self.run.position < _OPENED:
                await self._plan(self.run, await self._open_orders_of_certificates(), _OPENED)
            await self._do_all()
            async for part in self._parts():
                await self._compare(part)
            run = await self._with_not_at_scm(await self._with_unsettled(self.run))
            await self._store(run.ended(self._resources.clock.now()))
        return self.run

    # SCM's entries.

    async def _parts(self) -> AsyncIterator[Part]:
        kind = self._entry.config.certificate_type
        if not self.run.by_lists:
            try:
                async for part in reported(self._ask, kind, await self._spans(), self.run.position):
                    if self.run.by_lists is None:
                        self.run = self.run.model_copy(update={"by_lists": False})
                    yield part
            except (ScmRefusedError, ScmUnavailableError) as error:
                if self.run.by_lists is False or not _has_no_reports(error):
                    raise
            else:
                return
            _log.info("SCM has no reports", extra={"kv": {"config": self._entry.config_name}})
            self.run = self.run.model_copy(update={"by_lists": True})
        if self.run.position < _LOOKED_UP:
            await self._plan_enrolments()
        async for part in listed(self._ask, kind):
            yield part

    async def _spans(self) -> Sequence[Span]:
        """Return what is asked by reports: orders that are not issued, then certificates by the day of their end."""
        request, today = self.run.request, self.run.started_at.date()
        oldest = min([order.created_at.date() for order in await self._open_enrolments()], default=today)
        since = min(oldest - TIME_ZONES, today - RECENT)
        return (
            Span(ByDate.REQUESTED, since, today + 2 * TIME_ZONES, pending=True),
            Span(ByDate.EXPIRES, request.first, request.last),
        )

    async def _ask(self, call: Callable[[ScmClient], Awaitable[Page[Reported]]]) -> Page[Reported]:
        await self._may_ask()
        before, self._asked_at = self._pace.budget.made, self._resources.clock.now()
        try:
            async with self._resources.clients.lend(self._entry) as client:
                return await call(client)
        finally:
            self._calls += self._pace.budget.made - before

    async def _may_ask(self) -> None:
        """Wait for a turn.

        Raises:
            HeldError: SCM refused the login, and is asked later; or the config entry is deleted.
            OtherOrganizationError: the run cannot go on.
        """
        await self._pace.wait()
        await self._read_entry()
        if (hold := await self._resources.clients.login_hold(self._entry)) is not None:
            raise HeldError(hold.reason)

    async def _read_entry(self) -> None:
        """Take the config entry as it is now: a run may last long.

        Raises:
            HeldError: it is deleted.
            OtherOrganizationError: it is for another organization than the run compares.
        """
        config = await self._repository.config(self._entry.config_name)
        if config is None:
            raise HeldError(f'no config entry named "{self._entry.config_name}"')
        if self.run.org_id not in {None, config.org_id}:
            raise OtherOrganizationError
        if config != self._entry.config:
            self._entry = Entry(self._entry.config_name, config)
            self._actions = Actions(self._tools, self._entry, self.run, self._neighbours)

    # Comparing.

    async def _compare(self, part: Part) -> None:
        by_id = {row.scm_id: row for row in part.rows if row.scm_id not in self._seen}
        rows = [by_id[scm_id] for scm_id in sorted(by_id)]
        self._seen.update(row.scm_id for row in rows)
        marks = {mark_in(row.comments) for row in rows if row.comments}
        self._marks.update(order.uuid for order in await self._open_enrolments() if order.uuid in marks)
        if part.end <= self.run.position:  # a part that was compared before the run was interrupted
            return
        run = self.run
        planned: list[SyncItem] = []
        for row in rows:
            try:
                found, items = await self._judged(row)
            except SectigoVaultPkiError as error:
                run = run.with_errors([str(error)])
                continue
            run, planned = run.with_found(*found), [*planned, *items]
        if part.problem:
            run = run.with_errors([part.problem]).model_copy(update={"is_whole": False})
        run = run.model_copy(update={"compared": run.compared + len(rows)})
        await self._plan(run, planned, part.end)
        await self._do_all()

    async def _judged(self, row: Reported) -> tuple[Sequence[Found], Sequence[SyncItem]]:
        """Return how an entry differs: what that is known to be, and what has to be looked into or done."""
        key = self._entry.key_of(row.scm_id)
        record = await self._repository.certificate_once(*key)
        item = SyncItem(
            kind=Difference.IMPORTED,
            scm_id=row.scm_id,
            serial_number=row.serial_number,
            order_uuid=mark_in(row.comments or "") or "",
        )
        if record is not None:
            kind = difference(row, record, self._asked_at)
            return (), () if kind is None else (item.model_copy(update={"kind": kind}),)
        is_settled = key.unique_id in self.run.found.get(Difference.SETTLED, ())  # and not stored by a dry run
        if item.order_uuid in self._marks and not is_settled:
            return (), (item.model_copy(update={"kind": Difference.SETTLED}),)
        if is_settled or not row.is_live(self._resources.clock.now().date()):
            return (), ()
        return await self._only_at_scm(row, item, key.unique_id)

    async def _only_at_scm(
        self, row: Reported, item: SyncItem, unique_id: str
    ) -> tuple[Sequence[Found], Sequence[SyncItem]]:
        """Return what an entry is that is not stored here: a renewal, an order that was lost, or somebody else's."""
        if item.order_uuid and await newest_of(self._resources, self._entry, item.order_uuid) is not None:
            return (), (item.model_copy(update={"kind": Difference.RENEWED}),)
        if await self._is_not_missing(row, item.order_uuid):
            return (), ()
        wanted = (item,) if self.run.request.import_missing else ()
        if item.order_uuid:
            return ((Difference.KEY_LOST, unique_id),), wanted
        return (() if wanted else ((Difference.ONLY_AT_SCM, unique_id),)), wanted

    async def _is_not_missing(self, row: Reported, order_uuid: str) -> bool:
        """Whether an entry belongs to another organization, to another config entry, or to an order in progress."""
        if row.org_id not in {None, self._entry.config.org_id} or await self._neighbours.stored(row.scm_id):
            return True
        if not order_uuid:
            return False
        if await self._repository.order(self._entry.config_name, order_uuid) is not None:
            return True  # its answer is yet to come, or is settled by the background work
        return await self._neighbours.ordered(order_uuid)

    # Orders whose answer was lost.

    async def _open_orders(self) -> Sequence[OrderRecord]:
        config_name, found = self._entry.config_name, []
        for order_uuid in await self._repository.order_uuids(config_name):
            try:
                order = await self._repository.order(config_name, order_uuid)
            except RecordError:  # `status` names it
                continue
            if order is not None:
                found.append(order)
        return found

    async def _open_enrolments(self) -> Sequence[OrderRecord]:
        """Return those that no process works on, and that have not led to a certificate."""
        config_name = self._entry.config_name
        return [
            order
            for order in await self._open_orders()
            if order.unique_id is None
            and not self._tools.steps.is_under_way(config_name, order)
            and await self._repository.certificate_of_order(config_name, order.uuid) is None
        ]

    async def _open_orders_of_certificates(self) -> Sequence[SyncItem]:
        """Return the open renewals and replacements; the background work asks about revocations."""
        found = []
        for order in await self._open_orders():
            if order.unique_id is None or order.operation is OrderOperation.REVOKE:
                continue
            if self._tools.steps.is_under_way(self._entry.config_name, order):
                continue
            record = await self._repository.certificate_once(self._entry.config_name, order.unique_id)
            if record is not None and record.submitting == order.uuid:
                found.append(SyncItem(kind=Difference.SETTLED, order_uuid=order.uuid))
        return found

    async def _plan_enrolments(self) -> None:
        """Look up every one: lists do not tell their marks."""
        orders = await self._open_enrolments()
        await self._plan(
            self.run, [SyncItem(kind=Difference.SETTLED, order_uuid=order.uuid) for order in orders], _LOOKED_UP
        )
        await self._do_all()

    async def _with_unsettled(self, run: SyncRun) -> SyncRun:
        """Return the run with the enrolments whose mark was not found in reports."""
        if run.by_lists:
            return run
        left = [order.uuid for order in await self._open_enrolments() if order.uuid not in self._marks]
        return run.with_found(*((Difference.UNSETTLED, order_id(order_uuid)) for order_uuid in left))

    # Doing.

    async def _plan(self, run: SyncRun, planned: Sequence[SyncItem], position: int) -> None:
        await self._store(run.model_copy(update={"todo": (*run.todo, *planned), "position": position}))

    async def _do_all(self) -> None:
        """Deal with every planned difference.

        Raises:
            ScmUnavailableError, ScmRefusedError: SCM does not answer, or refuses the login.
        """
        while self.run.todo:
            run = self.run
            for item in run.todo[:STORED_AFTER]:
                run, error = await self._with_done(run, item)
                if error is not None:
                    await self._store(run)
                    raise error
            await self._store(run)

    async def _with_done(self, run: SyncRun, item: SyncItem) -> tuple[SyncRun, ScmError | None]:
        """Return the run without an item that was dealt with; or, with the reason, one that has to wait."""
        rest = run.model_copy(update={"todo": run.todo[1:]})
        before = self._pace.budget.made
        try:
            await self._may_ask()
            before = self._pace.budget.made
            return rest.with_found(*await self._actions.do(item)), None
        except HeldError as error:
            return run, error
        except OtherOrganizationError:
            raise
        except SectigoVaultPkiError as error:
            if isinstance(error, ScmError) and error.login_refused:
                return run, error
            if isinstance(error, ScmUnavailableError) and item.attempts + 1 < MAX_ATTEMPTS:
                again = item.model_copy(update={"attempts": item.attempts + 1})
                return rest.model_copy(update={"todo": (*rest.todo, again)}), error
            return rest.with_errors([f"{_name_of(self._entry, item)}: {error}"]), None
        finally:
            self._calls += self._pace.budget.made - before

    # The end.

    async def _with_not_at_scm(self, run: SyncRun) -> SyncRun:
        if not run.is_whole:
            return run
        for unique_id in await self._repository.unique_ids(self._entry.config_name):
            number = unique_id.partition("_")[0]
            if number.isdecimal() and int(number) in self._seen:
                continue
            try:
                record = await self._repository.certificate_once(self._entry.config_name, UniqueId(unique_id))
            except RecordError as error:
                run = run.with_errors([str(error)])
                continue
            if record is not None and is_not_at_scm(record, run.request, run.started_at):
                run = run.with_found((Difference.NOT_AT_SCM, unique_id))
        return run

    async def _store(self, run: SyncRun) -> None:
        await self._read_entry()  # nothing of a deleted entry is stored
        self.run = run.model_copy(update={"calls": run.calls + self._calls, "waiting": ""})
        self._calls = 0
        await self._resources.tasks.finish(self._repository.put_sync_run(self._entry.config_name, self.run))


def _has_no_reports(error: ScmError) -> bool:
    """Whether SCM has no reports, or not for this account; what does not answer says nothing of that."""
    if error.login_refused:
        return False
    return isinstance(error, ScmRefusedError) or (isinstance(error, ScmUnavailableError) and error.answered)


def _name_of(entry: Entry, item: SyncItem) -> str:
    return entry.key_of(item.scm_id).unique_id if item.scm_id else order_id(item.order_uuid)
