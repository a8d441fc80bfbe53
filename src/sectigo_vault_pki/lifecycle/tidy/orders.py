"""What orders have left behind that leads to nothing: entries of the journal, and the ids of orders and requests."""

from datetime import timedelta

from sectigo_vault_pki.errors import ConflictError
from sectigo_vault_pki.lifecycle.answers import order_id
from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.rules.backoff import LAST_RETRY
from sectigo_vault_pki.lifecycle.tidy.tools import Tools
from sectigo_vault_pki.store import OrderRecord, TidyRun


class OrderTidying:
    """Judges what is left of a config entry's orders, and deletes it.

    Every method returns whether the entry is deleted, or would be by a run that is no dry run.
    """

    def __init__(self, tools: Tools, run: TidyRun, config_name: str) -> None:
        self._tools = tools
        self._resources = tools.resources
        self._repository = tools.resources.repository
        self._config_name = config_name
        self._dry_run = run.dry_run
        self._requested_by = run.requested_by
        self._oldest = max(timedelta(seconds=run.rules.safety_buffer), LAST_RETRY)

    async def journal_entry(self, order_uuid: str) -> bool:
        """Delete an entry that was never sent, or an enrolment's that SCM certainly does not have.

        Raises:
            RecordError: it, or the certificate that it is about, cannot be read.
        """
        order = await self._repository.order(self._config_name, order_uuid)
        if order is None or self._resources.clock.now() - order.created_at <= self._oldest:
            return False
        if order.unique_id is not None:
            return await self._entry_of_certificate(order, CertificateKey(self._config_name, order.unique_id))
        if not self._tools.runner.is_not_booked(order_uuid):
            return False
        if await self._repository.certificate_of_order(self._config_name, order_uuid) is not None:
            return False
        if not self._dry_run:
            try:
                await self._tools.deletion.delete(
                    self._config_name, order_id(order_uuid), force=True, requested_by=self._requested_by
                )
            except ConflictError:  # somebody has begun to settle it
                return False
        return True

    async def _entry_of_certificate(self, order: OrderRecord, key: CertificateKey) -> bool:
        if self._tools.runner.is_under_way(key):
            return False
        async with self._resources.locks.hold("certificate", *key):
            record = await self._repository.certificate_once(*key)
            if record is not None and record.submitting == order.uuid:
                return False
            if not self._dry_run:
                await self._repository.delete_order(key.config_name, order.uuid)
        return True

    async def order_index(self, order_uuid: str) -> bool:
        """Delete the id of an order whose certificate is not stored any more.

        Raises:
            RecordError: the entry cannot be read.
        """
        if self._tools.enrolments.is_under_way(self._config_name, order_uuid):
            return False
        async with self._resources.locks.hold("order", self._config_name, order_uuid):
            named = await self._repository.named_certificate(self._config_name, order_uuid)
            if named is None or await self._repository.is_certificate_stored(self._config_name, named):
                return False
            if await self._repository.order(self._config_name, order_uuid) is not None:
                return False
            if not self._dry_run:
                await self._repository.delete_certificate_of_order(self._config_name, order_uuid)
        return True

    async def request_index(self, request_id_digest: str) -> bool:
        """Delete what a request id stands for, if nothing is stored of that order.

        Raises:
            RecordError: the entry cannot be read.
        """
        return await self._tools.enrolments.forget_void(self._config_name, request_id_digest, dry_run=self._dry_run)
