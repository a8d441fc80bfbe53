"""Certificates by their serial number, whatever config entry they are stored under."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sectigo_vault_pki.errors import ConflictError, UnknownSerialError
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.pki import GivenCertificate, PemBundle
from sectigo_vault_pki.store import CertificateRecord, CurrentCertificate, UniqueId


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

    async def __call__(self, config_name: str, unique_id: str, reason: str, *, time_limit: float | None) -> Answer: ...


async def find_by_serial(resources: Resources, serial_number: str) -> CertificateWithSerial:
    """Return the certificate with a serial number in colon hex; a fetched one may be stored several times.

    If several have it, it is one that was not replaced, and the first by the names of config entry and id.

    Raises:
        UnknownSerialError: none has it.
    """
    return _first_of(await _all_with(resources, serial_number))


async def revoke_by_serial(
    resources: Resources, revoke: Revoke, named: str | GivenCertificate, reason: str, *, time_limit: float | None
) -> CertificateWithSerial:
    """Revoke a certificate at SCM, wherever it is stored; one that is revoked already is no error.

    Args:
        resources: with the storage to look into.
        revoke: revokes a stored certificate; see `Engine.revoke`.
        named: its serial number in colon hex, or itself.
        reason: for SCM.
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
            answer = await revoke(one.config_name, one.record.unique_id, reason, time_limit=time_limit)
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
