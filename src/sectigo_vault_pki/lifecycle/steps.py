"""Reading: a certificate as it stands, after whatever is due was done."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime

from sectigo_vault_pki.errors import (
    OrderLimitError,
    RenewalHeldError,
    ScmError,
    ScmRefusedError,
    StorageMovedError,
    UnknownCertificateError,
    UnknownConfigError,
)
from sectigo_vault_pki.lifecycle.answers import (
    Answer,
    CertificateAnswer,
    OrderAnswer,
    notice_of_deleted_renewal,
    remarks_on,
)
from sectigo_vault_pki.lifecycle.collect.collector import Collector
from sectigo_vault_pki.lifecycle.operations import Operations, waiting_of
from sectigo_vault_pki.lifecycle.orders.renewal import RenewalRequest, renewed
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.rules.policy import Step, next_step
from sectigo_vault_pki.lifecycle.rules.renewal_rule import LONGEST_WINDOW, RenewalPolicy, renewal_policy
from sectigo_vault_pki.lifecycle.settling import Settler
from sectigo_vault_pki.store import (
    CertificateRecord,
    ConfigRecord,
    UniqueId,
    WaitingAndRenewal,
)

UNIQUE_ID = re.compile(r"[0-9]{1,19}_[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", re.ASCII)

MAX_RENEWALS = 1000
"""Links that are followed from a certificate to its newest renewal."""


class Reader:
    """Answers certificates."""

    def __init__(self, resources: Resources, collector: Collector, settler: Settler, operations: Operations) -> None:
        self._resources = resources
        self._collector = collector
        self._settler = settler
        self._operations = operations

    async def stored(self, config_name: str, unique_id: str) -> CertificateRecord:
        """Return a record as it is.

        Raises:
            UnknownCertificateError: there is none.
        """
        if not UNIQUE_ID.fullmatch(unique_id):
            raise UnknownCertificateError(config_name, None)
        record = await self._resources.repository.certificate(config_name, UniqueId(unique_id))
        if record is None:
            raise UnknownCertificateError(config_name, unique_id)
        return record

    async def read(
        self, config_name: str, unique_id: str, wish: WaitingAndRenewal, *, time_limit: float | None
    ) -> Answer:
        """Answer a certificate, or the newest of its renewals; collect, settle or renew first where that is due.

        Raises:
            UnknownCertificateError: nothing is stored under that id.
            StandbyError: something would have to be asked or written, and this node must not.
        """
        record, now = await self.stored(config_name, unique_id), self._resources.clock.now()
        said = (wish, record.requested.waiting)
        config = await self._config_if_needed(config_name, record, said, now)
        held = renewal_policy(*said, config.defaults if config else WaitingAndRenewal())
        if record.renewed_to is not None and record.submitting is None and held.read_renewed_cert:
            newest = await self._newest(config_name, record)
            if newest.unique_id != record.unique_id:
                return await self.read(config_name, newest.unique_id, wish, time_limit=time_limit)
        step = next_step(record, now=now, policy=held)
        if step is Step.ANSWER:
            if record.holds_key_to_release:
                await self._resources.must_write()
            return CertificateAnswer(record, (*remarks_on(record, now), *await self._of_renewal(config_name, record)))
        if config is None:
            warning = f"{UnknownConfigError(config_name)}: SCM cannot be asked for anything"
            return CertificateAnswer(record, (warning,))
        if step is Step.SETTLE and self._operations.under_way(config_name, record.unique_id):
            return CertificateAnswer(record, ("something is being asked of SCM for this certificate right now",))
        await self._resources.must_write()
        if (hold := await self._hold(step, config_name, config)) is not None:
            return CertificateAnswer(record, (hold, *remarks_on(record, now)))
        return await self._carry_on(step, config_name, config, record, wish=wish, held=held, time_limit=time_limit)

    async def _of_renewal(self, config_name: str, record: CertificateRecord) -> Sequence[str]:
        """Say so where a certificate's renewal was deleted."""
        if record.renewed_to is None or record.revoked_at is not None:
            return ()
        renewal = await self._resources.repository.certificate(config_name, record.renewed_to)
        return () if renewal is not None else (notice_of_deleted_renewal(config_name, record),)

    async def _hold(self, step: Step, config_name: str, config: ConfigRecord) -> str | None:
        """Return why what is due is not done now, for the whole account."""
        clients = self._resources.clients
        if step is Step.RENEW and config.suspend_renewals:
            return (
                f"the certificate is due, and sectigo_suspend_renewals of config entry {config_name} is true: it is "
                "not renewed automatically"
            )
        hold = await clients.login_hold(config_name, config)
        if hold is None and step is Step.RENEW:
            hold = clients.clocks.hold(config.base_url)
        return None if hold is None else hold.reason

    async def _config_if_needed(
        self, config_name: str, record: CertificateRecord, said: tuple[WaitingAndRenewal, ...], now: datetime
    ) -> ConfigRecord | None:
        """Read the config entry only where it makes a difference: a plain read is one storage call."""
        explicit = any(wish.auto_renew is not None for wish in said)
        auto_renew = renewal_policy(*said).auto_renew if explicit else True
        widest = RenewalPolicy(LONGEST_WINDOW, auto_renew=auto_renew)
        step = next_step(record, now=now, policy=widest)
        if step is Step.ANSWER and record.renewed_to is None:
            return None
        return await self._resources.repository.config(config_name)

    async def _carry_on(
        self,
        step: Step,
        config_name: str,
        config: ConfigRecord,
        record: CertificateRecord,
        *,
        wish: WaitingAndRenewal,
        held: RenewalPolicy,
        time_limit: float | None,
    ) -> Answer:
        match step:
            case Step.SETTLE:
                return await self._settle(config_name, config, record, wish, time_limit)
            case Step.COLLECT:
                return await self._collect(config_name, config, record, wish, time_limit)
            case Step.COLLECT_SUCCESSOR:
                return await self._collect_successor(config_name, record, held)
            case _:
                return await self._renew_due(config_name, config, record, wish=wish, held=held, time_limit=time_limit)

    async def _settle(
        self,
        config_name: str,
        config: ConfigRecord,
        record: CertificateRecord,
        wish: WaitingAndRenewal,
        time_limit: float | None,
    ) -> Answer:
        order = await self._resources.repository.order(config_name, record.submitting or "")
        if order is None:
            await self._resources.change(
                config_name, record.unique_id, lambda stored: stored.model_copy(update={"submitting": None})
            )
            return await self.read(config_name, record.unique_id, wish, time_limit=time_limit)
        answer = await self._settler.settle(config_name, config, order)
        if isinstance(answer, OrderAnswer):
            current = await self.stored(config_name, record.unique_id)
            return CertificateAnswer(current, answer.warnings)
        again = await self.read(config_name, record.unique_id, wish, time_limit=time_limit)
        return again.with_warnings(*answer.warnings) if isinstance(again, CertificateAnswer) else again

    async def _collect(
        self,
        config_name: str,
        config: ConfigRecord,
        record: CertificateRecord,
        wish: WaitingAndRenewal,
        time_limit: float | None,
    ) -> Answer:
        if wish.max_timeout is None:
            return await self._collector.once_for_caller(config_name, record)
        waiting = policy.waiting(wish, record.requested.waiting, config.defaults)
        limit = policy.caller_limit(config, waiting.max_timeout, time_limit)
        task = self._resources.tasks.join(
            ("wait", config_name, record.unique_id, waiting),
            lambda: self._collector.until_issued(config_name, record, waiting),
            name=f"wait for {config_name}/{record.unique_id}",
        )
        done, _ = await asyncio.wait({task}, timeout=limit)
        return task.result() if done else await self._collector.time_is_over(config_name, record)

    async def _collect_successor(
        self, config_name: str, record: CertificateRecord, held: RenewalPolicy
    ) -> CertificateAnswer:
        successor = await self._resources.repository.certificate(config_name, record.successor or UniqueId(""))
        if successor is None:
            changed = await self._resources.change(
                config_name, record.unique_id, lambda stored: stored.model_copy(update={"successor": None})
            )
            return CertificateAnswer(changed or record)
        answer = CertificateAnswer(successor)
        if successor.order is not None:
            answer = await self._collector.once_for_caller(config_name, successor)
        elif successor.current is not None:
            change = renewed(successor.unique_id, self._resources.clock.now())
            await self._resources.change(config_name, record.unique_id, change)
        return await self._old_or_new(config_name, record, answer, held)

    async def _renew_due(
        self,
        config_name: str,
        config: ConfigRecord,
        record: CertificateRecord,
        *,
        wish: WaitingAndRenewal,
        held: RenewalPolicy,
        time_limit: float | None,
    ) -> Answer:
        try:
            answer = await self._operations.renew(
                config_name,
                config,
                record.unique_id,
                RenewalRequest(is_automatic=True),
                waiting_of(wish, record, config),
                time_limit=time_limit,
            )
        except ScmError as error:
            later = "" if isinstance(error, ScmRefusedError) else "; the next read tries again"
            return CertificateAnswer(record, (f"the certificate is due and could not be renewed: {error}{later}",))
        except (OrderLimitError, RenewalHeldError, StorageMovedError) as error:
            return CertificateAnswer(record, (f"the certificate is due and is not renewed: {error}",))
        if isinstance(answer, OrderAnswer):
            return CertificateAnswer(record, answer.warnings)
        return await self._old_or_new(config_name, record, answer, held)

    async def _old_or_new(
        self, config_name: str, record: CertificateRecord, answer: CertificateAnswer, held: RenewalPolicy
    ) -> CertificateAnswer:
        """Answer the renewal once it is there, and the old certificate, which is still valid, until then."""
        if answer.record.current is not None:
            if held.read_renewed_cert:
                return answer
            return CertificateAnswer(await self.stored(config_name, record.unique_id))
        old = await self.stored(config_name, record.unique_id)
        warning = f"the certificate is being renewed as {answer.record.unique_id}"
        return CertificateAnswer(old, (warning, *answer.warnings))

    async def _newest(self, config_name: str, record: CertificateRecord) -> CertificateRecord:
        """Follow the renewals to the newest that was collected; a deleted one ends the chain."""
        for _ in range(MAX_RENEWALS):
            if record.renewed_to is None:
                break
            following = await self._resources.repository.certificate(config_name, record.renewed_to)
            if following is None or following.current is None:
                break
            record = following
        return record
