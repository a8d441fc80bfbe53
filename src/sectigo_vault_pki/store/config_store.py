"""Typed records of config entries and roles, of what belongs to one of them, and of what happened lately."""

from collections.abc import Sequence

from sectigo_vault_pki.store import layout
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
from sectigo_vault_pki.store.event_records import EventPage
from sectigo_vault_pki.store.record_store import RecordStore
from sectigo_vault_pki.store.sync_records import SyncRun
from sectigo_vault_pki.store.tidy_records import AutoTidy, TidyRun


class ConfigStore(RecordStore):
    """The config entries and roles of one mount. Storage errors pass through with the host's text."""

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

    async def sync_run(self, config_name: str) -> SyncRun | None:
        return await self._get(layout.sync_run_key(config_name), SyncRun)

    async def synced_configs(self) -> Sequence[str]:
        """Return the names of the config entries that were compared with SCM."""
        return await self._storage.list(layout.SYNC_RUNS)

    async def put_sync_run(self, config_name: str, run: SyncRun) -> None:
        await self._put(layout.sync_run_key(config_name), run)

    async def delete_sync_run(self, config_name: str) -> None:
        await self._storage.delete(layout.sync_run_key(config_name))

    async def auto_tidy(self) -> AutoTidy:
        return await self._get_cached(layout.AUTO_TIDY, AutoTidy) or AutoTidy()

    async def put_auto_tidy(self, config: AutoTidy) -> None:
        await self._put_cached(layout.AUTO_TIDY, config)

    async def tidy_run(self) -> TidyRun | None:
        return await self._get(layout.TIDY_RUN, TidyRun)

    async def put_tidy_run(self, run: TidyRun) -> None:
        await self._put(layout.TIDY_RUN, run)

    async def event_days(self) -> Sequence[str]:
        """Return the days (RFC 3339) of which events are kept, ascending."""
        return [day.removesuffix("/") for day in await self._storage.list(layout.EVENTS)]

    async def event_pages(self, day: str) -> Sequence[str]:
        """Return the names of a day's pages, ascending."""
        return await self._storage.list(layout.event_page_key(day, ""))

    async def event_page(self, day: str, name: str) -> EventPage | None:
        return await self._get(layout.event_page_key(day, name), EventPage)

    async def put_event_page(self, day: str, name: str, page: EventPage) -> None:
        await self._put(layout.event_page_key(day, name), page)

    async def delete_event_page(self, day: str, name: str) -> None:
        await self._storage.delete(layout.event_page_key(day, name))
