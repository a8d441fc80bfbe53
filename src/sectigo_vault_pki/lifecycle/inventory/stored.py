"""What is stored under a config entry: the ids of certificates and orders, and the versions of one certificate."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sectigo_vault_pki.errors import ConflictError, InvalidInputError, RecordError
from sectigo_vault_pki.lifecycle.answers import order_id
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import CertificateRecord, CurrentCertificate, OrderOperation, UniqueId

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


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version of a certificate.

    Attributes:
        number: 0 for the current one, 1 for the one before its replacement, and so on.
        certificate: with the key and the CSR that fit it.
    """

    record: CertificateRecord
    number: int
    certificate: CurrentCertificate
    warnings: tuple[str, ...] = ()

    @property
    def unique_id(self) -> UniqueId:
        return self.record.unique_id


def version_of(record: CertificateRecord, number: int, config_name: str) -> StoredVersion:
    """Return a version of a certificate.

    Raises:
        ConflictError: nothing has been collected yet.
        InvalidInputError: so many are not kept; the text says how many are.
    """
    if record.current is None:
        raise ConflictError(
            f"the certificate is not collected yet, so there is nothing to export; read certs/{config_name}/"
            f"{record.unique_id} to collect it"
        )
    versions = (record.current, *record.earlier)
    if number >= len(versions):
        raise InvalidInputError(f"there is no version {number}: {len(record.earlier)} earlier ones are kept")
    renewed = number == 0 and record.renewed_to is not None
    warnings = (f"the certificate was renewed as {record.renewed_to}",) if renewed else ()
    return StoredVersion(record, number, versions[number], warnings)
