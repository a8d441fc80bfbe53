"""Replacing: another certificate under the same id, with a new key. The old one stays in hand until then."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr

from sectigo_vault_pki.errors import ConflictError, RecordError
from sectigo_vault_pki.lifecycle.answers import Answer, CertificateAnswer, unsettled
from sectigo_vault_pki.lifecycle.keys import KeyWish, new_key_and_csr
from sectigo_vault_pki.lifecycle.names import names_of_successor
from sectigo_vault_pki.lifecycle.order_limits import OrderLimits
from sectigo_vault_pki.lifecycle.policy import SETTLE_AFTER
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.sending import send
from sectigo_vault_pki.lifecycle.states import Accepted, AnswerLost, NotSent, Refused, Unnamed
from sectigo_vault_pki.lifecycle.write_ahead import WriteAhead
from sectigo_vault_pki.scm import CERTIFICATE_APIS
from sectigo_vault_pki.store import (
    CertificateRecord,
    ConfigRecord,
    CurrentCertificate,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    StorageError,
    WaitingAndRenewal,
)


@dataclass(frozen=True, slots=True)
class ReplacementRequest:
    """What takes a certificate's place, and why.

    Attributes:
        revoke_replaced: for client certificates.
        flags: waiting and renewal fields to store with the certificate.
    """

    reason: str
    wish: KeyWish = field(default_factory=KeyWish)
    revoke_replaced: bool = False
    flags: WaitingAndRenewal = field(default_factory=WaitingAndRenewal)

    def fingerprint(self) -> str:
        """Return what tells one request from another, without showing a key."""
        return f"{self.revoke_replaced} {self.reason} {self.flags!r} {self.wish.fingerprint()}"


class Replacer:
    """Orders replacements. The caller holds the certificate's operation lock."""

    def __init__(self, resources: Resources, write_ahead: WriteAhead, limits: OrderLimits) -> None:
        self._resources = resources
        self._write_ahead = write_ahead
        self._limits = limits

    async def order(
        self,
        config_name: str,
        config: ConfigRecord,
        record: CertificateRecord,
        request: ReplacementRequest,
        *,
        order_uuid: str,
    ) -> Answer:
        """Order a replacement; the answered record then has it in flight.

        One that is in flight for long may be ordered anew, as only SCM knows whether it still comes.

        Raises:
            ConflictError: there is nothing that can be replaced now.
            OrderLimitError, StorageMovedError: nothing may be ordered.
            InvalidInputError: no CSR can be made of the request.
            ScmRefusedError, ScmUnavailableError: SCM took nothing.
            StorageError: nothing was sent.
        """
        now = self._resources.clock.now()
        current = self.check(record)
        made = await new_key_and_csr(self._resources, record, current, request.wish)
        names = request.wish.subject_alt_names
        order = OrderRecord(
            uuid=order_uuid,
            operation=OrderOperation.REPLACE,
            certificate_type=record.certificate_type,
            common_name=made.csr.common_name or record.common_name,
            unique_id=record.unique_id,
            csr=made.csr.pem,
            private_key=SecretStr(made.private_key.pem) if made.private_key else None,
            key_digest=made.csr.public_key_digest.hex(),
            key_type=made.csr.key_type,
            requested=record.requested,
            created_at=now,
            reason=request.reason,
            subject_alt_names=made.csr.subject_alt_names if names is None else names,
            revoke_replaced=request.revoke_replaced,
        )
        async with self._limits.admission(config_name, config, now):
            await self._write_ahead.open(config_name, record.unique_id, order)
            return await self._send(config_name, config, record, order)

    def check(self, record: CertificateRecord) -> CurrentCertificate:
        """Return what would be replaced.

        Raises:
            ConflictError: there is nothing that can be replaced now.
        """
        if record.current is None:
            raise ConflictError("the certificate is not issued yet, so there is nothing to replace")
        if record.revoked_at is not None:
            raise ConflictError("the certificate is revoked: order a new one")
        now = self._resources.clock.now()
        if record.order is not None and timedelta(0) <= now - record.order.accepted_at < SETTLE_AFTER:
            raise ConflictError("a replacement is under way: reading the certificate collects it")
        return record.current

    async def _send(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, order: OrderRecord
    ) -> Answer:
        call = self._replace(config_name, config, record, order)
        match await send(call, config_name=config_name, order=order):
            case Accepted() | Unnamed():
                return await self.accepted(config_name, record, order)
            case AnswerLost(error):
                return unsettled(order, f"SCM's answer to the replacement was lost ({error})", config_name)
            case Refused(error) | NotSent(error):
                await self._write_ahead.close(config_name, record.unique_id, order, lambda stored: stored)
                raise error

    async def _replace(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, order: OrderRecord
    ) -> Accepted:
        async with self._resources.clients.lend(config_name, config) as client:
            await CERTIFICATE_APIS[record.certificate_type].replace(client, record.scm_id, order)
        return Accepted(record.scm_id)

    async def accepted(self, config_name: str, record: CertificateRecord, order: OrderRecord) -> Answer:
        """Store the replacement as in flight."""
        in_flight = replacement_in_flight(order, self._resources.clock.now())
        try:
            changed = await self._write_ahead.close(
                config_name, record.unique_id, order, lambda stored: stored.with_order(in_flight)
            )
        except (StorageError, RecordError):
            return unsettled(order, "SCM took the replacement, and that could not be stored", config_name)
        return CertificateAnswer(changed or record)


def replacement_in_flight(order: OrderRecord, accepted_at: datetime) -> OrderInFlight:
    """Return a replacement as its certificate's record has it once SCM has taken it."""
    return OrderInFlight(
        uuid=order.uuid,
        operation=OrderOperation.REPLACE,
        csr=order.csr,
        private_key=order.private_key,
        key_digest=order.key_digest,
        accepted_at=accepted_at,
        revoke_replaced=order.revoke_replaced,
        names=names_of_successor(order),
    )
