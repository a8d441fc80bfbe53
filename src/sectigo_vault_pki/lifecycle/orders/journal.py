"""Write-ahead for what is asked of SCM about a stored certificate: renewal, replacement, revocation.

The entry is stored first, then the certificate points at it, then SCM is called. An entry that no certificate points
at was therefore never sent.
"""

import logging

from sectigo_vault_pki.errors import ConflictError
from sectigo_vault_pki.lifecycle.resources import Change, Resources
from sectigo_vault_pki.store import CertificateRecord, OrderRecord, StorageError, UniqueId

_log = logging.getLogger(__name__)


class WriteAhead:
    """Opens and closes entries."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def open(self, config_name: str, unique_id: UniqueId, order: OrderRecord) -> None:
        """Store the entry and let the certificate point at it.

        Raises:
            ConflictError: the certificate is gone.
            StorageError: nothing may be sent.
        """
        resources = self._resources
        await resources.tasks.finish(resources.repository.put_order(config_name, order))
        pointing = await resources.change(
            config_name, unique_id, lambda record: record.model_copy(update={"submitting": order.uuid})
        )
        if pointing is None:
            await self.remove(config_name, order.uuid)
            raise ConflictError("the certificate has been deleted meanwhile")

    async def close(
        self, config_name: str, unique_id: UniqueId, order: OrderRecord, outcome: Change
    ) -> CertificateRecord | None:
        """Store the outcome in the certificate, which points at nothing any more, then remove the entry.

        Raises:
            StorageError: the outcome is not stored; the entry stands, and is settled at the next touch.
        """

        def change(record: CertificateRecord) -> CertificateRecord:
            if record.submitting == order.uuid:
                record = record.model_copy(update={"submitting": None})
            return outcome(record)

        changed = await self._resources.change(config_name, unique_id, change)
        await self.remove(config_name, order.uuid)
        return changed

    async def hand_over(self, config_name: str, order_uuid: str, unique_id: UniqueId) -> None:
        """Let the agenda lead to an enrolled certificate, and remove the entry that has led to it so far.

        What cannot be written leaves the entry where it is, and a later touch hands over.
        """
        try:
            await self._resources.tasks.finish(self._hand_over(config_name, order_uuid, unique_id))
        except StorageError:
            _log.warning(
                "an accepted order could not hand over to the agenda yet",
                extra={"kv": {"config": config_name, "order": order_uuid, "unique_id": unique_id}},
            )

    async def _hand_over(self, config_name: str, order_uuid: str, unique_id: UniqueId) -> None:
        repository = self._resources.repository
        async with self._resources.locks.hold("certificate", config_name, unique_id):
            record = await repository.certificate(config_name, unique_id)
            await repository.lead_by_agenda(config_name, unique_id, record)
        await repository.delete_order(config_name, order_uuid)

    async def remove(self, config_name: str, order_uuid: str) -> None:
        """Remove an entry that says nothing any more; one that stays behind goes at a later touch."""
        resources = self._resources
        try:
            await resources.tasks.finish(resources.repository.delete_order(config_name, order_uuid))
        except StorageError:
            _log.warning(
                "a write-ahead entry could not be removed",
                extra={"kv": {"config": config_name, "order": order_uuid}},
            )
