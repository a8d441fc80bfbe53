"""Listing: what is stored under a config entry, each certificate and each unnamed order once."""

from collections.abc import Sequence

from sectigo_vault_pki.lifecycle.answers import order_id
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import OrderOperation


class Lister:
    """Lists ids, also while orders become certificates."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def unique_ids(self, config_name: str) -> Sequence[str]:
        """Return the ids of the certificates, then of the orders that SCM has not named."""
        repository = self._resources.repository
        # In this order, so that an order which is named meanwhile is still found, in the index.
        order_uuids = await repository.order_uuids(config_name)
        ids = dict.fromkeys(await repository.unique_ids(config_name))
        orders = []
        for order_uuid in order_uuids:
            async with self._resources.locks.hold("order", config_name, order_uuid):
                named = await repository.certificate_of_order(config_name, order_uuid)
                if named is not None:
                    if await repository.certificate(config_name, named) is not None:
                        ids[named] = None
                elif await self._is_sought(config_name, order_uuid):
                    orders.append(order_id(order_uuid))
        return [*ids, *orders]

    async def _is_sought(self, config_name: str, order_uuid: str) -> bool:
        """Whether users look for it: revocations buy nothing, and name their certificate."""
        order = await self._resources.repository.order(config_name, order_uuid)
        return order is not None and order.operation is not OrderOperation.REVOKE
