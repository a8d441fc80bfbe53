"""Typed records over a mount's storage."""

import asyncio
import logging
from collections.abc import Awaitable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

from sectigo_vault_pki.errors import RecordError, StorageMovedError
from sectigo_vault_pki.store import layout
from sectigo_vault_pki.store.base import EmptyEntry
from sectigo_vault_pki.store.cache import RecordCache
from sectigo_vault_pki.store.certificate_records import (
    CertificateRecord,
    OrderIndex,
    OrderRecord,
    RequestIndex,
)
from sectigo_vault_pki.store.config_store import ConfigStore
from sectigo_vault_pki.store.index import AgendaEntry, index_keys
from sectigo_vault_pki.store.index_reader import IndexReader
from sectigo_vault_pki.store.layout import UniqueId
from sectigo_vault_pki.store.summaries import (
    CertificateSummary,
    Summaries,
    Summarise,
    SummaryEntry,
    condition_of,
)
from sectigo_vault_pki.store.tally import Tally
from sectigo_vault_pki.vault_plugin.logical import Storage, StorageError

_log = logging.getLogger(__name__)


class Repository(ConfigStore, IndexReader):
    """The records of one mount. Storage errors pass through with the host's text.

    Config entries, certificates and roles are cached; orders and index entries, which are read once or twice, are not.

    Attributes:
        summaries: of its certificates.
        tally: of its certificates, once somebody has counted them.
    """

    def __init__(
        self, storage: Storage, cache: RecordCache | None = None, *, summarise: Summarise | None = None
    ) -> None:
        """Prepare.

        Args:
            storage: the mount's.
            cache: keeps what is read often; None: one of its own.
            summarise: makes the summaries; None: there are none.
        """
        super().__init__(storage, cache)
        self.summaries = Summaries(storage)
        self.tally = Tally()
        self._summarise = summarise
        self._led_to_by_orders: set[str] = set()
        self._is_marked = False

    def invalidate(self, key: str) -> None:
        """Drop what is kept of a key that another node has changed."""
        super().invalidate(key)
        if key.startswith(layout.CERTIFICATES):
            self.tally = Tally()

    async def has_certificates(self, config_name: str) -> bool:
        """Whether certificates or orders are stored under the name of a config entry."""
        prefixes = (layout.certificates_prefix(config_name), layout.orders_prefix(config_name))
        for prefix in prefixes:
            if await self._storage.list_page(prefix, limit=1):
                return True
        return False

    async def order(self, config_name: str, order_uuid: str) -> OrderRecord | None:
        return await self._get(layout.order_key(config_name, order_uuid), OrderRecord)

    async def put_order(self, config_name: str, record: OrderRecord) -> None:
        await self._put(layout.order_key(config_name, record.uuid), record)

    async def delete_order(self, config_name: str, order_uuid: str) -> None:
        await self._storage.delete(layout.order_key(config_name, order_uuid))

    async def configs_with_orders(self) -> Sequence[str]:
        """Return the names of the config entries that have write-ahead entries."""
        return [name.removesuffix("/") for name in await self._storage.list(layout.ORDERS)]

    async def order_uuids(self, config_name: str) -> Sequence[str]:
        return await self._storage.list(layout.orders_prefix(config_name))

    async def certificate(self, config_name: str, unique_id: UniqueId) -> CertificateRecord | None:
        return await self._get_cached(layout.certificate_key(config_name, unique_id), CertificateRecord)

    async def certificate_once(self, config_name: str, unique_id: UniqueId) -> CertificateRecord | None:
        """Return a certificate's record without caching it, for callers that read them all."""
        return await self._get(layout.certificate_key(config_name, unique_id), CertificateRecord)

    async def put_certificate(
        self,
        config_name: str,
        record: CertificateRecord,
        *,
        before: CertificateRecord | None = None,
        led_to_by_order: bool = False,
    ) -> None:
        """Store a record and update its index entries: new ones beside the record, old ones deleted afterwards.

        From before the first write to behind the last, something leads to the certificate: its write-ahead entry, or
        the pending entry. Where another index entry cannot be written, that is logged, and what leads to it stays, so
        that the background work completes the index.

        Args:
            config_name: its config entry.
            record: what to store.
            before: what is stored; None: nothing.
            led_to_by_order: whether the write-ahead entry leads to it, and the pending entry waits for
                `lead_by_agenda`.

        Raises:
            StorageError: the record is not stored, as far as the host says.
        """
        unique_id, pending = record.unique_id, layout.pending_key(config_name, record.unique_id)
        if led_to_by_order:
            self._led_to_by_orders.add(pending)
        is_led = pending in self._led_to_by_orders
        had = frozenset() if before is None else index_keys(config_name, before)
        has = index_keys(config_name, record)
        summary, old = self._summary_of(config_name, record), self._summary_of(config_name, before)
        is_indexed_anew = (has, summary) != (had, old)
        known = had
        if is_indexed_anew and not is_led:
            known = await self._lead_to(pending, before, had)
        if old is not None and old != summary:
            await self.summaries.delete(old[0])
        putting = self._put_cached(layout.certificate_key(config_name, unique_id), record)
        coming = [_logged(self._put_empty(key), key) for key in sorted(has - known - {pending})]
        with self._counting(config_name, unique_id, before, record):
            is_whole = all(await _beside(putting, coming))
        if is_whole and summary is not None and is_indexed_anew:
            is_whole = await _logged(self.summaries.put(*summary), summary[0].key)
        if not is_whole:
            self._led_to_by_orders.discard(pending)  # then all entries are written before the write-ahead entry goes
        leaving = had - has - {pending}
        if is_whole and is_indexed_anew and record.is_at_rest and not is_led:
            leaving |= {pending}
        await self._withdraw(leaving)

    async def _lead_to(self, pending: str, before: CertificateRecord | None, entries: frozenset[str]) -> frozenset[str]:
        """Have the pending entry lead to a certificate, and return which of its entries are known to be there.

        Where it leads there already, one of them may be missing: a write was not whole, or something was open.
        """
        if before is not None and not before.is_at_rest:
            return frozenset()
        is_there = await self._storage.get(pending) is not None
        await self._put_empty(pending)
        return frozenset() if is_there else entries

    async def delete_certificate(
        self, config_name: str, unique_id: UniqueId, *, before: CertificateRecord | None = None
    ) -> None:
        had = frozenset[str]() if before is None else index_keys(config_name, before)
        if (summary := self._summary_of(config_name, before)) is not None:
            await self._put_empty(layout.pending_key(config_name, unique_id))
            await self.summaries.delete(summary[0])
        with self._counting(config_name, unique_id, before, None):
            await self._delete_cached(layout.certificate_key(config_name, unique_id))
        await self._withdraw(had | {layout.pending_key(config_name, unique_id)})

    def _summary_of(
        self, config_name: str, record: CertificateRecord | None
    ) -> tuple[SummaryEntry, CertificateSummary] | None:
        """Return the summary that a record has, with its place; None while something is open."""
        if record is None or self._summarise is None or not record.is_at_rest:
            return None
        summary = self._summarise(record)
        return None if summary is None else (SummaryEntry.of(config_name, record), summary)

    @contextmanager
    def _counting(
        self, config_name: str, unique_id: UniqueId, before: CertificateRecord | None, after: CertificateRecord | None
    ) -> Iterator[None]:
        """Count a certificate that the block stores or deletes; if it fails, nobody knows, and all are counted anew."""
        self.tally.begin(config_name, unique_id)
        try:
            yield
        except BaseException:
            self.tally = Tally()
            raise
        conditions = (None if record is None else condition_of(record) for record in (before, after))
        self.tally.change(config_name, unique_id, *conditions)

    def is_led_to_by_order(self, config_name: str, unique_id: UniqueId) -> bool:
        """Whether only its write-ahead entry leads to a certificate that this process stored."""
        return layout.pending_key(config_name, unique_id) in self._led_to_by_orders

    async def lead_by_agenda(self, config_name: str, unique_id: UniqueId, record: CertificateRecord | None) -> None:
        """Write the index entries that a certificate lacks because its write-ahead entry led to it.

        Args:
            config_name: its config entry.
            unique_id: its id.
            record: the stored record; None: it was deleted.

        Raises:
            StorageError: an entry could not be written, and the write-ahead entry must stay.
        """
        pending = layout.pending_key(config_name, unique_id)
        if record is not None and pending in self._led_to_by_orders:
            await self._put_entries(index_keys(config_name, record) & {pending})
        elif record is not None:  # after a restart any may be missing
            await self.put_index_entries(config_name, record)
        self._led_to_by_orders.discard(pending)

    async def put_index_entries(self, config_name: str, record: CertificateRecord) -> None:
        """Write all index entries of a record and its summary, those that exist included.

        The caller makes sure that the record does not change meanwhile.
        """
        await self._put_entries(index_keys(config_name, record))
        if (summary := self._summary_of(config_name, record)) is not None:
            await self.summaries.put(*summary)

    async def drop_from_agenda(self, entry: AgendaEntry) -> None:
        await self._storage.delete(entry.key)

    async def is_index_complete(self) -> bool:
        """Whether every stored certificate is known to have its entries and its summary."""
        return await self._get(layout.INDEX_COMPLETE, EmptyEntry) is not None

    async def put_index_complete(self) -> None:
        await self._put_empty(layout.INDEX_COMPLETE)

    async def configs_with_certificates(self) -> Sequence[str]:
        """Return the names of the config entries that have certificates, deleted entries included."""
        return [name.removesuffix("/") for name in await self._storage.list(layout.CERTIFICATES)]

    async def mark_as_ours(self) -> None:
        """Write the mount's own entry when it starts; if it is missing later, the host has moved the storage away."""
        if await self._get(layout.MOUNT, EmptyEntry) is None:
            await self._put_empty(layout.MOUNT)
        self._is_marked = True

    async def must_be_ours(self) -> None:
        """Check that the mount's storage is still in its place.

        OpenBao moves the storage of a mount that goes into another namespace without telling the plugin.

        Raises:
            StorageMovedError: what is written now would be lost; nothing was written.
        """
        if self._is_marked and await self._get(layout.MOUNT, EmptyEntry) is None:
            raise StorageMovedError

    async def _put_entries(self, keys: AbstractSet[str]) -> None:
        await asyncio.gather(*(self._put_empty(key) for key in sorted(keys)))

    async def _withdraw(self, keys: AbstractSet[str]) -> None:
        if keys:
            await asyncio.gather(*(_logged(self._storage.delete(key), key) for key in sorted(keys)))

    async def unique_ids(self, config_name: str) -> Sequence[str]:
        return await self._storage.list(layout.certificates_prefix(config_name))

    async def unique_ids_page(self, config_name: str, *, after: str, limit: int) -> Sequence[UniqueId]:
        """Return the next ids of a config entry's certificates, ascending."""
        prefix = layout.certificates_prefix(config_name)
        return [UniqueId(name) for name in await self._storage.list_page(prefix, after=after, limit=limit)]

    async def page_of_order_index(self, config_name: str, *, after: str, limit: int) -> Sequence[str]:
        """Return the next orders for which the index names a certificate."""
        return await self._storage.list_page(layout.order_index_key(config_name, ""), after=after, limit=limit)

    async def page_of_requests(self, config_name: str, *, after: str, limit: int) -> Sequence[str]:
        """Return the next digests of request ids for which the index names an order."""
        return await self._storage.list_page(layout.request_index_key(config_name, ""), after=after, limit=limit)

    async def configs_in_index(self) -> Sequence[str]:
        """Return the names of the config entries for which the index names orders, those of requests included."""
        names = [*await self._storage.list(layout.ORDER_INDEX), *await self._storage.list(layout.REQUEST_INDEX)]
        return sorted({name.removesuffix("/") for name in names})

    async def is_certificate_stored(self, config_name: str, unique_id: UniqueId) -> bool:
        """Whether a certificate is stored, readable or not; nothing is cached."""
        return await self._storage.get(layout.certificate_key(config_name, unique_id)) is not None

    async def named_certificate(self, config_name: str, order_uuid: str) -> UniqueId | None:
        """Return the id that the index names for an order, whether that certificate is stored or not."""
        index = await self._get(layout.order_index_key(config_name, order_uuid), OrderIndex)
        return None if index is None else index.unique_id

    async def certificate_of_order(self, config_name: str, order_uuid: str) -> UniqueId | None:
        """Return the id of an order's certificate, if that is stored, readable or not."""
        index = await self._get(layout.order_index_key(config_name, order_uuid), OrderIndex)
        if index is None:
            return None
        try:
            record = await self.certificate(config_name, index.unique_id)
        except RecordError:
            return index.unique_id
        return None if record is None else index.unique_id

    async def put_certificate_of_order(self, config_name: str, order_uuid: str, unique_id: UniqueId) -> None:
        await self._put(layout.order_index_key(config_name, order_uuid), OrderIndex(unique_id=unique_id))

    async def delete_certificate_of_order(self, config_name: str, order_uuid: str) -> None:
        await self._storage.delete(layout.order_index_key(config_name, order_uuid))

    async def request(self, config_name: str, request_id_digest: str) -> RequestIndex | None:
        return await self._get(layout.request_index_key(config_name, request_id_digest), RequestIndex)

    async def put_request(self, config_name: str, request_id_digest: str, index: RequestIndex) -> None:
        await self._put(layout.request_index_key(config_name, request_id_digest), index)

    async def delete_request(self, config_name: str, request_id_digest: str) -> None:
        await self._storage.delete(layout.request_index_key(config_name, request_id_digest))


async def _beside(main: Awaitable[None], others: Sequence[Awaitable[bool]]) -> Sequence[bool]:
    """Do one thing and others at the same time, and return what the others say."""
    if not others:
        await main
        return ()
    first = asyncio.ensure_future(main)
    _, said = await asyncio.gather(first, asyncio.gather(*others))
    return said


async def _logged(work: Awaitable[object], key: str) -> bool:
    """Do what may fail without harm, and say whether it was done."""
    try:
        await work
    except StorageError as error:
        _log.warning("an index entry could not be written or deleted", extra={"kv": {"key": key, "error": error}})
        return False
    return True
