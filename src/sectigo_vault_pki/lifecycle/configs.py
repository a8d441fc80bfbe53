"""Config entries: what may change while certificates stand under one."""

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from sectigo_vault_pki.lifecycle.accounts import account_of
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import ConfigIdentity, ConfigRecord


class Configs:
    """Keeps the config entries of one mount."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def get(self, config_name: str) -> ConfigRecord | None:
        return await self._resources.repository.config(config_name)

    async def names(self) -> Sequence[str]:
        return await self._resources.repository.config_names()

    async def write(self, config_name: str, change: Callable[[ConfigRecord | None], ConfigRecord]) -> tuple[str, ...]:
        """Store what `change` makes of the entry.

        Returns:
            The attributes that the change may not touch and did, in which case nothing was stored.

        Raises:
            InvalidInputError: raised by `change`, or SCM's account cannot be like that.
        """
        repository = self._resources.repository
        async with self._resources.locks.hold("config", config_name):
            existing = await repository.config(config_name)
            changed = change(existing)
            account_of(changed)  # refuses what no HTTP header can carry
            identity = identity_of(existing) if existing else await repository.config_identity(config_name)
            if identity is not None and await repository.has_certificates(config_name):
                differing = differences(identity, identity_of(changed))
                if differing:
                    return differing
            await self._resources.tasks.finish(repository.put_config(config_name, changed))
            if existing is None and identity is not None:
                await repository.delete_config_identity(config_name)
        return ()

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
            await self._resources.tasks.finish(repository.delete_config(config_name))
        await self._resources.clients.drop(config_name)
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
