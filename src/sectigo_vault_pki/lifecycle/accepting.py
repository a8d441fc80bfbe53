"""Storing what SCM just named: the certificate's record under its id, then the way to it from the order's uuid."""

import asyncio
import logging

from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.store import CertificateRecord, HistoryEntry, Status, StorageError, UniqueId

_log = logging.getLogger(__name__)


class Acceptor:
    """Stores new records, and never over another order's."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def store(
        self, config_name: str, order_uuid: str, record: CertificateRecord, *, led_to_by_order: bool = False
    ) -> CertificateRecord:
        """Store the record, unless it is there already, and return what is stored.

        Args:
            config_name: the config entry that was ordered under.
            order_uuid: the order's.
            record: what SCM named.
            led_to_by_order: whether the caller keeps the write-ahead entry until `WriteAhead.hand_over`.

        Raises:
            StorageError: it could not be stored, or SCM gave an id that belongs to another order.
        """
        return await self._resources.tasks.finish(
            self._store(config_name, order_uuid, record, led_to_by_order=led_to_by_order)
        )

    async def keep_readable(self, config_name: str, order_uuid: str, unique_id: UniqueId) -> None:
        """Let the id `order-<uuid>`, which a caller may know, lead to a certificate, as long as that is stored."""
        if await self._resources.repository.certificate_of_order(config_name, order_uuid) is not None:
            return
        await self._resources.change(
            config_name, unique_id, lambda stored: stored.model_copy(update={"aliases": (*stored.aliases, order_uuid)})
        )
        await self._store_index(config_name, order_uuid, unique_id)

    async def _store(
        self, config_name: str, order_uuid: str, record: CertificateRecord, *, led_to_by_order: bool
    ) -> CertificateRecord:
        repository, locks = self._resources.repository, self._resources.locks
        # Whoever lists meanwhile sees the order or the certificate, and never both.
        async with (
            locks.hold("order", config_name, order_uuid),
            locks.hold("certificate", config_name, record.unique_id),
        ):
            before = existing = await repository.certificate(config_name, record.unique_id)
            if existing is not None and existing.order_uuid is None:
                record, existing = _of_fetched(existing, record), None
            if existing is not None and existing.order_uuid != order_uuid:
                raise StorageError(f"{record.unique_id} is stored already and belongs to another order")
            index = self._store_index(config_name, order_uuid, record.unique_id)
            if existing is not None:
                await index
                return existing
            putting = repository.put_certificate(config_name, record, before=before, led_to_by_order=led_to_by_order)
            await asyncio.gather(putting, index)
        return record

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
