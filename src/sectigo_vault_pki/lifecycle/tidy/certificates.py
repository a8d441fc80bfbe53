"""Certificates that go: each is judged in its chain of renewals, and once more under the locks of the whole chain."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.rules.tidy_rule import Chain, Fate, Goes, Kept, fate, fate_alone, is_over, leads_to
from sectigo_vault_pki.lifecycle.steps import MAX_RENEWALS
from sectigo_vault_pki.lifecycle.tidy.tools import Tools
from sectigo_vault_pki.store import CertificateRecord, TidyRules, UniqueId


@dataclass(frozen=True, slots=True)
class _Judged:
    chain: Chain
    fate: Fate
    is_chain_over: bool = False

    @property
    def going(self) -> Sequence[CertificateRecord]:
        """The records that go now: a chain that is over goes from its first one on, so that nothing leads nowhere."""
        if not isinstance(self.fate, Goes):
            return ()
        return self.chain.records if self.is_chain_over else (self.chain.record,)


class CertificateTidying:
    """Judges the certificates of a config entry, and deletes them."""

    def __init__(self, tools: Tools, rules: TidyRules, config_name: str, requested_by: str) -> None:
        self._resources = tools.resources
        self._repository = tools.resources.repository
        self._runner = tools.runner
        self._deletion = tools.deletion
        self._rules = rules
        self._config_name = config_name
        self._requested_by = requested_by

    async def fate_of(self, unique_id: UniqueId) -> Fate:
        """Return what becomes of a certificate, as far as its records tell; nothing is changed.

        Raises:
            RecordError: it, or one of its chain, cannot be read.
        """
        judged = await self._judged(unique_id)
        return None if judged is None else judged.fate

    async def tidy(self, unique_id: UniqueId) -> tuple[Fate, Sequence[tuple[Goes, str]]]:
        """Delete a certificate that may go, and all others of a chain that is over.

        Returns:
            What became of the certificate, and what was deleted: what it counts as, and its name.

        Raises:
            RecordError: it, or one of its chain, cannot be read.
            StorageError: something is not deleted; what leads to a deleted record is found by `tidy_orders`.
        """
        judged = await self._judged(unique_id)
        if judged is None or not judged.going:
            return (None if judged is None else judged.fate), ()
        return await self._resources.tasks.finish(self._tidied(judged))

    async def _tidied(self, before: _Judged) -> tuple[Fate, Sequence[tuple[Goes, str]]]:
        deleted: list[tuple[Goes, CertificateRecord]] = []
        async with self._locked(before.chain.unique_ids):
            judged = await self._judged(before.chain.record.unique_id)
            if judged is None:
                return None, ()
            if judged.chain.unique_ids != before.chain.unique_ids:  # not all of them are locked
                return Kept.OPEN, ()
            if judged.going and not judged.is_chain_over:
                await self._close_chain(judged.chain)
            for record in judged.going:
                await self._repository.delete_certificate(self._config_name, record.unique_id, before=record)
                deleted.append((_counted_as(record), record))
        for _, record in deleted:
            await self._deletion.follow_up(self._config_name, record, self._requested_by)
        return judged.fate, [(kind, f"{self._config_name}/{record.unique_id}") for kind, record in deleted]

    async def _close_chain(self, chain: Chain) -> None:
        """Let what leads to a certificate lead to its renewal, in an order in which a crash leaves no gap."""
        if not chain.before:
            return
        leading, following = chain.before[-1], chain.after[0]
        back = following.model_copy(update={"renewed_from": leading.unique_id})
        forth = leading.model_copy(update={"renewed_to": following.unique_id})
        await self._repository.put_certificate(self._config_name, back, before=following)
        await self._repository.put_certificate(self._config_name, forth, before=leading)

    @asynccontextmanager
    async def _locked(self, unique_ids: Iterable[UniqueId]) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            for unique_id in sorted(set(unique_ids)):
                await held.enter_async_context(self._resources.locks.hold("certificate", self._config_name, unique_id))
            yield

    # Judging.

    async def _judged(self, unique_id: UniqueId) -> _Judged | None:
        record = await self._record(unique_id)
        if record is None:
            return None
        config, now = await self._repository.config(self._config_name), self._resources.clock.now()
        defaults = None if config is None else config.defaults
        if not isinstance(alone := fate_alone(record, self._rules, defaults, now), Goes):
            return _Judged(Chain((), record, ()), alone)
        if not self._resources.clients.is_clock_right(config):
            return _Judged(Chain((), record, ()), Kept.CLOCK)
        chain = await self._chain(record)
        return _Judged(
            chain,
            fate(chain, self._rules, defaults, now),
            is_chain_over=is_over(chain, self._rules, defaults, now),
        )

    async def _chain(self, record: CertificateRecord) -> Chain:
        before, after = await self._before(record), await self._after(record)
        held = {}
        for each in (*before, record, *after):
            if (reason := await self._held_by(each)) is not None:
                held[each.unique_id] = reason
        origin = after[0].renewed_from if after else None
        is_passed_by = not before and origin not in {None, record.unique_id}
        return Chain(before, record, after, held, is_passed_by)

    async def _before(self, record: CertificateRecord) -> Sequence[CertificateRecord]:
        found: list[CertificateRecord] = []
        following = record
        while following.renewed_from is not None and len(found) < MAX_RENEWALS:
            leading = await self._record(following.renewed_from)
            if leading is None or not leads_to(leading, following.unique_id):
                break
            found.insert(0, leading)
            following = leading
        return found

    async def _after(self, record: CertificateRecord) -> Sequence[CertificateRecord]:
        found: list[CertificateRecord] = []
        newest = record
        while newest.renewed_to is not None and len(found) < MAX_RENEWALS:
            following = await self._record(newest.renewed_to)
            if following is None:
                break
            found.append(following)
            newest = following
        return found

    async def _held_by(self, record: CertificateRecord) -> Kept | None:
        """Return why a certificate stays, for a reason that is not in its record."""
        if self._runner.is_under_way(CertificateKey(self._config_name, record.unique_id)):
            return Kept.OPEN
        for order_uuid in filter(None, (record.order_uuid, *record.aliases)):
            # An entry of the journal would bring the certificate back.
            if await self._repository.order(self._config_name, order_uuid) is not None:
                return Kept.OPEN
        role_name = record.requested.role
        if role_name is not None and await self._repository.role(role_name) is not None:
            use = await self._repository.role_use(role_name)
            if (use.newest_config_name, use.newest) == (self._config_name, record.unique_id):
                return Kept.OF_ROLE
        return None

    async def _record(self, unique_id: UniqueId) -> CertificateRecord | None:
        return await self._repository.certificate_once(self._config_name, unique_id)


def _counted_as(record: CertificateRecord) -> Goes:
    if record.current is None:
        return Goes.ORDER
    return Goes.CERTIFICATE if record.revoked_at is None else Goes.REVOKED
