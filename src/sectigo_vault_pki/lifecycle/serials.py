"""Certificates by their serial number, whatever config entry they are stored under."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sectigo_vault_pki.errors import ConflictError, UnknownSerialError
from sectigo_vault_pki.lifecycle.engine import Engine
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.store import CertificateRecord, CurrentCertificate, UniqueId


@dataclass(frozen=True, slots=True)
class CertificateWithSerial:
    """A stored certificate; `is_current` unless another has replaced it under its id."""

    config_name: str
    record: CertificateRecord
    certificate: CurrentCertificate
    is_current: bool


class SerialNumbers:
    """Lists, finds and revokes by serial number; serial numbers are colon hex."""

    def __init__(self, resources: Resources, engine: Engine) -> None:
        self._resources = resources
        self._engine = engine

    async def all(self) -> Sequence[str]:
        """Return the serial numbers of all certificates, replaced ones among them."""
        return await self._resources.repository.serial_numbers()

    async def find(self, serial_number: str) -> CertificateWithSerial:
        """Return the certificate with a serial number; a fetched one may be stored several times.

        Raises:
            UnknownSerialError: none has it.
        """
        return (await self._all_with(serial_number))[0]

    async def revoke(self, serial_number: str, reason: str, *, time_limit: float | None) -> CertificateWithSerial:
        """Revoke a certificate at SCM, wherever it is stored; one that is revoked already is no error.

        Raises:
            UnknownSerialError: none has that serial number.
            ConflictError: it was replaced, and SCM revokes the one that took its place.
            ScmRefusedError, ScmUnavailableError: it is not revoked, as far as SCM says.
        """
        found = await self._all_with(serial_number)
        if not all(one.is_current for one in found):
            raise ConflictError(
                f"certificate {serial_number} was replaced under its id {found[0].record.unique_id}, and SCM would "
                "revoke the one that took its place: revoke it in SCM"
            )
        for one in found:
            unique_id = one.record.unique_id
            if one.record.revoked_at is None:
                await self._engine.revoke(one.config_name, unique_id, reason, time_limit=time_limit)
        return await self.find(serial_number)

    async def _all_with(self, serial_number: str) -> Sequence[CertificateWithSerial]:
        named = await self._resources.repository.certificates_with_serial(serial_number)
        looked_at = await asyncio.gather(*(self._looked_at(serial_number, *name) for name in named))
        found = [one for one in looked_at if one is not None]
        if not found:
            raise UnknownSerialError(serial_number)
        return found

    async def _looked_at(
        self, serial_number: str, config_name: str, unique_id: UniqueId
    ) -> CertificateWithSerial | None:
        record = await self._resources.repository.certificate(config_name, unique_id)
        if record is None:
            return None
        for held in (record.current, *record.earlier):
            if held is not None and held.serial_number == serial_number:
                return CertificateWithSerial(config_name, record, held, is_current=held is record.current)
        return None
