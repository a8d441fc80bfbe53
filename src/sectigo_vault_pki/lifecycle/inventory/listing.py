"""Listing: what is stored under a config entry, each certificate and each unnamed order once."""

import asyncio
from collections.abc import Sequence

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.lifecycle.answers import order_id
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import OrderOperation

LOOKED_AT_TOGETHER = 16
"""Orders of which storage is asked at once."""


async def unique_ids(resources: Resources, config_name: str) -> Sequence[str]:
    """Return the ids of the certificates, then of the orders that SCM has not named.

    An order that becomes a certificate meanwhile is listed once.
    """
    repository = resources.repository
    # In this order, so that an order which is named meanwhile is still found, in the index.
    order_uuids = await repository.order_uuids(config_name)
    ids = dict.fromkeys(await repository.unique_ids(config_name))
    for start in range(0, len(order_uuids), LOOKED_AT_TOGETHER):
        some = order_uuids[start : start + LOOKED_AT_TOGETHER]
        shown = await asyncio.gather(*(_shown_as(resources, config_name, order_uuid) for order_uuid in some))
        ids.update((found, None) for found in shown if found is not None)
    return list(ids)


async def _shown_as(resources: Resources, config_name: str, order_uuid: str) -> str | None:
    """Return the id of the certificate that an order has become, or else its own, if users look for it.

    Whatever cannot be read is shown as an order, which says so when it is read.
    """
    repository = resources.repository
    try:
        async with resources.locks.hold("order", config_name, order_uuid):
            named = await repository.certificate_of_order(config_name, order_uuid)
            if named is not None:
                return named
            order = await repository.order(config_name, order_uuid)
    except RecordError:
        return order_id(order_uuid)
    # A revocation buys nothing, and its certificate is listed.
    is_sought = order is not None and order.operation is not OrderOperation.REVOKE
    return order_id(order_uuid) if is_sought else None
