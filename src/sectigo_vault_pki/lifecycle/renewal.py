"""Renewing: a new order at SCM, under a new id. The old certificate stays valid, and `Renewed` once the new is there.

The key stays, unless the request says otherwise; SCM renews client certificates with the key they have.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr

from sectigo_vault_pki.lifecycle.accepting import Acceptor
from sectigo_vault_pki.lifecycle.answers import Answer, CertificateAnswer, unsettled
from sectigo_vault_pki.lifecycle.families import FAMILIES
from sectigo_vault_pki.lifecycle.keys import KeyWish, new_key_and_csr
from sectigo_vault_pki.lifecycle.names import search_name
from sectigo_vault_pki.lifecycle.resources import Change, Resources
from sectigo_vault_pki.lifecycle.sending import send
from sectigo_vault_pki.lifecycle.states import Accepted, AnswerLost, NotSent, Refused, Unnamed
from sectigo_vault_pki.lifecycle.write_ahead import WriteAhead
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.store import (
    CertificateRecord,
    ConfigRecord,
    CurrentCertificate,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    RefusedRenewal,
    Status,
    StorageError,
    UniqueId,
)

_log = logging.getLogger(__name__)

FIRST_RETRY = timedelta(hours=1)
LAST_RETRY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class RenewalRequest:
    """How to renew.

    Attributes:
        wish: another key or CSR.
        new_key: whether the key changes where the wish names none.
    """

    wish: KeyWish = field(default_factory=KeyWish)
    new_key: bool = False

    def fingerprint(self) -> str:
        """Return what tells one request from another, without showing a key."""
        return f"{self.new_key} {self.wish.fingerprint()}"

    @property
    def keeps_key(self) -> bool:
        return not self.new_key and self.wish.csr is None and self.wish.private_key is None


class Renewer:
    """Orders renewals. The caller holds the certificate's operation lock."""

    def __init__(self, resources: Resources, write_ahead: WriteAhead, acceptor: Acceptor) -> None:
        self._resources = resources
        self._write_ahead = write_ahead
        self._acceptor = acceptor

    async def order(
        self,
        config_name: str,
        config: ConfigRecord,
        record: CertificateRecord,
        current: CurrentCertificate,
        request: RenewalRequest,
        *,
        order_uuid: str,
    ) -> Answer:
        """Order a renewal, and answer the new certificate's record, or the order where SCM's answer was lost.

        Raises:
            ScmRefusedError, ScmUnavailableError: SCM took nothing.
            StorageError: nothing was sent.
        """
        order = await self._prepare(config_name, config, record, current, request=request, order_uuid=order_uuid)
        await self._write_ahead.open(config_name, record.unique_id, order)
        call = self._renew(config_name, config, record, order)
        match await send(call, config_name=config_name, order=order):
            case Accepted(scm_id):
                return await self.accepted(config_name, config, record, order, scm_id)
            case Unnamed():
                return unsettled(order, "SCM accepted the renewal without naming it", config_name)
            case AnswerLost(error):
                return unsettled(order, f"SCM's answer to the renewal was lost ({error})", config_name)
            case Refused(error):
                refusal = _refused(str(error), self._resources.clock.now())
                await self._write_ahead.close(config_name, record.unique_id, order, refusal)
                raise error
            case NotSent(error):
                await self._write_ahead.close(config_name, record.unique_id, order, lambda stored: stored)
                raise error

    async def _renew(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, order: OrderRecord
    ) -> Accepted | Unnamed:
        async with self._resources.clients.lend(config_name, config) as client:
            return await FAMILIES[record.certificate_type].renew(client, record.scm_id, order)

    async def accepted(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, order: OrderRecord, scm_id: int
    ) -> Answer:
        """Store the new certificate's record, then let the old one point at it."""
        renewed = _successor(record, order, scm_id, config, self._resources.clock.now())
        try:
            stored = await self._acceptor.store(config_name, order.uuid, renewed)
            await self._write_ahead.close(config_name, record.unique_id, order, _points_at(stored.unique_id))
        except StorageError:
            _log.exception("an accepted renewal could not be stored", extra={"kv": {"config": config_name}})
            return unsettled(order, "SCM took the renewal, and its id could not be stored", config_name)
        return CertificateAnswer(stored)

    async def _prepare(
        self,
        config_name: str,
        config: ConfigRecord,
        record: CertificateRecord,
        current: CurrentCertificate,
        *,
        request: RenewalRequest,
        order_uuid: str,
    ) -> OrderRecord:
        async with self._resources.clients.lend(config_name, config) as client:
            listed, _ = await FAMILIES[record.certificate_type].listed(client, search_name(record))
        chain = CertificateChain.from_pem(current.bundle)
        order = OrderRecord(
            uuid=order_uuid,
            operation=OrderOperation.RENEW,
            certificate_type=record.certificate_type,
            common_name=record.common_name,
            unique_id=record.unique_id,
            private_key=current.private_key,
            key_digest=chain.public_key_digest.hex(),
            key_type=chain.key_type,
            requested=record.requested,
            created_at=self._resources.clock.now(),
            listed_ids=tuple(entry.scm_id for entry in listed),
        )
        if request.keeps_key:
            # Left to itself, SCM may take the first order's CSR after a replacement (scm-api.md 3.5).
            was_replaced = bool(record.earlier) or record.order is not None
            return order.model_copy(update={"csr": current.csr}) if was_replaced else order
        made = await new_key_and_csr(self._resources, record, current, request.wish)
        return OrderRecord.model_validate(
            order.model_dump()
            | {
                "common_name": made.csr.common_name or record.common_name,
                "csr": made.csr.pem,
                "private_key": SecretStr(made.private_key.pem) if made.private_key else None,
                "key_digest": made.csr.public_key_digest.hex(),
                "key_type": made.csr.key_type,
            }
        )


def _successor(
    record: CertificateRecord, order: OrderRecord, scm_id: int, config: ConfigRecord, now: datetime
) -> CertificateRecord:
    csr = order.csr or (record.current.csr if record.current else "")
    return CertificateRecord(
        unique_id=UniqueId(f"{scm_id}_{config.customer_uri}"),
        certificate_type=record.certificate_type,
        scm_id=scm_id,
        common_name=order.common_name,
        key_type=order.key_type,
        requested=order.requested,
        order_uuid=order.uuid,
        order=OrderInFlight(
            uuid=order.uuid,
            operation=OrderOperation.RENEW,
            csr=csr,
            private_key=order.private_key,
            key_digest=order.key_digest,
            accepted_at=now,
        ),
        history=(HistoryEntry(status=Status.APPLIED, at=now),),
        renewed_from=record.unique_id,
    )


def _points_at(successor: UniqueId) -> Change:
    def change(record: CertificateRecord) -> CertificateRecord:
        if record.renewed_to is not None:  # the successor was collected before this was known
            return record
        return record.model_copy(update={"successor": successor, "refused_renewal": None})

    return change


def _refused(text: str, now: datetime) -> Change:
    def change(record: CertificateRecord) -> CertificateRecord:
        times = record.refused_renewal.times + 1 if record.refused_renewal else 1
        wait = min(FIRST_RETRY * 2 ** min(times - 1, 10), LAST_RETRY)
        refusal = RefusedRenewal(times=times, retry_at=now + wait, text=text)
        return record.model_copy(update={"refused_renewal": refusal})

    return change


def renewed(successor: UniqueId, now: datetime) -> Change:
    """Return the change of a certificate whose renewal has been collected."""

    def change(record: CertificateRecord) -> CertificateRecord:
        if record.renewed_to is not None:
            return record
        linked = record.model_copy(update={"renewed_to": successor, "successor": None})
        return linked.with_history(HistoryEntry(status=Status.RENEWED, at=now))

    return change
