"""Revoking: SCM is asked, then the certificate is marked. It stays stored, and its key with it."""

from datetime import datetime

from sectigo_vault_pki.errors import ConflictError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.answers import CertificateAnswer
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.write_ahead import WriteAhead
from sectigo_vault_pki.pki import reason_code_of
from sectigo_vault_pki.scm import CERTIFICATE_APIS
from sectigo_vault_pki.store import (
    CertificateRecord,
    ConfigRecord,
    HistoryEntry,
    OrderOperation,
    OrderRecord,
    Status,
)


class Revoker:
    """Revokes certificates. The caller holds the certificate's operation lock."""

    def __init__(self, resources: Resources, write_ahead: WriteAhead) -> None:
        self._resources = resources
        self._write_ahead = write_ahead

    async def revoke(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, *, order_uuid: str, reason: str
    ) -> CertificateAnswer:
        """Revoke a certificate; one that is revoked already is answered as it is.

        Beside a renewal that is not settled, whose entry the certificate points at, the intent is not stored: whoever
        is not answered asks again, and SCM says then that it is done.

        Raises:
            ConflictError: it is not issued yet.
            ScmRefusedError, ScmUnavailableError: it is not revoked, as far as SCM says.
        """
        if record.revoked_at is not None:
            return CertificateAnswer(record)
        if record.current is None:
            raise ConflictError("the certificate is not issued yet: decline the order in SCM")
        intent = OrderRecord(
            uuid=order_uuid,
            operation=OrderOperation.REVOKE,
            certificate_type=record.certificate_type,
            common_name=record.common_name,
            unique_id=record.unique_id,
            created_at=self._resources.clock.now(),
            reason=reason,
        )
        if record.submitting is None:
            await self._write_ahead.open(config_name, record.unique_id, intent)
        return await self.carry_out(config_name, config, record, intent)

    async def carry_out(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, intent: OrderRecord
    ) -> CertificateAnswer:
        """Do what the intent says; asking twice is harmless, so a crash is followed by asking again."""
        api, reason = CERTIFICATE_APIS[record.certificate_type], intent.reason or ""
        try:
            async with self._resources.clients.lend(config_name, config) as client:
                await api.revoke(client, record.scm_id, reason, reason_code_of(reason))
        except (ScmRefusedError, ScmUnavailableError):
            await self._write_ahead.close(config_name, record.unique_id, intent, lambda current: current)
            raise
        now = self._resources.clock.now()
        changed = await self._write_ahead.close(
            config_name, record.unique_id, intent, lambda current: revoked(current, now)
        )
        return CertificateAnswer(changed or revoked(record, now))


def revoked(record: CertificateRecord, now: datetime) -> CertificateRecord:
    """Return the record of a certificate that SCM has revoked."""
    if record.revoked_at is not None:
        return record
    marked = record.model_copy(update={"revoked_at": now})
    return marked.with_history(HistoryEntry(status=Status.REVOKED, at=now))
