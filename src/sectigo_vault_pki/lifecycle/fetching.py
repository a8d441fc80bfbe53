"""Fetching: a certificate that SCM has and Vault has not."""

from pydantic import SecretStr

from sectigo_vault_pki.errors import ChainError, KeyMismatchError, ScmRefusedError
from sectigo_vault_pki.lifecycle.answers import CertificateAnswer
from sectigo_vault_pki.lifecycle.judging import current_certificate
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.pki import CertificateChain, PrivateKey, parse_chain
from sectigo_vault_pki.scm import CERTIFICATE_APIS, Collected
from sectigo_vault_pki.store import (
    CertificateRecord,
    ConfigRecord,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    RequestedFields,
    Status,
    UniqueId,
)


class Fetcher:
    """Brings certificates in. The caller holds the certificate's operation lock."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def fetch(
        self,
        config_name: str,
        config: ConfigRecord,
        scm_id: int,
        *,
        key: PrivateKey | None,
        requested: RequestedFields,
        order_uuid: str,
    ) -> CertificateAnswer:
        """Collect a certificate and store it, without a key unless one that fits is given.

        Raises:
            ScmRefusedError: SCM does not know it, or has revoked it; nothing is stored.
            ScmUnavailableError: SCM could not be asked; nothing is stored.
            KeyMismatchError: the given key is another certificate's.
        """
        await self._resources.repository.must_be_ours()
        async with self._resources.clients.lend(config_name, config) as client:
            result = await CERTIFICATE_APIS[config.certificate_type].collect(client, scm_id)
        chain = None
        if isinstance(result, Collected):
            chain = _chain(result.content)
            if key is not None and key.public_key_digest != chain.public_key_digest:
                raise KeyMismatchError("sectigo_private_key is not the key of this certificate")
        record = self._record(config, scm_id, chain, key=key, requested=requested, order_uuid=order_uuid)
        stored = await self._resources.tasks.finish(self._store(config_name, record))
        if stored is not record:
            return CertificateAnswer(stored)
        warnings = (
            () if chain else (f"SCM has not issued it yet: reading certs/{config_name}/{record.unique_id} collects it",)
        )
        return CertificateAnswer(record, warnings)

    async def give_key(self, config_name: str, record: CertificateRecord, key: PrivateKey) -> CertificateRecord:
        """Store a private key with a certificate that came without it.

        Raises:
            KeyMismatchError: it is another certificate's.
        """

        def change(stored: CertificateRecord) -> CertificateRecord:
            held = stored.current or stored.order
            if held is None or _key_digest_of(stored) not in {"", key.public_key_digest.hex()}:
                raise KeyMismatchError("sectigo_private_key is not the key of this certificate")
            if held.private_key is not None:
                return stored
            if stored.current is not None:
                current = stored.current.model_copy(update={"private_key": SecretStr(key.pem)})
                return stored.model_copy(update={"current": current})
            given = {"private_key": SecretStr(key.pem), "key_digest": key.public_key_digest.hex()}
            return stored.model_copy(update={"order": held.model_copy(update=given)})

        return await self._resources.change(config_name, record.unique_id, change) or record

    async def _store(self, config_name: str, record: CertificateRecord) -> CertificateRecord:
        """Store the record, unless an order has stored its own under the same id meanwhile."""
        repository = self._resources.repository
        async with self._resources.locks.hold("certificate", config_name, record.unique_id):
            existing = await repository.certificate(config_name, record.unique_id)
            if existing is None:
                await repository.put_certificate(config_name, record)
            return existing or record

    def _record(
        self,
        config: ConfigRecord,
        scm_id: int,
        chain: CertificateChain | None,
        *,
        key: PrivateKey | None,
        requested: RequestedFields,
        order_uuid: str,
    ) -> CertificateRecord:
        now = self._resources.clock.now()
        in_flight = OrderInFlight(
            uuid=order_uuid,
            operation=OrderOperation.FETCH,
            private_key=SecretStr(key.pem) if key else None,
            key_digest=key.public_key_digest.hex() if key else "",
            accepted_at=now,
        )
        status = Status.TIMEOUT_STATE_SAVED if chain is None else Status.ISSUED
        return CertificateRecord(
            unique_id=UniqueId(f"{scm_id}_{config.customer_uri}"),
            certificate_type=config.certificate_type,
            scm_id=scm_id,
            common_name=chain.common_name if chain else "",
            key_type=chain.key_type if chain else (key.key_type if key else ""),
            requested=requested,
            current=current_certificate(in_flight, chain, now) if chain else None,
            order=None if chain else in_flight,
            history=(HistoryEntry(status=status, at=now),),
        )


def _key_digest_of(record: CertificateRecord) -> str:
    """Return the digest of the key that a certificate has, or is to have; empty where that is not known."""
    if record.current is not None:
        return CertificateChain.from_pem(record.current.bundle).public_key_digest.hex()
    return record.order.key_digest if record.order is not None else ""


def _chain(content: bytes) -> CertificateChain:
    try:
        return parse_chain(content, public_key_digest=None)
    except ChainError as error:
        raise ScmRefusedError("collect", code=None, description=str(error), status=200) from None
