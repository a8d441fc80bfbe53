"""Renew, replace, revoke, fetch: equal concurrent calls share one run, different ones follow each other.

Each run holds the certificate's operation lock, re-reads the record, settles what an earlier run left open, and only
then asks SCM. The caller waits for the run, and the run goes on without the caller.
"""

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import replace
from typing import Any, TypeVar

from sectigo_vault_pki.errors import ConflictError, RenewalHeldError, ScmUnavailableError, UnknownConfigError
from sectigo_vault_pki.lifecycle.answers import Answer, CertificateAnswer, OrderAnswer, order_id
from sectigo_vault_pki.lifecycle.collect.collector import Collector
from sectigo_vault_pki.lifecycle.orders.fetching import Fetcher
from sectigo_vault_pki.lifecycle.orders.renewal import RenewalRequest, Renewer
from sectigo_vault_pki.lifecycle.orders.replacement import ReplacementRequest, Replacer
from sectigo_vault_pki.lifecycle.orders.revocation import Revoker
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.rules.policy import Waiting
from sectigo_vault_pki.lifecycle.rules.renewal_rule import hold_on_renewal, shown_time
from sectigo_vault_pki.lifecycle.settling import Settler
from sectigo_vault_pki.pki import PrivateKey
from sectigo_vault_pki.store import (
    CertificateRecord,
    ConfigRecord,
    CurrentCertificate,
    OrderOperation,
    OrderRecord,
    RequestedFields,
    Status,
    UniqueId,
    WaitingAndRenewal,
)

T = TypeVar("T")


class Operations:
    """What can be done with one stored certificate at SCM."""

    def __init__(
        self,
        resources: Resources,
        *,
        collector: Collector,
        settler: Settler,
        renewer: Renewer,
        replacer: Replacer,
        revoker: Revoker,
        fetcher: Fetcher,
    ) -> None:
        self._resources = resources
        self._collector = collector
        self._settler = settler
        self._renewer = renewer
        self._replacer = replacer
        self._revoker = revoker
        self._fetcher = fetcher

    def under_way(self, config_name: str, unique_id: UniqueId) -> bool:
        """Whether this process is doing something with the certificate right now."""
        return self._resources.locks.in_use("operation", config_name, unique_id)

    async def renew(
        self,
        config_name: str,
        config: ConfigRecord,
        unique_id: UniqueId,
        request: RenewalRequest,
        waiting: Waiting,
        *,
        time_limit: float | None,
    ) -> Answer:
        """Renew, or carry on the renewal in flight, and answer the new certificate as far as it is there.

        Raises:
            ConflictError: it is renewed already, revoked or not issued.
            ScmRefusedError, ScmUnavailableError: SCM took nothing.
        """
        task = self._run(
            "renew",
            config_name,
            unique_id,
            request.fingerprint(),
            lambda: self._renew(config_name, config, unique_id, request, waiting),
        )
        limit = policy.caller_limit(config, waiting.max_timeout, time_limit)
        done, _ = await asyncio.wait({task}, timeout=limit)
        if done and not task.cancelled():
            return task.result()
        return await self._renewal_so_far(config_name, unique_id)

    async def renew_unasked(self, config_name: str, config: ConfigRecord, unique_id: UniqueId) -> Answer:
        """Renew a due certificate in the background: order, and ask once for the new one; later ticks go on.

        Raises:
            ConflictError, ScmRefusedError, ScmUnavailableError: as `renew`.
        """
        request = RenewalRequest(is_automatic=True)
        task = self._run(
            "renew",
            config_name,
            unique_id,
            "unasked",
            lambda: self._order_renewal(config_name, config, unique_id, request),
        )
        answer = await asyncio.shield(task)
        if isinstance(answer, OrderAnswer) or answer.record.order is None:
            return answer
        return (await self._collector.once(config_name, answer.record)).answer

    async def replace(
        self,
        config_name: str,
        config: ConfigRecord,
        unique_id: UniqueId,
        request: ReplacementRequest,
        waiting: Waiting,
        *,
        time_limit: float | None,
    ) -> Answer:
        """Replace, and answer the new certificate, or the replacement in flight.

        Raises:
            ConflictError: there is nothing that can be replaced now.
            InvalidInputError, ScmRefusedError, ScmUnavailableError: SCM took nothing.
        """
        task = self._run(
            "replace",
            config_name,
            unique_id,
            request.fingerprint(),
            lambda: self._replace(config_name, config, unique_id, request, waiting),
        )
        limit = policy.caller_limit(config, waiting.max_timeout, time_limit)
        done, _ = await asyncio.wait({task}, timeout=limit)
        if done and not task.cancelled():
            return _of_replacement(task.result())
        return await self._replacement_so_far(config_name, unique_id)

    async def revoke(
        self, config_name: str, config: ConfigRecord, unique_id: UniqueId, reason: str, *, time_limit: float | None
    ) -> CertificateAnswer:
        """Revoke.

        Raises:
            ConflictError: it is not issued yet, or being replaced, as far as is known; a renewal is no obstacle.
            ScmRefusedError, ScmUnavailableError: it is not revoked, as far as SCM says.
        """
        task = self._run(
            "revoke", config_name, unique_id, reason, lambda: self._revoke(config_name, config, unique_id, reason)
        )
        return await self._finished("revoke", task, config, time_limit)

    async def fetch(
        self,
        config_name: str,
        config: ConfigRecord,
        scm_id: int,
        *,
        key: PrivateKey | None,
        requested: RequestedFields,
        time_limit: float | None,
    ) -> CertificateAnswer:
        """Bring a certificate in that is not stored.

        Raises:
            ScmRefusedError, ScmUnavailableError, KeyMismatchError: nothing is stored.
        """
        unique_id = UniqueId(f"{scm_id}_{config.customer_uri}")
        fingerprint = (key.public_key_digest if key else b"", requested.model_dump_json())
        task = self._run(
            "fetch",
            config_name,
            unique_id,
            fingerprint,
            lambda: self._fetch(config_name, config, scm_id, key=key, requested=requested),
        )
        return await self._finished("fetch", task, config, time_limit)

    async def give_key(self, config_name: str, record: CertificateRecord, key: PrivateKey) -> CertificateRecord:
        """Store a private key with a fetched certificate; see `Fetcher.give_key`."""
        return await self._fetcher.give_key(config_name, record, key)

    def _run(
        self,
        operation: str,
        config_name: str,
        unique_id: UniqueId,
        fingerprint: Hashable,
        work: Callable[[], Coroutine[Any, Any, T]],
    ) -> asyncio.Task[T]:
        return self._resources.tasks.join(
            (operation, config_name, unique_id, fingerprint), work, name=f"{operation} {config_name}/{unique_id}"
        )

    async def _finished(
        self, operation: str, task: "asyncio.Task[T]", config: ConfigRecord, time_limit: float | None
    ) -> T:
        limit = policy.caller_limit(config, policy.DEFAULT_MAX_TIMEOUT, time_limit)
        done, _ = await asyncio.wait({task}, timeout=limit)
        if not done or task.cancelled():
            raise ScmUnavailableError(operation, f"SCM has not answered {operation} yet; try again")
        return task.result()

    async def _renew(
        self, config_name: str, config: ConfigRecord, unique_id: UniqueId, request: RenewalRequest, waiting: Waiting
    ) -> Answer:
        answer = await self._order_renewal(config_name, config, unique_id, request)
        if isinstance(answer, OrderAnswer):
            return answer
        return await self._collector.until_issued_or_as_ordered(config_name, answer.record, waiting)

    async def _order_renewal(
        self, config_name: str, config: ConfigRecord, unique_id: UniqueId, request: RenewalRequest
    ) -> Answer:
        async with self._resources.locks.hold("operation", config_name, unique_id):
            record, open_order = await self._settled(config_name, config, unique_id)
            if open_order is not None:
                return open_order
            if not request.is_automatic:
                record = await self._without_deleted_renewal(config_name, record)
            current = _renewable(record)
            if request.is_automatic and (hold := hold_on_renewal(record, self._resources.clock.now())) is not None:
                raise RenewalHeldError(hold.reason)
            record = await self._with_flags(config_name, record, request.flags)
            in_flight = await self._renewal_in_flight(config_name, record)
            if in_flight is not None:
                await self._with_flags(config_name, in_flight.record, request.flags)
                return in_flight
            return await self._renewer.order(
                config_name, config, record, current, request, order_uuid=str(uuid.uuid4())
            )

    async def _without_deleted_renewal(self, config_name: str, record: CertificateRecord) -> CertificateRecord:
        """Return the record as if it was never renewed, where its renewal is deleted; the stored one keeps saying so.

        Deleting was somebody's decision: only who asks for another gets one.
        """
        if record.renewed_to is None:
            return record
        renewal = await self._resources.repository.certificate(config_name, record.renewed_to)
        return record if renewal is not None else record.model_copy(update={"renewed_to": None})

    async def _with_flags(
        self, config_name: str, record: CertificateRecord, said: WaitingAndRenewal
    ) -> CertificateRecord:
        """Store the waiting and renewal fields that a request carries with its certificate."""
        if said == WaitingAndRenewal():
            return record
        changed = await self._resources.change(config_name, record.unique_id, lambda stored: stored.with_flags(said))
        return changed or record

    async def _renewal_in_flight(self, config_name: str, record: CertificateRecord) -> CertificateAnswer | None:
        """Return the renewal that SCM accepted, unless SCM has rejected it since."""
        if record.successor is None:
            return None
        successor = await self._resources.repository.certificate(config_name, record.successor)
        if successor is None:
            return None
        if successor.order is not None and successor.order.in_trouble:
            answer = await self._collector.once_for_caller(config_name, successor)
            if answer.record.order is not None and answer.record.order.in_trouble:
                return None
            return answer
        return CertificateAnswer(successor)

    async def _replace(
        self,
        config_name: str,
        config: ConfigRecord,
        unique_id: UniqueId,
        request: ReplacementRequest,
        waiting: Waiting,
    ) -> Answer:
        async with self._resources.locks.hold("operation", config_name, unique_id):
            record, open_order = await self._settled(config_name, config, unique_id)
            if open_order is not None:
                return open_order
            self._replacer.check(record)
            record = await self._with_flags(config_name, record, request.flags)
            answer = await self._replacer.order(config_name, config, record, request, order_uuid=str(uuid.uuid4()))
        if isinstance(answer, OrderAnswer):
            return answer
        return await self._collector.until_issued_or_as_ordered(config_name, answer.record, waiting)

    async def _revoke(
        self, config_name: str, config: ConfigRecord, unique_id: UniqueId, reason: str
    ) -> CertificateAnswer:
        async with self._resources.locks.hold("operation", config_name, unique_id):
            record, open_order = await self._settled(config_name, config, unique_id)
            order = None if open_order is None else open_order.order
            if order is not None and order.operation is OrderOperation.REPLACE:
                raise ConflictError(_why_not_revoked(order, record))
            record = await self._without_replacement(config_name, record)
            answer = await self._revoker.revoke(
                config_name, config, record, order_uuid=str(uuid.uuid4()), reason=reason
            )
        if order is None or order.operation is not OrderOperation.RENEW:
            return answer
        return answer.with_warnings(
            f"what became of the renewal of {shown_time(order.created_at)} is not known yet: if SCM took it, another "
            "certificate comes of it, which is not revoked with this one"
        )

    async def _without_replacement(self, config_name: str, record: CertificateRecord) -> CertificateRecord:
        """Return the record once a replacement in flight is collected, or failed at SCM.

        SCM revokes its newest certificate: that would be the replacement, and the one in hand would stay valid.

        Raises:
            ConflictError: the replacement may still come.
        """
        if record.current is None or record.order is None:
            return record
        record = (await self._collector.once(config_name, record)).answer.record
        if record.order is not None and not record.order.in_trouble:
            raise ConflictError(
                "a replacement is under way, and SCM revokes the newest certificate: reading this one collects it, and "
                "then it can be revoked"
            )
        return record

    async def _fetch(
        self,
        config_name: str,
        config: ConfigRecord,
        scm_id: int,
        *,
        key: PrivateKey | None,
        requested: RequestedFields,
    ) -> CertificateAnswer:
        unique_id = UniqueId(f"{scm_id}_{config.customer_uri}")
        async with self._resources.locks.hold("operation", config_name, unique_id):
            stored = await self._resources.repository.certificate(config_name, unique_id)
            if stored is not None:
                return CertificateAnswer(stored)
            return await self._fetcher.fetch(
                config_name, config, scm_id, key=key, requested=requested, order_uuid=str(uuid.uuid4())
            )

    async def _settled(
        self, config_name: str, config: ConfigRecord, unique_id: UniqueId
    ) -> tuple[CertificateRecord, OrderAnswer | None]:
        """Return the record as it is now, and what an earlier operation left open and could not be settled."""
        record = await self._record(config_name, unique_id)
        if record.submitting is None:
            return record, None
        order = await self._resources.repository.order(config_name, record.submitting)
        if order is not None:
            answer = await self._settler.settle(config_name, config, order)
            if isinstance(answer, OrderAnswer):
                return record, answer
        return await self._record(config_name, unique_id), None

    async def _record(self, config_name: str, unique_id: UniqueId) -> CertificateRecord:
        record = await self._resources.repository.certificate(config_name, unique_id)
        if record is None:
            raise ConflictError(f'certificate "{unique_id}" has been deleted meanwhile')
        return record

    async def _renewal_so_far(self, config_name: str, unique_id: UniqueId) -> Answer:
        record = await self._record(config_name, unique_id)
        newest = record.renewed_to or record.successor
        successor = await self._resources.repository.certificate(config_name, newest) if newest else None
        if successor is not None:
            return await self._collector.time_is_over(config_name, successor)
        return await self._being_sent(config_name, record)

    async def _replacement_so_far(self, config_name: str, unique_id: UniqueId) -> Answer:
        record = await self._record(config_name, unique_id)
        if record.order is not None:
            return _of_replacement(await self._collector.time_is_over(config_name, record))
        return await self._being_sent(config_name, record)

    async def _being_sent(self, config_name: str, record: CertificateRecord) -> Answer:
        reading = f"reading certs/{config_name}/{record.unique_id} finds out what became of it; do not order again"
        order = await self._resources.repository.order(config_name, record.submitting) if record.submitting else None
        if order is None:
            return CertificateAnswer(record, (f"the request is still being worked on: {reading}",))
        warning = f"SCM has not answered the order {order_id(order.uuid)} yet: it is saved, and {reading}"
        return OrderAnswer(order.uuid, Status.TIMEOUT_STATE_SAVED, order, (warning,))


def waiting_of(wish: WaitingAndRenewal, record: CertificateRecord, config: ConfigRecord) -> Waiting:
    """Return the waiting that holds for a certificate: the request's, what was stored, the entry's."""
    return policy.waiting(wish, record.requested.waiting, config.defaults)


def config_or_error(config: ConfigRecord | None, config_name: str) -> ConfigRecord:
    """Return the config entry.

    Raises:
        UnknownConfigError: there is none.
    """
    if config is None:
        raise UnknownConfigError(config_name)
    return config


def _renewable(record: CertificateRecord) -> CurrentCertificate:
    if record.renewed_to is not None:
        raise ConflictError(f"the certificate is renewed already: its successor is {record.renewed_to}")
    if record.revoked_at is not None:
        raise ConflictError("the certificate is revoked: order a new one")
    if record.current is None:
        raise ConflictError("the certificate is not issued yet, so there is nothing to renew")
    if not policy.is_renewable(record):
        raise ConflictError(
            "a replacement is under way: reading the certificate collects it, and then it can be renewed"
        )
    return record.current


def _why_not_revoked(order: OrderRecord, record: CertificateRecord) -> str:
    """Say until when a replacement of which SCM's answer was lost stands in the way of a revocation."""
    latest = policy.SETTLE_AFTER if record.current is None else policy.longest_doubt(record.current)
    return (
        f"what became of the replacement of {shown_time(order.created_at)} is not known yet, and SCM revokes the "
        "newest certificate: revoking is possible once a read, or the background work, finds the replacement, or from "
        f"{shown_time(order.created_at + policy.SETTLE_AFTER)} on if SCM has not taken it, and at the latest at "
        f"{shown_time(order.created_at + latest)}; if that is too late, revoke the certificate in SCM"
    )


def _of_replacement(answer: Answer) -> Answer:
    """Show the replacement where it is still in flight; the certificate in hand is not what was asked for."""
    if isinstance(answer, CertificateAnswer) and answer.record.order is not None:
        return replace(answer, of_replacement=True)
    return answer
