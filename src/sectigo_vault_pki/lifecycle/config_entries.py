"""Config entries: what may change while certificates stand under one."""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.held import account_of
from sectigo_vault_pki.lifecycle.offers import drop_offers
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.renewal_rule import notice_of_cut_window, renewal_policy
from sectigo_vault_pki.store import ConfigIdentity, ConfigRecord

COMMON_LIFE = timedelta(days=199)
"""The longest that public CAs certify since March 2026 (scm-api.md 7)."""
MAX_LOOKED_AT = 200
"""Stored certificates whose lives are compared with a window."""


@dataclass(frozen=True, slots=True)
class ConfigWritten:
    """What became of a write.

    Attributes:
        touched: the attributes that it may not change and did, in which case nothing was stored.
        warnings: what the writer should know.
    """

    touched: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Configs:
    """Keeps the config entries of one mount."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def get(self, config_name: str) -> ConfigRecord | None:
        return await self._resources.repository.config(config_name)

    async def names(self) -> Sequence[str]:
        return await self._resources.repository.config_names()

    async def write(
        self,
        config_name: str,
        change: Callable[[ConfigRecord | None], ConfigRecord],
        *,
        is_login_written: bool = True,
    ) -> ConfigWritten:
        """Store what `change` makes of the entry.

        Args:
            config_name: the entry's name.
            change: returns the entry as it is to be.
            is_login_written: whether the write says who logs in: then SCM is asked again at once.

        Raises:
            InvalidInputError: raised by `change`, or SCM's account cannot be like that.
        """
        repository = self._resources.repository
        async with self._resources.locks.hold("config", config_name):
            await repository.must_be_ours()
            existing = await repository.config(config_name)
            changed = change(existing)
            account_of(changed).login.present(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))  # refuses what cannot be sent
            identity = identity_of(existing) if existing else await repository.config_identity(config_name)
            if identity is not None and await repository.has_certificates(config_name):
                differing = differences(identity, identity_of(changed))
                if differing:
                    return ConfigWritten(touched=differing)
            if existing is not None and differences(identity_of(existing), identity_of(changed)):
                await repository.delete_newest_chain(config_name)  # of another account
            await self._resources.tasks.finish(repository.put_config(config_name, changed))
            if existing is None and identity is not None:
                await repository.delete_config_identity(config_name)
        if is_login_written:
            await self._resources.clients.login_written(config_name, changed)
        window = None if existing is None else existing.defaults.expiry_window
        if changed.defaults.expiry_window in {None, window}:
            return ConfigWritten()
        return ConfigWritten(warnings=await self._warnings_on_window(config_name, changed))

    async def _warnings_on_window(self, config_name: str, config: ConfigRecord) -> tuple[str, ...]:
        """Warn of a window that is cut to a third of the life of certificates that SCM sells, or that are stored."""
        window = renewal_policy(config.defaults).expiry_window
        lives = [COMMON_LIFE]
        repository = self._resources.repository
        for unique_id in await repository.unique_ids_page(config_name, after="", limit=MAX_LOOKED_AT):
            try:
                record = await repository.certificate_once(config_name, unique_id)
            except RecordError:  # `status` names it
                continue
            if record is not None and record.current is not None:
                lives.append(record.current.life)
        notice = notice_of_cut_window(window, min(lives))
        return () if notice is None else (notice,)

    async def delete(self, config_name: str) -> bool:
        """Remove the entry, and say whether certificates stay behind under its name.

        What of it is fixed is kept as long as they do.
        """
        repository = self._resources.repository
        async with self._resources.locks.hold("config", config_name):
            existing = await repository.config(config_name)
            if existing is None:
                return False
            keeps = await repository.has_certificates(config_name)
            if keeps:
                await repository.put_config_identity(config_name, identity_of(existing))
            else:
                await repository.delete_newest_chain(config_name)
            await repository.delete_sync_run(config_name)
            await self._resources.tasks.finish(repository.delete_config(config_name))
        await self._resources.clients.drop(config_name)
        drop_offers(self._resources, config_name)
        return keeps


def identity_of(config: ConfigRecord) -> ConfigIdentity:
    """Return what of a config entry is fixed while certificates stand under its name."""
    return ConfigIdentity(
        certificate_type=config.certificate_type,
        customer_uri=config.customer_uri,
        host=urlsplit(config.base_url).netloc.lower(),
    )


def differences(one: ConfigIdentity, other: ConfigIdentity) -> tuple[str, ...]:
    """Return the names of the attributes in which two identities differ."""
    names = ("certificate_type", "customer_uri", "host")
    return tuple(name for name in names if getattr(one, name) != getattr(other, name))
