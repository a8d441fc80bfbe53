"""Typed records over a mount's storage."""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date

from sectigo_vault_pki.errors import RecordError, StorageMovedError
from sectigo_vault_pki.store import layout
from sectigo_vault_pki.store.cache import RecordCache
from sectigo_vault_pki.store.certificate_records import (
    CertificateRecord,
    EmptyEntry,
    OrderIndex,
    OrderRecord,
    RequestIndex,
)
from sectigo_vault_pki.store.config_records import (
    ConfigIdentity,
    ConfigRecord,
    LoginPause,
    NewestChain,
    OrderCounts,
    RoleDefaults,
    RoleRecord,
    RoleUse,
)
from sectigo_vault_pki.store.index import AgendaEntry, index_keys
from sectigo_vault_pki.store.layout import UniqueId
from sectigo_vault_pki.store.record_store import RecordStore
from sectigo_vault_pki.vault_plugin.logical import Storage, StorageError

_log = logging.getLogger(__name__)


class Repository(RecordStore):
    """The records of one mount. Storage errors pass through with the host's text.

    Config entries, certificates and roles are cached; orders and index entries, which are read once or twice, are not.
    """

    def __init__(self, storage: Storage, cache: RecordCache | None = None) -> None:
        super().__init__(storage, cache)
        self._led_to_by_orders: set[str] = set()
        self._is_marked = False

    async def config(self, config_name: str) -> ConfigRecord | None:
        return await self._get_cached(layout.config_key(config_name), ConfigRecord)

    async def put_config(self, config_name: str, record: ConfigRecord) -> None:
        await self._put_cached(layout.config_key(config_name), record)

    async def delete_config(self, config_name: str) -> None:
        await self._delete_cached(layout.config_key(config_name))

    async def config_names(self) -> Sequence[str]:
        return await self._storage.list(layout.CONFIGS)

    async def config_identity(self, config_name: str) -> ConfigIdentity | None:
        return await self._get(layout.config_identity_key(config_name), ConfigIdentity)

    async def put_config_identity(self, config_name: str, identity: ConfigIdentity) -> None:
        await self._put(layout.config_identity_key(config_name), identity)

    async def delete_config_identity(self, config_name: str) -> None:
        await self._storage.delete(layout.config_identity_key(config_name))

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
        """Store a record and update its index entries: new entries beside the record, old ones deleted afterwards.

        An index entry that cannot be written or deleted is only logged.

        Args:
            config_name: its config entry.
            record: what to store.
            before: what is stored; None: nothing.
            led_to_by_order: whether the write-ahead entry leads to it, and the pending entry waits for
                `lead_by_agenda`.
        """
        had = frozenset() if before is None else self._index_keys(config_name, before)
        has = self._index_keys(config_name, record)
        pending = {layout.pending_key(config_name, record.unique_id)} if led_to_by_order else set()
        coming = [_logged(self._put_empty(key), key) for key in sorted(has - had - pending)]
        putting = self._put_cached(layout.certificate_key(config_name, record.unique_id), record)
        await (asyncio.gather(putting, *coming) if coming else putting)
        self._led_to_by_orders |= pending
        await self._withdraw(had - has)

    async def delete_certificate(
        self, config_name: str, unique_id: UniqueId, *, before: CertificateRecord | None = None
    ) -> None:
        await self._delete_cached(layout.certificate_key(config_name, unique_id))
        if before is not None:
            await self._withdraw(self._index_keys(config_name, before))

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
        keys = frozenset() if record is None else index_keys(config_name, record)
        missing = keys & {pending} if pending in self._led_to_by_orders else keys  # after a restart any may be missing
        await self._put_entries(missing)
        self._led_to_by_orders.discard(pending)

    async def put_index_entries(self, config_name: str, record: CertificateRecord) -> None:
        """Write all index entries of a record, those that exist included."""
        await self._put_entries(index_keys(config_name, record))

    async def drop_from_agenda(self, entry: AgendaEntry) -> None:
        await self._storage.delete(entry.key)

    async def is_agenda_complete(self) -> bool:
        """Whether every stored certificate is known to have its entries."""
        return await self._get(layout.AGENDA, EmptyEntry) is not None

    async def put_agenda_complete(self) -> None:
        await self._put_empty(layout.AGENDA)

    async def configs_with_certificates(self) -> Sequence[str]:
        """Return the names of the config entries that have certificates, deleted entries included."""
        return [name.removesuffix("/") for name in await self._storage.list(layout.CERTIFICATES)]

    async def pending(self) -> Sequence[AgendaEntry]:
        """Return the certificates with an order in progress at SCM."""
        return await self._agenda_below(layout.PENDING)

    async def renewals_until(self, today: date) -> Sequence[AgendaEntry]:
        """Return the certificates whose own expiry window has begun by the end of a day, soonest first."""
        days = await self._days_until(layout.RENEWAL, today)
        return [entry for day in days for entry in await self._agenda_below(f"{layout.RENEWAL}{day}/")]

    async def expiring_until(
        self, last_days: Mapping[str, date], *, by_hand: AbstractSet[str]
    ) -> Sequence[AgendaEntry]:
        """Return the certificates without a window of their own that expire soon, soonest first.

        Args:
            last_days: the last day for each config entry; certificates of other entries are left out.
            by_hand: the config entries that renew only certificates with sectigo_auto_renew of their own.
        """
        of_entry = {name: last for name, last in last_days.items() if name not in by_hand}
        return [*await self._expiring(layout.EXPIRY, of_entry), *await self._expiring(layout.WANTED, last_days)]

    async def _expiring(self, prefix: str, last_days: Mapping[str, date]) -> Sequence[AgendaEntry]:
        found: list[AgendaEntry] = []
        for day in await self._days_until(prefix, max(last_days.values(), default=date.min)):
            names = {name for name, last in last_days.items() if day <= last.isoformat()}
            found += await self._agenda_below(f"{prefix}{day}/", names)
        return found

    async def serial_numbers(self) -> Sequence[str]:
        """Return the serial numbers of all certificates, replaced ones included, in colon hex."""
        return await self._serials_below(layout.SERIALS)

    async def revoked_serial_numbers(self) -> Sequence[str]:
        """Return the serial numbers of all revoked certificates, replaced ones included, in colon hex."""
        return await self._serials_below(layout.REVOKED)

    async def certificates_with_serial(self, serial_number: str) -> Sequence[tuple[str, UniqueId]]:
        """Return config names and ids of the certificates that have, or had, a serial number in colon hex."""
        return await self._certificates_below(layout.serial_prefix(serial_number))

    async def newest_chain(self, config_name: str) -> NewestChain | None:
        return await self._get_cached(layout.newest_chain_key(config_name), NewestChain)

    async def put_newest_chain(self, config_name: str, chain: NewestChain) -> None:
        await self._put_cached(layout.newest_chain_key(config_name), chain)

    async def delete_newest_chain(self, config_name: str) -> None:
        await self._delete_cached(layout.newest_chain_key(config_name))

    async def role(self, role_name: str) -> RoleRecord | None:
        return await self._get_cached(layout.role_key(role_name), RoleRecord)

    async def put_role(self, role_name: str, record: RoleRecord) -> None:
        await self._put_cached(layout.role_key(role_name), record)

    async def delete_role(self, role_name: str) -> None:
        await self._delete_cached(layout.role_key(role_name))

    async def delete_role_use(self, role_name: str) -> None:
        await self._delete_cached(layout.role_use_key(role_name))

    async def role_defaults(self) -> RoleDefaults:
        return await self._get_cached(layout.ROLE_DEFAULTS, RoleDefaults) or RoleDefaults()

    async def put_role_defaults(self, defaults: RoleDefaults) -> None:
        await self._put_cached(layout.ROLE_DEFAULTS, defaults)

    async def role_names(self) -> Sequence[str]:
        return await self._storage.list(layout.ROLES)

    async def role_use(self, role_name: str) -> RoleUse:
        return await self._get_cached(layout.role_use_key(role_name), RoleUse) or RoleUse()

    async def put_role_use(self, role_name: str, use: RoleUse) -> None:
        await self._put_cached(layout.role_use_key(role_name), use)

    async def order_counts(self, config_name: str) -> OrderCounts:
        return await self._get(layout.order_counts_key(config_name), OrderCounts) or OrderCounts()

    async def put_order_counts(self, config_name: str, counts: OrderCounts) -> None:
        await self._put(layout.order_counts_key(config_name), counts)

    async def delete_order_counts(self, config_name: str) -> None:
        await self._storage.delete(layout.order_counts_key(config_name))

    async def login_pause(self, config_name: str) -> LoginPause | None:
        return await self._get(layout.login_pause_key(config_name), LoginPause)

    async def paused_logins(self) -> Sequence[str]:
        """Return the config entries whose login SCM refused."""
        return await self._storage.list(layout.LOGINS)

    async def put_login_pause(self, config_name: str, pause: LoginPause) -> None:
        await self._put(layout.login_pause_key(config_name), pause)

    async def delete_login_pause(self, config_name: str) -> None:
        await self._storage.delete(layout.login_pause_key(config_name))

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

    def _index_keys(self, config_name: str, record: CertificateRecord) -> frozenset[str]:
        return index_keys(config_name, record) - self._led_to_by_orders

    async def _put_entries(self, keys: AbstractSet[str]) -> None:
        await asyncio.gather(*(self._put_empty(key) for key in sorted(keys)))

    async def _withdraw(self, keys: AbstractSet[str]) -> None:
        if keys:
            await asyncio.gather(*(_logged(self._storage.delete(key), key) for key in sorted(keys)))

    async def _days_until(self, prefix: str, last: date) -> Sequence[str]:
        days = [day.removesuffix("/") for day in await self._storage.list(prefix)]
        return [day for day in days if day <= last.isoformat()]

    async def _agenda_below(self, prefix: str, only: AbstractSet[str] | None = None) -> Sequence[AgendaEntry]:
        return [
            AgendaEntry(f"{prefix}{config_name}/{unique_id}", config_name, unique_id)
            for config_name, unique_id in await self._certificates_below(prefix, only)
        ]

    async def _serials_below(self, prefix: str) -> Sequence[str]:
        return [name.removesuffix("/").replace("-", ":") for name in await self._storage.list(prefix)]

    async def _certificates_below(
        self, prefix: str, only: AbstractSet[str] | None = None
    ) -> Sequence[tuple[str, UniqueId]]:
        """Return config names and ids of the index entries below a prefix; only those of some config entries."""
        names = [name.removesuffix("/") for name in await self._storage.list(prefix)]
        return [
            (name, UniqueId(unique_id))
            for name in names
            if only is None or name in only
            for unique_id in await self._storage.list(f"{prefix}{name}/")
        ]

    async def unique_ids(self, config_name: str) -> Sequence[str]:
        return await self._storage.list(layout.certificates_prefix(config_name))

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


async def _logged(work: Awaitable[object], key: str) -> None:
    try:
        await work
    except StorageError as error:
        _log.warning("an index entry could not be written or deleted", extra={"kv": {"key": key, "error": error}})
