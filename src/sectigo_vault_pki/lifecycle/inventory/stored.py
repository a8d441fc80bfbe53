"""What is stored: ids, versions of a certificate, and certificates by their serial numbers."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sectigo_vault_pki.errors import ConflictError, InvalidInputError, RecordError, UnknownSerialError
from sectigo_vault_pki.lifecycle.answers import Answer, order_id
from sectigo_vault_pki.lifecycle.orders.revocation import RevocationRequest
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.steps import ORDER_ID
from sectigo_vault_pki.pki import GivenCertificate, PemBundle
from sectigo_vault_pki.store import CertificateRecord, CurrentCertificate, OrderOperation, OrderRecord, UniqueId

LOOKED_AT_TOGETHER = 16
"""Orders of which storage is asked at once."""


async def unique_ids(resources: Resources, config_name: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
    """Return the next ids of certificates, and behind all of them those of the orders that SCM has not named.

    An order that becomes a certificate meanwhile is listed once.

    Args:
        resources: with the storage to look into.
        config_name: the config entry, which may be deleted.
        after: an id; empty: from the first one on.
        limit: how many; 0 or less: all of them.
    """
    repository = resources.repository
    # In this order, so that an order which is named meanwhile is still found, in the index.
    order_uuids = await repository.order_uuids(config_name)
    ids = await repository.unique_ids_page(config_name, after=after, limit=max(limit, 0))
    if 0 < limit <= len(ids):
        return ids
    of_orders = [one for one in await ids_of_orders(resources, config_name, order_uuids) if one > after]
    found = sorted({*ids, *of_orders}) if of_orders else ids
    return found[:limit] if limit > 0 else found


async def ids_of_orders(resources: Resources, config_name: str, order_uuids: Sequence[str]) -> Sequence[str]:
    """Return the ids of the certificates that orders have become, or else their own, if users look for them."""
    found: list[str] = []
    for start in range(0, len(order_uuids), LOOKED_AT_TOGETHER):
        some = order_uuids[start : start + LOOKED_AT_TOGETHER]
        shown = await asyncio.gather(*(_shown_as(resources, config_name, order_uuid) for order_uuid in some))
        found += [one for one in shown if one is not None]
    return found


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


async def order_or_id(resources: Resources, config_name: str, unique_id: str) -> OrderRecord | str:
    """Return the order of an `order-<uuid>`, or the id of the certificate that it has become."""
    match = ORDER_ID.fullmatch(unique_id)
    if match is None:
        return unique_id
    repository = resources.repository
    order = await repository.order(config_name, match[1])
    return order or await repository.certificate_of_order(config_name, match[1]) or unique_id


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


@dataclass(frozen=True, slots=True)
class CertificateWithSerial:
    """A stored certificate; `is_current` unless another has replaced it under its id.

    Attributes:
        others: `<config_name>/<unique_id>` of other certificates, of other issuers, with the same serial number.
        warnings: of its revocation.
    """

    config_name: str
    record: CertificateRecord
    certificate: CurrentCertificate
    is_current: bool
    others: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is stored: `<config_name>/<unique_id>`."""
        return f"{self.config_name}/{self.record.unique_id}"


class Revoke(Protocol):
    """Revokes a certificate."""

    async def __call__(
        self, config_name: str, unique_id: str, request: RevocationRequest, *, time_limit: float | None
    ) -> Answer: ...


async def find_by_serial(resources: Resources, serial_number: str) -> CertificateWithSerial:
    """Return the certificate with a serial number in colon hex; a fetched one may be stored several times.

    If several have it, it is one that was not replaced, and the first by the names of config entry and id.

    Raises:
        UnknownSerialError: none has it.
    """
    return _first_of(await _all_with(resources, serial_number))


async def revoke_by_serial(
    resources: Resources,
    revoke: Revoke,
    named: str | GivenCertificate,
    request: RevocationRequest,
    *,
    time_limit: float | None,
) -> CertificateWithSerial:
    """Revoke a certificate at SCM, wherever it is stored; one that is revoked already is no error.

    Args:
        resources: with the storage to look into.
        revoke: revokes a stored certificate; see `Engine.revoke`.
        named: its serial number in colon hex, or itself.
        request: why, and who asks.
        time_limit: seconds left of the host's deadline, or None where it sent none.

    Raises:
        UnknownSerialError: no such certificate is stored.
        ConflictError: several certificates have that serial number; or it was replaced, and SCM revokes the one that
            took its place.
        ScmRefusedError, ScmUnavailableError: it is not revoked, as far as SCM says.
    """
    found = await _named(resources, named)
    replaced = next((one for one in found if not one.is_current), None)
    if replaced is not None:
        raise ConflictError(
            f"certificate {replaced.certificate.serial_number} was replaced under its id "
            f"{replaced.record.unique_id}, and SCM would revoke the one that took its place: revoke it in SCM"
        )
    warnings: tuple[str, ...] = ()
    for one in found:
        if one.record.revoked_at is None:
            answer = await revoke(one.config_name, one.record.unique_id, request, time_limit=time_limit)
            warnings += answer.warnings
    return replace((await _named(resources, named))[0], warnings=warnings)


async def _named(resources: Resources, named: str | GivenCertificate) -> Sequence[CertificateWithSerial]:
    """Return the places of the one certificate that is meant."""
    if isinstance(named, GivenCertificate):
        held = await _all_with(resources, named.serial_number)
        same = [one for one in held if named.is_leaf_of(one.certificate.bundle)]
        if not same:
            raise UnknownSerialError(named.serial_number)
        return same
    held = await _all_with(resources, named)
    if others := _first_of(held).others:
        places = ", ".join(sorted({held[0].place, *others}))
        raise ConflictError(
            f"several certificates have the serial number {named} ({places}): give the one to revoke as certificate "
            "in place of serial_number"
        )
    return held


async def _all_with(resources: Resources, serial_number: str) -> Sequence[CertificateWithSerial]:
    keys = await resources.repository.certificates_with_serial(serial_number)
    looked_at = await asyncio.gather(*(_looked_at(resources, serial_number, *key) for key in keys))
    found = [one for in_record in looked_at for one in in_record]
    if not found:
        raise UnknownSerialError(serial_number)
    return sorted(found, key=lambda one: (not one.is_current, one.place))


async def _looked_at(
    resources: Resources, serial_number: str, config_name: str, unique_id: UniqueId
) -> Sequence[CertificateWithSerial]:
    record = await resources.repository.certificate(config_name, unique_id)
    if record is None:
        return ()
    return [
        CertificateWithSerial(config_name, record, held, is_current=held is record.current)
        for held in (record.current, *record.earlier)
        if held is not None and held.serial_number == serial_number
    ]


def _first_of(found: Sequence[CertificateWithSerial]) -> CertificateWithSerial:
    """Return the first certificate, and where others than itself are stored."""
    first = found[0]
    leaf = PemBundle.split(first.certificate.bundle).leaf_pem
    others = {one.place for one in found if PemBundle.split(one.certificate.bundle).leaf_pem != leaf}
    return replace(first, others=tuple(sorted(others))) if others else first
