"""Runs of `tidy`: one at a time, begun by a write or, with `config/auto-tidy`, by the host's tick."""

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass
from enum import StrEnum

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.rules.policy import DEADLINE_MARGIN, DEFAULT_WAIT_LIMIT
from sectigo_vault_pki.lifecycle.rules.tidy_rule import is_due
from sectigo_vault_pki.lifecycle.steps import AUTOMATIC
from sectigo_vault_pki.lifecycle.tidy.run import Running
from sectigo_vault_pki.lifecycle.tidy.tools import Tools
from sectigo_vault_pki.store import AutoTidy, StorageError, TidyRules, TidyRun

_log = logging.getLogger(__name__)

INTERRUPTED = (
    "it was interrupted by a restart or by a change of the active node: what it had not reached is tidied by the next "
    "run"
)
_TASK = "tidy"


class TidyState(StrEnum):
    """How a run stands, in the words of Vault's own pki engine."""

    INACTIVE = "Inactive"
    RUNNING = "Running"
    FINISHED = "Finished"
    ERROR = "Error"
    CANCELLING = "Cancelling"
    CANCELLED = "Cancelled"


@dataclass(frozen=True, slots=True)
class TidyStatus:
    """How the newest run stands.

    Attributes:
        run: None before the first one.
        error: what ended it early; empty if nothing did.
    """

    state: TidyState
    run: TidyRun | None = None
    error: str = ""


class TidyRuns:
    """Begins, shows and cancels the runs of one mount."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._resources = tools.resources
        self._repository = tools.resources.repository
        self._running: Running | None = None

    async def begin(self, rules: TidyRules, *, dry_run: bool, requested_by: str) -> bool:
        """Begin a run in the background; return whether it was: not while another one goes on.

        Raises:
            StorageError, StorageMovedError: nothing was begun.
        """
        async with self._resources.locks.hold(_TASK):
            if self._resources.tasks.running(_TASK):
                return False
            await self._repository.must_be_ours()
            newest = await self._newest()
            run = TidyRun(
                rules=rules,
                requested_by=requested_by,
                dry_run=dry_run,
                started_at=self._resources.clock.now(),
                last_tidied_at=None if newest is None else newest.last_tidied_at,
            )
            await self._resources.tasks.finish(self._repository.put_tidy_run(run))
            self._running = running = Running(self._tools, run)
            self._resources.tasks.join(_TASK, running.carry_out, name="tidy", context=Context())
        return True

    async def wait(self, time_limit: float | None) -> None:
        """Wait for the run that goes on, as long as a request may.

        Args:
            time_limit: seconds left of the host's deadline, or None where it sent none.
        """
        limit = DEFAULT_WAIT_LIMIT if time_limit is None else min(DEFAULT_WAIT_LIMIT, time_limit - DEADLINE_MARGIN)
        if self._running is not None and self._resources.tasks.running(_TASK):
            task = self._resources.tasks.join(_TASK, self._running.carry_out, name="tidy")
            await asyncio.wait({task}, timeout=max(0.0, limit))

    async def status(self) -> TidyStatus:
        """Return how the newest run stands."""
        if self._running is not None and self._resources.tasks.running(_TASK):
            state = TidyState.CANCELLING if self._running.is_cancelling else TidyState.RUNNING
            return TidyStatus(state, self._running.run)
        run = await self._repository.tidy_run()
        if run is None:
            return TidyStatus(TidyState.INACTIVE)
        if run.ended_at is None:
            return TidyStatus(TidyState.ERROR, run, INTERRUPTED)
        if run.error:
            return TidyStatus(TidyState.ERROR, run, run.error)
        return TidyStatus(TidyState.CANCELLED if run.is_cancelled else TidyState.FINISHED, run)

    def cancel(self) -> bool:
        """Let the run end before its next entry; return whether there is one."""
        if self._running is None or not self._resources.tasks.running(_TASK):
            return False
        self._running.cancel()
        return True

    async def run_if_due(self) -> None:
        """Begin a run that is due by `config/auto-tidy`, some seconds from now, or when SCM has told its time.

        Nothing is listed for that.
        """
        await asyncio.sleep(self._resources.jitter())
        if await self._resources.is_read_only() or not self._resources.clients.is_clock_right():
            return
        try:
            config = await self._repository.auto_tidy()
            if config.enabled and is_due(config, await self._newest(), self._resources.clock.now()):
                await self.begin(config.rules, dry_run=False, requested_by=AUTOMATIC)
        except (RecordError, StorageError) as error:
            _log.warning("tidy could not begin automatically", extra={"kv": {"error": error}})

    async def auto_tidy(self) -> AutoTidy:
        """Return when runs begin automatically, and what they do."""
        return await self._repository.auto_tidy()

    async def put_auto_tidy(self, change: Callable[[AutoTidy], AutoTidy]) -> AutoTidy:
        """Change that, and return what is stored then.

        Raises:
            InvalidInputError: raised by `change`.
        """
        async with self._resources.locks.hold("auto-tidy"):
            await self._repository.must_be_ours()
            changed = change(await self._repository.auto_tidy())
            await self._resources.tasks.finish(self._repository.put_auto_tidy(changed))
        return changed

    async def _newest(self) -> TidyRun | None:
        """Return the newest run; one that cannot be read is replaced by the next."""
        try:
            return await self._repository.tidy_run()
        except RecordError as error:
            _log.warning("a run of tidy cannot be read", extra={"kv": {"error": error}})
            return None
