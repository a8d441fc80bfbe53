"""Runs of `sync/`: begun by a write, one at a time for each config entry, and continued after interruptions."""

import asyncio
import logging
from contextvars import Context
from dataclasses import dataclass
from datetime import date

from sectigo_vault_pki.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    RecordError,
    ScmError,
    SectigoVaultPkiError,
)
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.rules.comparison import LONGEST_LIFE
from sectigo_vault_pki.lifecycle.rules.policy import DEFAULT_MAX_TIMEOUT, caller_limit
from sectigo_vault_pki.lifecycle.sync.actions import Tools
from sectigo_vault_pki.lifecycle.sync.comparing import Comparing, Pace
from sectigo_vault_pki.store import StorageError, SyncRequest, SyncRun

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run as it stands.

    Attributes:
        is_working: whether this process works on it.
    """

    run: SyncRun
    is_working: bool


class SyncRuns:
    """Begins, shows and continues the runs of one mount."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._resources = tools.resources
        self._repository = tools.resources.repository
        self._pace = Pace()

    async def write(
        self,
        config_name: str,
        *,
        dry_run: bool,
        first: date | None,
        last: date | None,
        import_missing: bool,
        requested_by: str,
        time_limit: float | None,
    ) -> ShownRun:
        """Begin a run, or join or continue the one that was asked for before, and wait for it as long as may be.

        Args:
            config_name: the config entry to compare.
            dry_run: nothing is changed.
            first: the first day on which compared certificates end; None: today.
            last: the last one; None: far enough for all that can still be valid.
            import_missing: whether what only SCM has is imported.
            requested_by: who asks.
            time_limit: seconds left of the host's deadline, or None where it sent none.

        Raises:
            UnknownConfigError, InvalidInputError: nothing was begun.
            ConflictError: another run of the entry is in progress.
            ScmRefusedError, ScmUnavailableError: SCM told nothing, and the run has ended.
        """
        entry, today = await self._resources.entry(config_name), self._resources.clock.now().date()
        first = today if first is None else first
        end = today + LONGEST_LIFE
        last = end if last is None else last
        if last < first:
            raise InvalidInputError("to must not be before from")
        if first < today - LONGEST_LIFE or last > end:
            raise InvalidInputError(f"from must not be before {today - LONGEST_LIFE}, and to not after {end}")
        await self._repository.must_be_ours()
        request = SyncRequest(dry_run=dry_run, first=first, last=last, import_missing=import_missing)
        async with self._resources.locks.hold("sync", config_name):
            task = await self._begun(entry, request, requested_by)
        done, _ = await asyncio.wait({task}, timeout=caller_limit(entry.config, DEFAULT_MAX_TIMEOUT, time_limit))
        if done and not task.cancelled():
            task.result()
        return await self._shown(config_name)

    async def read(self, config_name: str) -> ShownRun:
        """Return the newest run; one that was interrupted continues.

        Raises:
            UnknownConfigError, NotFoundError: there is no such entry, or no run of it.
        """
        await self._resources.entry(config_name)
        shown = await self._shown(config_name)
        if shown.run.ended_at is None and not shown.is_working and not await self._resources.is_read_only():
            self._continue(config_name)
            return await self._shown(config_name)
        return shown

    async def resume(self) -> None:
        """Continue every run that was interrupted, some seconds from now."""
        await asyncio.sleep(self._resources.jitter())
        if await self._resources.is_read_only():
            return
        for config_name in await self._repository.synced_configs():
            try:
                run = await self._repository.sync_run(config_name)
            except RecordError as error:
                _log.warning("a run cannot be read", extra={"kv": {"config": config_name, "error": error}})
                continue
            if run is not None and run.ended_at is None:
                self._continue(config_name)

    async def _begun(self, entry: Entry, request: SyncRequest, requested_by: str) -> "asyncio.Task[None]":
        config_name = entry.config_name
        run = await self._stored(config_name)
        is_open = run is not None and run.ended_at is None
        if is_open and run is not None and run.request == request:
            return self._continue(config_name)
        if is_open and self._is_working(config_name):
            raise ConflictError(
                f"another run of this config entry is in progress: read sync/{config_name}, and write when it has ended"
            )
        begun = SyncRun(
            request=request,
            started_at=self._resources.clock.now(),
            org_id=entry.config.org_id,
            requested_by=requested_by,
        )
        await self._resources.tasks.finish(self._repository.put_sync_run(config_name, begun))
        return self._continue(config_name)

    async def _stored(self, config_name: str) -> SyncRun | None:
        """Return the run that is stored; one that cannot be read is replaced by the next."""
        try:
            return await self._repository.sync_run(config_name)
        except RecordError as error:
            _log.warning("a run cannot be read", extra={"kv": {"config": config_name, "error": error}})
            return None

    def _continue(self, config_name: str) -> "asyncio.Task[None]":
        return self._resources.tasks.join(
            ("sync", config_name), lambda: self._run(config_name), name=f"sync {config_name}", context=Context()
        )

    def _is_working(self, config_name: str) -> bool:
        return self._resources.tasks.running(("sync", config_name))

    async def _shown(self, config_name: str) -> ShownRun:
        run = await self._repository.sync_run(config_name)
        if run is None:
            raise NotFoundError(f'config entry "{config_name}" was never compared with SCM: write sync/{config_name}')
        return ShownRun(run, self._is_working(config_name))

    async def _run(self, config_name: str) -> None:
        """Carry a run on, until it has ended or has to wait.

        Raises:
            ScmRefusedError, ScmUnavailableError: SCM told nothing yet, and the run has ended.
        """
        run, config = await self._repository.sync_run(config_name), await self._repository.config(config_name)
        if run is None or run.ended_at is not None or config is None:
            return
        comparing = Comparing(self._tools, Entry(config_name, config), run, self._pace)
        try:
            ended = await comparing.carry_out()
        except ScmError as error:
            if comparing.run.by_lists is None:  # nothing is known yet, so nothing is worth continuing
                await self._put(config_name, comparing.run.with_errors([str(error)]), comparing, is_over=True)
                raise
            waiting = comparing.run.model_copy(update={"waiting": str(error)})
            await self._put(config_name, waiting, comparing)
        except StorageError as error:
            _log.warning("a run was interrupted", extra={"kv": {"config": config_name, "error": error}})
        except SectigoVaultPkiError as error:
            await self._put(config_name, comparing.run.with_errors([str(error)]), comparing, is_over=True)
        except Exception:  # noqa: BLE001  the read of the run shows it, and the log has it
            text = "it failed in a way that it should not; the server's log has more"
            await self._put(config_name, comparing.run.with_errors([text]), comparing, is_over=True)
            _log.exception("a run failed", extra={"kv": {"config": config_name}})
        else:
            counts = {kind.value: count for kind, count in ended.counts.items()}
            values = {"config": config_name, "dry_run": ended.request.dry_run, **counts}
            _log.info("compared with SCM", extra={"kv": values})

    async def _put(self, config_name: str, run: SyncRun, comparing: Comparing, *, is_over: bool = False) -> None:
        if await self._repository.config(config_name) is None:
            return
        run = run.model_copy(update={"calls": run.calls + comparing.calls_not_stored})
        run = run.ended(self._resources.clock.now()) if is_over else run
        try:
            await self._resources.tasks.finish(self._repository.put_sync_run(config_name, run))
        except StorageError as error:
            _log.warning("a run could not be stored", extra={"kv": {"config": config_name, "error": error}})
