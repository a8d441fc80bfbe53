"""What a run does about each difference. Done twice, it happens once. In a dry run nothing is stored.

Nothing is ordered, renewed or revoked at SCM.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sectigo_vault_pki.errors import ConflictError, ScmRefusedError
from sectigo_vault_pki.lifecycle.answers import order_id
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry
from sectigo_vault_pki.lifecycle.journal import Journal
from sectigo_vault_pki.lifecycle.newest_chains import NewestChains
from sectigo_vault_pki.lifecycle.orders.fetching import FetchRequest, fetch
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.evidence import (
    current_certificate,
    is_same_serial,
    order_for,
    renewed,
    replaced_elsewhere,
    revoked,
)
from sectigo_vault_pki.lifecycle.rules.renewal_rule import LONGEST_WINDOW
from sectigo_vault_pki.lifecycle.rules.states import Found as FoundAtScm
from sectigo_vault_pki.lifecycle.rules.states import Undecided
from sectigo_vault_pki.lifecycle.steps import MAX_RENEWALS, Steps
from sectigo_vault_pki.lifecycle.sync.neighbours import Neighbours
from sectigo_vault_pki.pki import CertificateChain, parse_chain
from sectigo_vault_pki.scm import CERTIFICATE_APIS, Collected
from sectigo_vault_pki.store import (
    CertificateRecord,
    CurrentCertificate,
    Difference,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    RenewedCertificate,
    RequestedFields,
    Status,
    SyncItem,
    SyncRun,
    WaitingAndRenewal,
    due_from,
)

Found = tuple[Difference, str]
"""What was done, and the id that it was done with."""

IMPORTED = RequestedFields(waiting=WaitingAndRenewal(auto_renew=False))
"""What only SCM had was bought elsewhere, and its key is there too: Vault buys nothing for it unasked."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What actions work with."""

    resources: Resources
    steps: Steps
    journal: Journal
    chains: NewestChains


class Actions:
    """The actions of one run."""

    def __init__(self, tools: Tools, entry: Entry, run: SyncRun, neighbours: Neighbours) -> None:
        self._tools = tools
        self._resources = tools.resources
        self._entry = entry
        self._request = run.request
        self._requested_by = run.requested_by
        self._neighbours = neighbours

    async def do(self, item: SyncItem) -> tuple[Found, ...]:
        """Do what a difference asks for, or find out what would be done; returns nothing where there is none any more.

        Raises:
            ConflictError: SCM does not deliver what it has.
            ScmRefusedError, ScmUnavailableError, ChainError: SCM does not deliver it, or not now.
            RecordError, StorageError: it is not stored.
        """
        match item.kind:
            case Difference.REVOKED:
                return await self._revoked(item)
            case Difference.REPLACED:
                return await self._replaced(item)
            case Difference.RENEWED:
                return await self._renewed(item)
            case Difference.SETTLED:
                return await self._settled(item)
            case _:
                return await self._imported(item)

    # Revoked.

    async def _revoked(self, item: SyncItem) -> tuple[Found, ...]:
        key, resources = self._entry.key_of(item.scm_id), self._resources
        if self._request.dry_run:
            return ((Difference.REVOKED, key.unique_id),)
        async with resources.locks.hold("operation", *key):
            now = resources.clock.now()
            record = await resources.change(key, lambda stored: revoked(stored, now), requested_by=self._requested_by)
            order = None
            if record is not None and record.submitting is not None:
                order = await resources.repository.order(key.config_name, record.submitting)
            if order is not None and order.operation is OrderOperation.REVOKE:  # its answer was lost
                await self._tools.journal.close(key.config_name, order, lambda stored: stored)
        return ((Difference.REVOKED, key.unique_id),)

    # Replaced under its id.

    async def _replaced(self, item: SyncItem) -> tuple[Found, ...]:
        key, resources = self._entry.key_of(item.scm_id), self._resources
        async with resources.locks.hold("operation", *key):
            record = await resources.repository.certificate(*key)
            if record is None or record.current is None or record.order is not None or record.submitting is not None:
                return ()  # what is open is settled, or collected, first
            if item.serial_number and is_same_serial(record.current.serial_number, item.serial_number):
                return (_of_replaced(record),)  # stored, and not counted: the run was interrupted
            chain = await self._collected(item.scm_id)
            if is_same_serial(chain.serial_number, record.current.serial_number):
                if item.serial_number:
                    raise ConflictError("SCM names a newer certificate, and delivers the one that is stored")
                return ()
            now = resources.clock.now()
            order = order_for(chain, record, _order(OrderOperation.REPLACE, now))
            if order is None:
                return ((Difference.REPLACED_WITHOUT_KEY, key.unique_id),)
            if not self._request.dry_run:
                changed = await resources.change(key, replaced_elsewhere(order, chain, now, self._requested_by))
                await self._note(changed)
            return ((Difference.REPLACED, key.unique_id),)

    # Renewed as another entry.

    async def _renewed(self, item: SyncItem) -> tuple[Found, ...]:
        """Store the renewal with the key that it shares with what it renewed; without one it is imported, or left."""
        resources, key = self._resources, self._entry.key_of(item.scm_id)
        found: tuple[Found, ...] = ()
        async with resources.locks.hold("operation", *key):
            stored = await resources.repository.certificate(*key)
            if stored is not None:  # by an interrupted run, unless Vault has ordered it itself meanwhile
                return () if stored.order_uuid is not None else await self._renewed_before(stored)
            renewing = await newest_of(resources, self._entry, item.order_uuid)
            if renewing is not None:
                async with resources.locks.hold("operation", *renewing):
                    renewal = await self._renewed_from(renewing, key, item.scm_id)
                if renewal is not None and (not renewal or renewal[0][0] is Difference.RENEWED):
                    return renewal
                found = renewal or ()
        imported = await self._imported(item) if not found or self._request.import_missing else ()
        return (*found, *imported)

    async def _renewed_from(
        self, renewing: CertificateKey, key: CertificateKey, scm_id: int
    ) -> tuple[Found, ...] | None:
        """Store a renewal; None: it is none, whatever its mark says, as it ends earlier or is for other names."""
        resources, now = self._resources, self._resources.clock.now()
        if await resources.repository.certificate(*key) is not None:
            return ()  # Vault's own renewal, which was under way until now
        record = await resources.repository.certificate(*renewing)
        if record is None or record.current is None or record.submitting is not None:
            return ()  # what is open is settled first
        chain = await self._collected(scm_id)
        if not _takes_the_place_of(chain, record.current):
            return None
        order = None if record.scm_id >= scm_id else order_for(chain, record, _order(OrderOperation.RENEW, now))
        if order is None:
            return ((Difference.RENEWED_WITHOUT_KEY, key.unique_id),)
        if not self._request.dry_run:
            renewal = current_certificate(order, chain, now)
            successor = _successor(record, record.current, key, scm_id, renewal).by(self._requested_by)
            await resources.tasks.finish(resources.repository.put_certificate(key.config_name, successor))
            resources.log.imported(key.config_name, successor)
            await self._linked(successor)
            await self._note(successor)
        return ((Difference.RENEWED, key.unique_id),)

    async def _renewed_before(self, stored: CertificateRecord) -> tuple[Found, ...]:
        found = await self._linked(stored)
        is_imported = found[0] is Difference.RENEWED_WITHOUT_KEY and self._request.import_missing
        return (found, *(((Difference.IMPORTED, stored.unique_id),) if is_imported else ()))

    async def _linked(self, successor: CertificateRecord) -> Found:
        """Mark what a stored renewal has renewed, unless that is done."""
        if successor.renewed_from is None:
            return (Difference.RENEWED_WITHOUT_KEY, successor.unique_id)
        renewing, now = CertificateKey(self._entry.config_name, successor.renewed_from), self._resources.clock.now()
        if not self._request.dry_run and successor.current is not None:
            change = renewed(successor.unique_id, now)
            await self._resources.change(renewing, change, requested_by=self._requested_by)
        return (Difference.RENEWED, successor.unique_id)

    # Lost answers, and what is missing.

    async def _settled(self, item: SyncItem) -> tuple[Found, ...]:
        """Store what became of an order: by the entry that has its mark, or by looking it up."""
        config_name, steps, name = self._entry.config_name, self._tools.steps, order_id(item.order_uuid)
        if item.scm_id:
            if not self._request.dry_run:
                await steps.adopt(config_name, item.order_uuid, item.scm_id)
            return ((Difference.SETTLED, self._entry.key_of(item.scm_id).unique_id),)
        if self._request.dry_run:
            evidence = await steps.evidence(config_name, item.order_uuid)
            found = self._entry.key_of(evidence.scm_id).unique_id if isinstance(evidence, FoundAtScm) else None
            is_open = evidence is None or isinstance(evidence, Undecided)
        else:
            await steps.carry_on(config_name, item.order_uuid)
            found = await self._resources.repository.certificate_of_order(config_name, item.order_uuid)
            is_open = await self._resources.repository.order(config_name, item.order_uuid) is not None
        is_open = is_open and found is None
        return ((Difference.UNSETTLED, name),) if is_open else ((Difference.SETTLED, found or name),)

    async def _imported(self, item: SyncItem) -> tuple[Found, ...]:
        unique_id = self._entry.key_of(item.scm_id).unique_id
        # Runs of two entries may see the same certificate: the second finds what the first has stored.
        async with self._resources.locks.hold("import", unique_id):
            if await self._neighbours.stores(item.scm_id):
                return ()
            if not self._request.import_missing:
                return ((Difference.ONLY_AT_SCM, unique_id),)
            if not self._request.dry_run:
                wanted = FetchRequest(item.scm_id, IMPORTED, requested_by=self._requested_by)
                answer = await fetch(self._resources, self._entry, wanted, time_limit=None)
                await self._note(answer.record)
            return ((Difference.IMPORTED, unique_id),)

    # Helpers.

    async def _collected(self, scm_id: int) -> CertificateChain:
        async with self._resources.clients.lend(self._entry) as client:
            result = await CERTIFICATE_APIS[self._entry.config.certificate_type].collect(client, scm_id)
        if not isinstance(result, Collected):
            raise ScmRefusedError(
                "collect", code=result.code, description=result.description or "not issued yet", status=200
            )
        return parse_chain(result.content, public_key_digest=None)

    async def _note(self, record: CertificateRecord | None) -> None:
        if record is not None and record.current is not None:
            await self._tools.chains.note(self._entry.config_name, record)


async def newest_of(resources: Resources, entry: Entry, order_uuid: str) -> CertificateKey | None:
    """Return the newest stored certificate in the chain of renewals that began with an order; None: there is none."""
    unique_id = await resources.repository.certificate_of_order(entry.config_name, order_uuid)
    for _ in range(MAX_RENEWALS):
        if unique_id is None:
            return None
        record = await resources.repository.certificate_once(entry.config_name, unique_id)
        following = None if record is None else (record.renewed_to or record.successor)
        if following is None or await resources.repository.certificate_once(entry.config_name, following) is None:
            break
        unique_id = following
    return None if unique_id is None else CertificateKey(entry.config_name, unique_id)


def _of_replaced(record: CertificateRecord) -> Found:
    has_key = record.current is not None and record.current.private_key is not None
    return (Difference.REPLACED if has_key else Difference.REPLACED_WITHOUT_KEY, record.unique_id)


def _takes_the_place_of(chain: CertificateChain, current: CurrentCertificate) -> bool:
    names = CertificateChain.from_pem(current.bundle).subject_alt_names
    return chain.not_after >= current.not_after and {*names} <= {*chain.subject_alt_names}


def _order(operation: OrderOperation, now: datetime) -> OrderInFlight:
    """Return an order as somebody else may have placed it."""
    return OrderInFlight(uuid=str(uuid.uuid4()), operation=operation, accepted_at=now)


def _successor(
    record: CertificateRecord,
    current: CurrentCertificate,
    key: CertificateKey,
    scm_id: int,
    renewal: CurrentCertificate,
) -> CertificateRecord:
    """Return the renewal of a certificate as it would be if Vault had ordered it."""
    return CertificateRecord(
        unique_id=key.unique_id,
        certificate_type=record.certificate_type,
        scm_id=scm_id,
        common_name=record.common_name,
        key_type=record.key_type,
        requested=record.requested,
        current=renewal,
        history=(HistoryEntry(status=Status.ISSUED, at=renewal.collected_at),),
        renewed_from=record.unique_id,
        renewed=RenewedCertificate(
            not_before=current.not_before,
            not_after=current.not_after,
            # Nobody knows when; hardly before it was due.
            ordered_at=min(due_from(current, LONGEST_WINDOW), renewal.collected_at),
            first_order=record.first_order,
        ),
    )
