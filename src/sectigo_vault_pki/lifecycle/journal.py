"""The journal: what is asked of SCM is stored before SCM hears of it, and its outcome before the entry goes.

An enrolment's entry stands alone until SCM has named the certificate. Any other entry is about a stored certificate:
it is stored first, then the certificate points at it, then SCM is called. An entry that its certificate does not point
at was therefore never sent.
"""

import asyncio
import logging

from sectigo_vault_pki.errors import ConflictError
from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.evidence import Change
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.store import CertificateRecord, HistoryEntry, OrderRecord, Status, StorageError, UniqueId

_log = logging.getLogger(__name__)


class Journal:
    """Opens and closes entries, and stores the certificates that come of them."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def open(self, config_name: str, order: OrderRecord) -> None:
        """Store an entry, and let the certificate that it is about point at it.

        Raises:
            ConflictError: that certificate is gone.
            StorageError: nothing may be sent.
        """
        resources = self._resources
        await resources.tasks.finish(resources.repository.put_order(config_name, order))
        if order.unique_id is None:
            return
        pointing = await resources.change(
            CertificateKey(config_name, order.unique_id),
            lambda record: record.model_copy(update={"submitting": order.uuid}),
        )
        if pointing is None:
            await self.remove(config_name, order.uuid)
            raise ConflictError("the certificate has been deleted meanwhile")

    async def close(self, config_name: str, order: OrderRecord, outcome: Change) -> CertificateRecord | None:
        """Store the outcome in the certificate that an entry is about, then remove the entry.

        Returns:
            The certificate's record; None for an enrolment, and where it is deleted.

        Raises:
            StorageError: the outcome is not stored; the entry stands, and is settled at the next touch.
        """

        def change(record: CertificateRecord) -> CertificateRecord:
            if record.submitting == order.uuid:
                record = record.model_copy(update={"submitting": None})
            return outcome(record)

        changed = None
        if order.unique_id is not None:
            key = CertificateKey(config_name, order.unique_id)
            changed = await self._resources.change(key, change, requested_by=order.requested_by)
        await self.remove(config_name, order.uuid)
        return changed

    async def remove(self, config_name: str, order_uuid: str) -> None:
        """Remove an entry that says nothing any more; one that stays behind goes at a later touch."""
        resources = self._resources
        try:
            await resources.tasks.finish(resources.repository.delete_order(config_name, order_uuid))
        except StorageError:
            _log.warning(
                "a write-ahead entry could not be removed", extra={"kv": {"config": config_name, "order": order_uuid}}
            )

    async def store(self, config_name: str, order: OrderRecord, record: CertificateRecord) -> CertificateRecord:
        """Store the certificate that SCM named for an order, unless it is there already, and return what is stored.

        An enrolment's entry leads to it until `hand_over`.

        Raises:
            StorageError: it could not be stored, or SCM gave an id that belongs to another order.
        """
        return await self._resources.tasks.finish(self._store(config_name, order, record))

    async def _store(self, config_name: str, order: OrderRecord, record: CertificateRecord) -> CertificateRecord:
        repository, locks = self._resources.repository, self._resources.locks
        # A list made meanwhile shows the order or the certificate, and never both.
        async with (
            locks.hold("order", config_name, order.uuid),
            locks.hold("certificate", config_name, record.unique_id),
        ):
            before = existing = await repository.certificate(config_name, record.unique_id)
            if existing is not None and existing.order_uuid is None:
                record, existing = _of_fetched(existing, record), None
            if existing is not None and existing.order_uuid != order.uuid:
                raise StorageError(f"{record.unique_id} is stored already and belongs to another order")
            index = self._store_index(config_name, order.uuid, record.unique_id)
            if existing is not None:
                await index
                return existing
            putting = repository.put_certificate(
                config_name, record, before=before, led_to_by_order=order.unique_id is None
            )
            await asyncio.gather(putting, index)
        return record

    async def hand_over(self, key: CertificateKey, order_uuid: str) -> None:
        """Let the agenda lead to an enrolled certificate, and remove the entry that has led to it so far.

        What cannot be written leaves the entry where it is, and a later touch hands over.
        """
        try:
            await self._resources.tasks.finish(self._hand_over(key, order_uuid))
        except StorageError:
            _log.warning(
                "an accepted order could not hand over to the agenda yet",
                extra={"kv": {"config": key.config_name, "order": order_uuid, "unique_id": key.unique_id}},
            )

    async def hand_over_if_stored_now(self, key: CertificateKey, order_uuid: str | None) -> None:
        """Hand over a certificate that this process has stored, if that was not done yet."""
        if order_uuid is not None and self._resources.repository.is_led_to_by_order(*key):
            await self.hand_over(key, order_uuid)

    async def _hand_over(self, key: CertificateKey, order_uuid: str) -> None:
        repository = self._resources.repository
        async with self._resources.locks.hold("certificate", *key):
            await repository.lead_by_agenda(*key, await repository.certificate(*key))
        await repository.delete_order(key.config_name, order_uuid)

    async def keep_readable(self, key: CertificateKey, order_uuid: str) -> None:
        """Let the id `order-<uuid>`, which a caller may know, lead to a certificate, as long as that is stored."""
        if await self._resources.repository.certificate_of_order(key.config_name, order_uuid) is not None:
            return
        await self._resources.change(
            key, lambda stored: stored.model_copy(update={"aliases": (*stored.aliases, order_uuid)})
        )
        await self._store_index(key.config_name, order_uuid, key.unique_id)

    async def open_entry(self, config_name: str, order_uuid: str) -> OrderRecord | None:
        """Return an entry of which it is not known what became of it; one that says nothing any more is removed.

        The caller makes sure that this process is not working on it.
        """
        repository = self._resources.repository
        order = await repository.order(config_name, order_uuid)
        if order is None:
            return None
        if order.unique_id is None:
            named = await repository.certificate_of_order(config_name, order_uuid)
            if named is None:
                return order
            await self.hand_over(CertificateKey(config_name, named), order_uuid)
            return None
        record = await repository.certificate(config_name, order.unique_id)
        if record is not None and record.submitting == order_uuid:
            return order
        await self.remove(config_name, order_uuid)
        return None

    async def _store_index(self, config_name: str, order_uuid: str, unique_id: UniqueId) -> None:
        try:
            await self._resources.repository.put_certificate_of_order(config_name, order_uuid, unique_id)
        except StorageError:
            _log.warning(
                "the index of an accepted order could not be stored",
                extra={"kv": {"config": config_name, "order": order_uuid, "unique_id": unique_id}},
            )


def _of_fetched(fetched: CertificateRecord, ordered: CertificateRecord) -> CertificateRecord:
    """Return the order's record with what was fetched by its number before SCM's answer was known here."""
    merged = ordered.model_copy(update={"history": fetched.history + ordered.history, "revoked_at": fetched.revoked_at})
    if fetched.current is None or ordered.order is None:
        return merged
    held = fetched.current.model_copy(update={"csr": ordered.order.csr, "private_key": ordered.order.private_key})
    if CertificateChain.from_pem(held.bundle).public_key_digest.hex() != ordered.order.key_digest:
        return merged.model_copy(update={"current": fetched.current})
    issued = HistoryEntry(status=Status.ISSUED, at=ordered.history[-1].at)
    return merged.model_copy(update={"current": held, "order": None}).with_history(issued)
