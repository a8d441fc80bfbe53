"""Fetching: a certificate that SCM has and Vault has not. Nothing is ordered, so there is no entry in the journal."""

import asyncio
import uuid
from dataclasses import dataclass, field

from pydantic import SecretStr

from sectigo_vault_pki.errors import ChainError, KeyMismatchError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.evidence import current_certificate
from sectigo_vault_pki.lifecycle.rules.policy import DEFAULT_MAX_TIMEOUT, caller_limit
from sectigo_vault_pki.pki import CertificateChain, PrivateKey, parse_chain
from sectigo_vault_pki.scm import CERTIFICATE_APIS, Collected
from sectigo_vault_pki.store import (
    CertificateRecord,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    RequestedFields,
    Status,
)


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """Which certificate of SCM's is brought in.

    Attributes:
        key: its private key, where the user has it.
        requested: what is stored with it.
        requested_by: who asks; no part of the fingerprint, so that equal requests of two people are one call.
    """

    scm_id: int
    requested: RequestedFields
    key: PrivateKey | None = field(default=None, repr=False)
    requested_by: str = ""

    def fingerprint(self) -> str:
        """Return what tells one request from another, without showing the key."""
        key = self.key.public_key_digest.hex() if self.key else ""
        return f"{self.requested.model_dump_json()} {key}"


async def fetch(resources: Resources, entry: Entry, request: FetchRequest, *, time_limit: float | None) -> Answer:
    """Bring a certificate in that is not stored, without a key unless one that fits is given.

    Raises:
        ScmRefusedError: SCM does not know it, or has revoked it; nothing is stored.
        ScmUnavailableError: SCM could not be asked, or has not answered yet.
        KeyMismatchError: the given key is another certificate's.
    """
    key = entry.key_of(request.scm_id)
    task = resources.tasks.join(
        (OrderOperation.FETCH, *key, request.fingerprint()),
        lambda: _fetch_alone(resources, entry, request),
        name=f"{OrderOperation.FETCH} {key}",
    )
    done, _ = await asyncio.wait({task}, timeout=caller_limit(entry.config, DEFAULT_MAX_TIMEOUT, time_limit))
    if not done or task.cancelled():
        raise ScmUnavailableError(OrderOperation.FETCH, "SCM has not answered fetch yet; try again")
    return task.result()


async def _fetch_alone(resources: Resources, entry: Entry, request: FetchRequest) -> Answer:
    key = entry.key_of(request.scm_id)
    async with resources.locks.hold("operation", *key):
        stored = await resources.repository.certificate(*key)
        return await _fetch(resources, entry, request) if stored is None else Answer(stored)


async def _fetch(resources: Resources, entry: Entry, request: FetchRequest) -> Answer:
    await resources.repository.must_be_ours()
    try:
        async with resources.clients.lend(entry) as client:
            result = await CERTIFICATE_APIS[entry.config.certificate_type].collect(client, request.scm_id)
        chain = _chain(result.content) if isinstance(result, Collected) else None
    except ScmRefusedError as refusal:
        resources.log.import_refused(*entry.key_of(request.scm_id), refusal, request.requested_by)
        raise
    if chain is not None and request.key is not None and request.key.public_key_digest != chain.public_key_digest:
        raise KeyMismatchError("sectigo_private_key is not the key of this certificate")
    record, key = _record(resources, entry, request, chain), entry.key_of(request.scm_id)
    stored = await resources.tasks.finish(_store(resources, key, record))
    is_pending = stored is record and chain is None
    return Answer(stored, (answers.not_issued_yet(key),), in_work=request.scm_id) if is_pending else Answer(stored)


async def _store(resources: Resources, key: CertificateKey, record: CertificateRecord) -> CertificateRecord:
    """Store the record, unless an order has stored its own under the same id meanwhile."""
    async with resources.locks.hold("certificate", *key):
        existing = await resources.repository.certificate(*key)
        if existing is None:
            await resources.repository.put_certificate(key.config_name, record)
            resources.log.imported(key.config_name, record)
        return existing or record


def _record(
    resources: Resources, entry: Entry, request: FetchRequest, chain: CertificateChain | None
) -> CertificateRecord:
    now, key = resources.clock.now(), request.key
    in_flight = OrderInFlight(
        uuid=str(uuid.uuid4()),
        operation=OrderOperation.FETCH,
        private_key=SecretStr(key.pem) if key else None,
        key_digest=key.public_key_digest.hex() if key else "",
        accepted_at=now,
    )
    status = Status.TIMEOUT_STATE_SAVED if chain is None else Status.ISSUED
    return CertificateRecord(
        unique_id=entry.key_of(request.scm_id).unique_id,
        certificate_type=entry.config.certificate_type,
        scm_id=request.scm_id,
        common_name=chain.common_name if chain else "",
        key_type=chain.key_type if chain else (key.key_type if key else ""),
        requested=request.requested,
        current=current_certificate(in_flight, chain, now) if chain else None,
        order=None if chain else in_flight,
        history=(HistoryEntry(status=status, at=now),),
        requested_by=request.requested_by,
    )


async def give_key(resources: Resources, certificate: CertificateKey, key: PrivateKey, requested_by: str) -> None:
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

    await resources.change(certificate, change, requested_by=requested_by)


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
