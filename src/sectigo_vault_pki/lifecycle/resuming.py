"""Resuming: what an earlier process left open is carried on when the engine starts."""

import logging
from collections.abc import Callable

from sectigo_vault_pki.errors import SectigoVaultPkiError
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.settling import Settler
from sectigo_vault_pki.lifecycle.write_ahead import WriteAhead
from sectigo_vault_pki.store import OrderRecord, StorageError

_log = logging.getLogger(__name__)


class Resumer:
    """Goes through the write-ahead entries once, one after the other; what cannot be settled waits for a touch.

    Args:
        is_under_way: whether this process itself is working on an order right now.
    """

    def __init__(
        self,
        resources: Resources,
        settler: Settler,
        write_ahead: WriteAhead,
        is_under_way: Callable[[str, OrderRecord], bool],
    ) -> None:
        self._resources = resources
        self._settler = settler
        self._write_ahead = write_ahead
        self._is_under_way = is_under_way

    async def run(self) -> None:
        """Carry on what the active node finds; another node leaves it alone."""
        if await self._resources.is_read_only():
            return
        repository = self._resources.repository
        for config_name in await repository.configs_with_orders():
            for order_uuid in await repository.order_uuids(config_name):
                try:
                    await self.carry_on(config_name, order_uuid)
                except (SectigoVaultPkiError, StorageError):
                    _log.exception(
                        "an order of an earlier process could not be carried on",
                        extra={"kv": {"config": config_name, "order": order_uuid}},
                    )

    async def carry_on(self, config_name: str, order_uuid: str) -> None:
        """Find out what became of an order, unless this process is working on it."""
        repository = self._resources.repository
        config = await repository.config(config_name)
        order = await repository.order(config_name, order_uuid)
        if config is None or order is None or self._is_under_way(config_name, order):
            return
        unique_id = await repository.certificate_of_order(config_name, order_uuid)
        if unique_id is not None and order.unique_id is None:
            await self._write_ahead.hand_over(config_name, order_uuid, unique_id)
            return
        answer = await self._settler.settle(config_name, config, order)
        _log.info(
            "an order of an earlier process was looked for",
            extra={"kv": {"config": config_name, "order": order_uuid, "outcome": type(answer).__name__}},
        )
