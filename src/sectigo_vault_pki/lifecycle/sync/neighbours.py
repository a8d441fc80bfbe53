"""Other config entries of the mount that know certificates of the same customer at SCM, deleted entries too."""

from collections.abc import Sequence

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.config_entries import identity_of
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import ConfigIdentity


class Neighbours:
    """What the others store, for one run of a config entry.

    Args:
        resources: the backend's.
        entry: the config entry that is compared.
    """

    def __init__(self, resources: Resources, entry: Entry) -> None:
        self._resources = resources
        self._repository = resources.repository
        self._entry = entry
        self._read_names: Sequence[str] | None = None
        self._read_ids: frozenset[int] | None = None

    async def stored(self, scm_id: int) -> bool:
        """Whether another entry stored a certificate when the run first asked: one list for each entry, and no more."""
        if self._read_ids is None:
            self._read_ids = frozenset(
                [number for name in await self._names() for number in await self._numbers_below(name)]
            )
        return scm_id in self._read_ids

    async def stores(self, scm_id: int) -> bool:
        """Whether another entry stores a certificate now."""
        unique_id = self._entry.key_of(scm_id).unique_id
        for name in await self._names():
            if await self._repository.certificate_once(name, unique_id) is not None:
                return True
        return False

    async def ordered(self, order_uuid: str) -> bool:
        """Whether an order is another entry's."""
        for name in await self._names():
            if await self._repository.certificate_of_order(name, order_uuid) is not None:
                return True
            if await self._repository.order(name, order_uuid) is not None:
                return True
        return False

    async def _names(self) -> Sequence[str]:
        if self._read_names is None:
            known = {*await self._repository.config_names(), *await self._repository.configs_with_certificates()}
            others = sorted(known - {self._entry.config_name})
            ours = identity_of(self._entry.config)
            self._read_names = [name for name in others if await self._identity(name) in {None, ours}]
        return self._read_names

    async def _identity(self, config_name: str) -> ConfigIdentity | None:
        """Return whose certificates an entry has; None where that is not known."""
        try:
            config = await self._repository.config(config_name)
            return await self._repository.config_identity(config_name) if config is None else identity_of(config)
        except RecordError:  # `status` names it
            return None

    async def _numbers_below(self, config_name: str) -> Sequence[int]:
        numbered = [
            unique_id.partition("_")
            for unique_id in await self._repository.unique_ids(config_name)
            if unique_id.partition("_")[0].isdecimal()
        ]
        customer_uri = self._entry.config.customer_uri
        return [int(number) for number, _, customer in numbered if customer == customer_uri]
