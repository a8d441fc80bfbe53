"""One run of `tidy`: page by page, entry by entry, with its progress stored after each page."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from sectigo_vault_pki.errors import SectigoVaultPkiError
from sectigo_vault_pki.lifecycle.answers import order_id
from sectigo_vault_pki.lifecycle.rules.tidy_rule import Fate, Goes, Kept
from sectigo_vault_pki.lifecycle.tidy.certificates import CertificateTidying
from sectigo_vault_pki.lifecycle.tidy.orders import OrderTidying
from sectigo_vault_pki.lifecycle.tidy.tools import Tools
from sectigo_vault_pki.store import MAX_SHOWN, StorageError, TidyRun, UniqueId

_log = logging.getLogger(__name__)

FAILED = "it failed in a way that it should not; the server's log has more"


class CancelledRunError(Exception):
    """Somebody has cancelled the run."""


class Running:
    """Carries a run out.

    Attributes:
        run: how far it has come.
    """

    def __init__(self, tools: Tools, run: TidyRun) -> None:
        self._tools = tools
        self._resources = tools.resources
        self._repository = tools.resources.repository
        self._rules = run.rules
        self._cancelled = asyncio.Event()
        self.run = run

    def cancel(self) -> None:
        """Let it end before the next entry."""
        self._cancelled.set()

    @property
    def is_cancelling(self) -> bool:
        return self._cancelled.is_set()

    async def carry_out(self) -> None:
        """Work until the run has ended, and store how; one that cannot be stored is taken for interrupted later."""
        try:
            await self._tidy()
        except CancelledRunError:
            await self._end(is_cancelled=True)
        except (SectigoVaultPkiError, StorageError) as error:
            await self._end(error=str(error))
        except Exception:  # noqa: BLE001  the status shows it, and the log has it
            _log.exception("tidy failed")
            await self._end(error=FAILED)
        else:
            await self._end()

    async def _tidy(self) -> None:
        rules = self._rules
        for config_name in await self._repository.configs_with_certificates():
            await self._tidy_certificates(config_name)
        if not rules.tidy_orders:
            return
        for config_name in await self._repository.configs_with_orders():
            orders = OrderTidying(self._tools, self.run, config_name)
            await self._tidy_each(
                _once(await self._repository.order_uuids(config_name)), orders.journal_entry, config_name, order_id
            )
        for config_name in await self._repository.configs_in_index():
            await self._tidy_index(config_name)

    async def _tidy_certificates(self, config_name: str) -> None:
        certificates = CertificateTidying(self._tools, self._rules, config_name, self.run.requested_by)
        async for unique_id in self._paged(self._repository.unique_ids_page, config_name):
            await self._next()
            try:
                if self.run.dry_run:
                    fate = await certificates.fate_of(UniqueId(unique_id))
                    self._note(fate, [(fate, f"{config_name}/{unique_id}")] if isinstance(fate, Goes) else ())
                else:
                    self._note(*await certificates.tidy(UniqueId(unique_id)))
            except SectigoVaultPkiError as error:
                self._note_error(error)

    async def _tidy_index(self, config_name: str) -> None:
        orders = OrderTidying(self._tools, self.run, config_name)
        index = self._paged(self._repository.page_of_order_index, config_name)
        await self._tidy_each(index, orders.order_index, config_name, order_id)
        requests = self._paged(self._repository.page_of_requests, config_name)
        await self._tidy_each(requests, orders.request_index, config_name, lambda digest: f"request {digest}")

    async def _tidy_each(
        self,
        names: AsyncIterator[str],
        tidy: Callable[[str], Awaitable[bool]],
        config_name: str,
        shown: Callable[[str], str],
    ) -> None:
        async for name in names:
            await self._next()
            try:
                is_deleted = await tidy(name)
            except SectigoVaultPkiError as error:
                self._note_error(error)
                continue
            self._note(None, [(Goes.ORDER, f"{config_name}/{shown(name)}")] if is_deleted else ())

    async def _paged(self, page_of: Callable[..., Awaitable[Sequence[str]]], config_name: str) -> AsyncIterator[str]:
        """Return the names of entries; what is deleted meanwhile is no reason to miss one."""
        after, limit = "", self._rules.page_size
        while page := await page_of(config_name, after=after, limit=limit):
            await self._repository.must_be_ours()
            for name in page:
                yield name
            await self._store()
            after = page[-1]

    async def _next(self) -> None:
        """Pause before the next entry, and let others have their turn.

        Raises:
            CancelledRunError: there is no next entry.
        """
        try:
            async with asyncio.timeout(self._rules.pause_duration or None):
                await (self._cancelled.wait() if self._rules.pause_duration else asyncio.sleep(0))
        except TimeoutError:
            pass
        if self._cancelled.is_set():
            raise CancelledRunError

    # What is noted.

    def _note(self, fate: Fate, deleted: Iterable[tuple[Goes, str]]) -> None:
        news: dict[str, object] = {"checked": self.run.checked + 1}
        if isinstance(fate, Kept):
            news["kept"] = {**self.run.kept, fate.value: self.run.kept.get(fate.value, 0) + 1}
        for kind, name in deleted:
            attribute = _COUNTS[kind]
            news[attribute] = int(news.get(attribute, getattr(self.run, attribute))) + 1  # type: ignore[call-overload]
            if len(self.run.deleted) < MAX_SHOWN:
                self.run = self.run.model_copy(update={"deleted": (*self.run.deleted, name)})
        self.run = self.run.model_copy(update=news)

    def _note_error(self, error: SectigoVaultPkiError) -> None:
        news: dict[str, object] = {"checked": self.run.checked + 1}
        if len(self.run.errors) < MAX_SHOWN:
            news["errors"] = (*self.run.errors, str(error))
        else:
            news["further_errors"] = self.run.further_errors + 1
        self.run = self.run.model_copy(update=news)

    async def _end(self, *, is_cancelled: bool = False, error: str = "") -> None:
        now = self._resources.clock.now()
        last = self.run.last_tidied_at if self.run.dry_run else now
        news = {"ended_at": now, "is_cancelled": is_cancelled, "error": error, "last_tidied_at": last}
        self.run = run = self.run.model_copy(update=news)
        counts = {"certificates": run.certificates, "revoked": run.revoked, "orders": run.orders}
        values = {
            "requested_by": run.requested_by,
            "dry_run": run.dry_run,
            "checked": run.checked,
            **counts,
            "kept": sum(run.kept.values()),
        }
        outcome = "tidy was cancelled" if is_cancelled else "tidy ended early" if error else "tidied"
        level = logging.WARNING if error else logging.INFO
        _log.log(level, outcome, extra={"kv": {**values, **({"error": error} if error else {})}})
        try:
            await self._store()
        except StorageError as problem:
            _log.warning("a run of tidy could not be stored", extra={"kv": {"error": problem}})

    async def _store(self) -> None:
        await self._resources.tasks.finish(self._repository.put_tidy_run(self.run))


_COUNTS = {Goes.CERTIFICATE: "certificates", Goes.REVOKED: "revoked", Goes.ORDER: "orders"}


async def _once(names: Iterable[str]) -> AsyncIterator[str]:
    for name in names:
        yield name
