"""Resuming: what an earlier process, or a lost answer, left open is carried on."""

import logging
from collections.abc import Callable

from sectigo_vault_pki.lifecycle.answers import Answer, CertificateAnswer
from sectigo_vault_pki.lifecycle.order_log import of_order
from sectigo_vault_pki.lifecycle.orders.journal import WriteAhead
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.settling import Settler
from sectigo_vault_pki.store import OrderRecord

_log = logging.getLogger(__name__)


class Resumer:
    """Carries write-ahead entries on; what cannot be settled waits for another touch.

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

    async def carry_on(self, config_name: str, order_uuid: str) -> Answer | None:
        """Find out what became of an order, unless this process is working on it; None where there was nothing to."""
        repository = self._resources.repository
        config = await repository.config(config_name)
        order = await repository.order(config_name, order_uuid)
        if config is None or order is None or self._is_under_way(config_name, order):
            return None
        unique_id = await repository.certificate_of_order(config_name, order_uuid)
        if unique_id is not None and order.unique_id is None:
            await self._write_ahead.hand_over(config_name, order_uuid, unique_id)
            return None
        answer = await self._settler.settle(config_name, config, order)
        found = answer.record.unique_id if isinstance(answer, CertificateAnswer) else None
        level = logging.DEBUG if found is None else logging.INFO  # what is not found is looked for again and again
        _log.log(level, "an open order was looked for", extra=of_order(config_name, order, found=found or "not yet"))
        return answer
