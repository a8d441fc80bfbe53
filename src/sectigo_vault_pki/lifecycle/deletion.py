"""Deleting from Vault: certificates and orders, with their keys; nothing happens at SCM."""

from sectigo_vault_pki.errors import ConflictError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.event_log import LogEvent
from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.journal import Journal
from sectigo_vault_pki.lifecycle.orders.idempotency import Enrolments
from sectigo_vault_pki.lifecycle.orders.runner import Runner
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.steps import ORDER_ID, UNIQUE_ID
from sectigo_vault_pki.store import CertificateRecord, UniqueId


class Deletion:
    """Deletes what is stored, unless that could lose what SCM may have taken."""

    def __init__(self, resources: Resources, runner: Runner, journal: Journal, enrolments: Enrolments) -> None:
        self._resources = resources
        self._runner = runner
        self._journal = journal
        self._enrolments = enrolments

    async def delete(self, config_name: str, unique_id: str, *, force: bool, requested_by: str) -> None:
        """Delete a certificate, or an order by its `order-<uuid>`, and log who did; what is not there is no error.

        Raises:
            ConflictError: SCM may have taken an order for it and `force` is not set, or it is being sent.
        """
        if match := ORDER_ID.fullmatch(unique_id):
            await self._delete_order(config_name, match[1], force=force, requested_by=requested_by)
        elif UNIQUE_ID.fullmatch(unique_id):
            key = CertificateKey(config_name, UniqueId(unique_id))
            await self._delete_certificate(key, force=force, requested_by=requested_by)

    async def _delete_certificate(self, key: CertificateKey, *, force: bool, requested_by: str) -> None:
        repository = self._resources.repository
        if self._runner.is_under_way(key):
            raise ConflictError("something is being asked of SCM for this certificate right now; try again in a moment")
        record = await repository.certificate(*key)
        if record is not None:
            # A write-ahead entry that a crash left behind the deletion would bring the certificate back.
            await self._journal.hand_over_if_stored_now(key, record.order_uuid)
        async with self._resources.locks.hold("certificate", *key):
            record = await repository.certificate(*key)
            if record is not None and record.submitting is not None and not force:
                raise ConflictError(
                    "SCM may have taken an order for this certificate, whose private key goes with it; read it to find "
                    "out, or delete it with sectigo_force=true"
                )
            await repository.delete_certificate(*key, before=record)
        if record is not None:
            await self.follow_up(key.config_name, record, requested_by)

    async def follow_up(self, config_name: str, record: CertificateRecord, requested_by: str) -> None:
        """Log that a certificate has just been deleted, and delete what leads to it: ids of orders and of a request."""
        self._resources.log.certificate(LogEvent.DELETED, config_name, record, requested_by=requested_by)
        if record.submitting is not None:
            await self._journal.remove(config_name, record.submitting)
        for order_uuid in filter(None, (record.order_uuid, *record.aliases)):
            await self._resources.repository.delete_certificate_of_order(config_name, order_uuid)
        await self._enrolments.release(config_name, record.request_id, record.order_uuid)
        if record.renewed_from is not None:
            renewed = CertificateKey(config_name, record.renewed_from)
            await note_deleted_renewal(self._resources, renewed, record.unique_id)

    async def _delete_order(self, config_name: str, order_uuid: str, *, force: bool, requested_by: str) -> None:
        repository = self._resources.repository
        if self._enrolments.is_under_way(config_name, order_uuid):
            raise ConflictError("the order is being sent to SCM right now; read it again in a moment")
        unique_id = await repository.certificate_of_order(config_name, order_uuid)
        if unique_id is not None:
            raise ConflictError(f"the order has become certificate {unique_id}; delete that one")
        order = await repository.order(config_name, order_uuid)
        if order is None:
            return
        if not force:
            if self._runner.is_not_booked(order_uuid):
                raise ConflictError(answers.NOTHING_BOUGHT)
            raise ConflictError(
                "SCM may have taken this order, and its private key goes with it; delete it with sectigo_force=true "
                "if that is what you want, or read it to find out"
            )
        if order.unique_id is not None:
            await self._journal.close(config_name, order, lambda record: record)
            self._resources.log.order(LogEvent.ORDER_DELETED, config_name, order, requested_by=requested_by)
            return
        await repository.delete_order(config_name, order_uuid)
        self._resources.log.order(LogEvent.ORDER_DELETED, config_name, order, requested_by=requested_by)
        await self._enrolments.release(config_name, order.request_id, order_uuid)


async def note_deleted_renewal(resources: Resources, renewed: CertificateKey, renewal: UniqueId) -> None:
    """Note with a renewed certificate that its renewal is not stored any more, if that is so: `status` warns of it."""
    if await resources.repository.certificate_once(renewed.config_name, renewal) is not None:
        return
    now = resources.clock.now()

    def change(record: CertificateRecord) -> CertificateRecord:
        if record.renewed_to != renewal or record.renewal_deleted_at is not None:
            return record
        return record.model_copy(update={"renewal_deleted_at": now})

    await resources.change(renewed, change)
