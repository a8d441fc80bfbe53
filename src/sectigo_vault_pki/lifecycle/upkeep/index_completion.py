"""Completing the index: entries and summaries of certificates that an earlier version stored, or a failed write left.

Once, in the background, a page after the other and at a quarter of the time: lists read records meanwhile. Whatever
interrupts it, the next run skips the certificates that have their summaries.
"""

import asyncio
import logging
from collections.abc import Callable

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.deletion import note_deleted_renewal
from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import StorageError

_log = logging.getLogger(__name__)

PAGE = 100
TOGETHER = 10
"""Certificates that are completed at once: storage that waits for a disk writes theirs together."""
REST = 3.0
"""How much longer it rests behind a page than that took."""

NoteLeftOut = Callable[[CertificateKey, Exception], None]
"""Told of a certificate that cannot be read, and why."""


async def complete_index(resources: Resources, note_left_out: NoteLeftOut) -> None:
    """Write what is missing, unless that was done once.

    Raises:
        StorageError: it goes on with a later run.
    """
    repository = resources.repository
    try:
        if await repository.is_index_complete():
            return
    except RecordError as error:
        _log.warning("the index is completed anew", extra={"kv": {"error": str(error)}})
    for config_name in await repository.configs_with_certificates():
        after, loop = "", asyncio.get_running_loop()
        while ids := await repository.unique_ids_page(config_name, after=after, limit=PAGE):
            began, after = loop.time(), ids[-1]
            have = {entry.unique_id for entry in await repository.summaries.between(config_name, ids[0], ids[-1])}
            lacking = [CertificateKey(config_name, unique_id) for unique_id in ids if unique_id not in have]
            for start in range(0, len(lacking), TOGETHER):
                some = lacking[start : start + TOGETHER]
                await asyncio.gather(*(_complete(resources, key, note_left_out) for key in some))
            await asyncio.sleep((loop.time() - began) * REST)
    await repository.put_index_complete()


async def _complete(resources: Resources, key: CertificateKey, note_left_out: NoteLeftOut) -> None:
    try:
        record = await resources.repository.certificate_once(*key)
        if record is not None and record.renewed_to is not None and record.renewal_deleted_at is None:
            await note_deleted_renewal(resources, key, record.renewed_to)
        await resources.complete_index(key)
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001  whatever is stored, the others are another matter
        note_left_out(key, error)
