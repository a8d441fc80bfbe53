"""Which order at SCM renews a certificate: told by key, mark, time, and the ids that were known before.

A name is no proof: somebody else may order the same one, in another entry, another mount or SCM's own portal. The key
is one: nobody else has it. So is the mark of the certificate's first order, where SCM hands comments down to renewals.
What has no mark and is not issued shows no key yet, and stays undecided.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum, auto

from sectigo_vault_pki.errors import ScmRefusedError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.held import Held
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.evidence import digests_of_keys, fits, search_name
from sectigo_vault_pki.scm import CERTIFICATE_APIS, CertificateApi, Collected, Listed, ScmClient, is_final, mark_in
from sectigo_vault_pki.store import CertificateRecord, OrderRecord, UniqueId

MAX_EXAMINED = 100
"""Orders, newest first, that are looked at one by one."""
MAX_EXAMINED_UNASKED = 20
"""The same before an automatic renewal, which looks at newer orders of the name only."""
CLOCK_DIFFERENCE = timedelta(days=2)
"""SCM tells only the day of an order, in a time zone of its own."""
MAX_ANCESTORS = 100


@dataclass(frozen=True, slots=True)
class SuccessorSearch:
    """What was found.

    Attributes:
        scm_id: the order with a key of the certificate's, or its mark.
        undecided: how many may be it, and are not issued.
        complete: nothing that SCM has can have been overlooked.
        is_renewed: SCM says that the certificate was renewed.
    """

    scm_id: int | None = None
    undecided: int = 0
    complete: bool = True
    is_renewed: bool = False

    @property
    def doubt(self) -> str:
        """Why it is not known what became of the renewal."""
        if self.undecided:
            return answers.undecided_renewals(self.undecided)
        return "SCM lists too many orders for this name to find the renewal among them"


async def renewal_of_order(resources: Resources, held: Held, order: OrderRecord) -> SuccessorSearch:
    """Look for what a renewal whose answer was lost has become."""
    record = held.record
    async with resources.clients.lend(held) as client:
        listed, complete = await CERTIFICATE_APIS[record.certificate_type].listed(client, search_name(record))
        new = [entry for entry in listed if entry.scm_id not in order.listed_ids]
        examination = _Examination(
            resources,
            client,
            held,
            digests=digests_of_keys(record) | {bytes.fromhex(order.key_digest)},
            order_uuid=order.uuid,
            earliest=(order.created_at - CLOCK_DIFFERENCE).date(),
        )
        found = await examination.of(new[:MAX_EXAMINED])
    return SuccessorSearch(found, examination.undecided, complete=complete and len(new) <= MAX_EXAMINED)


async def renewal_made_elsewhere(resources: Resources, held: Held, listed: Sequence[Listed]) -> SuccessorSearch:
    """Look for a renewal that was ordered elsewhere, before one is ordered automatically."""
    record = held.record
    newer = [entry for entry in listed if entry.scm_id > record.scm_id]
    async with resources.clients.lend(held) as client:
        is_renewed = await _is_renewed(client, record)
        if is_renewed is False:
            return SuccessorSearch()
        examination = _Examination(resources, client, held, digests=digests_of_keys(record))
        found = await examination.of(newer[:MAX_EXAMINED_UNASKED])
    return SuccessorSearch(found, examination.undecided, is_renewed=bool(is_renewed))


async def _is_renewed(client: ScmClient, record: CertificateRecord) -> bool | None:
    """Return what SCM says; None where it does not: then it is for SCM to refuse the renewal."""
    api = CERTIFICATE_APIS[record.certificate_type]
    try:
        return (await api.standing(client, record.scm_id, search_name(record))).renewed
    except ScmRefusedError as refusal:
        if refusal.login_refused:
            raise
        return None


class _Owner(Enum):
    """Whose an entry of SCM's is."""

    OURS = auto()
    SOMEBODY_ELSE = auto()


@dataclass(frozen=True, slots=True)
class _Lineage:
    """A certificate and those before it; `mark` of their first order, where that was placed here and is known."""

    unique_ids: frozenset[UniqueId]
    mark: str | None


@dataclass(slots=True)
class _Examination:
    """Looks at SCM's entries one by one.

    Attributes:
        digests: of the keys that the renewal may have.
        order_uuid: of the renewal's order, where that is known.
        earliest: the first day on which it may have been asked for.
        undecided: of how many entries nothing can be said yet.
    """

    resources: Resources
    client: ScmClient
    held: Held
    digests: AbstractSet[bytes]
    order_uuid: str = ""
    earliest: date = date.min
    undecided: int = 0
    known_lineage: _Lineage | None = None

    async def of(self, entries: Iterable[Listed]) -> int | None:
        """Return the entry that has a key of the certificate's, the newest where there are several."""
        for entry in entries:
            if await self._is_it(entry):
                return entry.scm_id
        return None

    async def _is_it(self, entry: Listed) -> bool:
        stored = await self.resources.repository.certificate(*self.held.key_of(entry.scm_id))
        if stored is not None:
            return await self._is_stored_as_it(stored)
        owner = await self._owner_of(entry)
        if owner is _Owner.SOMEBODY_ELSE:
            return False
        try:
            delivered = await self._api().collect(self.client, entry.scm_id)
        except ScmRefusedError as refusal:
            if refusal.login_refused:
                raise
            return not is_final(refusal.operation, refusal.code) and self._is_ours_without_a_key(owner)
        if not isinstance(delivered, Collected):
            return self._is_ours_without_a_key(owner)
        # A mark alone is not enough: one with a key that is not known here could never be collected.
        return any(fits(delivered.content, digest) for digest in self.digests)

    def _is_ours_without_a_key(self, owner: _Owner | None) -> bool:
        """Whether what is not issued, and so shows no key yet, has our mark; without one it stays undecided."""
        self.undecided += owner is None
        return owner is _Owner.OURS

    async def _is_stored_as_it(self, stored: CertificateRecord) -> bool:
        """Whether a stored certificate is the renewal: stored before a crash, fetched by its number, or left behind.

        What was ordered here says itself which certificate it renews, and may outlive the record of that one.
        """
        if stored.order_uuid is None:
            self.undecided += stored.current is None
            return self._has_key_of(stored)
        if self.order_uuid:
            return stored.order_uuid == self.order_uuid
        if stored.order_uuid in self.held.record.failed_renewals:
            return False
        return await self._descends_from_it(stored)

    def _has_key_of(self, stored: CertificateRecord) -> bool:
        return stored.current is not None and not self.digests.isdisjoint(digests_of_keys(stored))

    async def _descends_from_it(self, stored: CertificateRecord) -> bool:
        """Follow a renewal's ancestors to the certificate; where one of them is deleted, the key has to tell."""
        ancestor: CertificateRecord = stored
        for _ in range(MAX_ANCESTORS):
            if ancestor.renewed_from is None or ancestor.renewed_from == self.held.record.unique_id:
                return ancestor.renewed_from is not None
            before = await self.resources.repository.certificate(self.held.config_name, ancestor.renewed_from)
            if before is None:
                return self._has_key_of(stored)
            ancestor = before
        return False

    async def _owner_of(self, entry: Listed) -> _Owner | None:
        """Tell by an entry's day and mark whose it is; None where its key has to tell."""
        try:
            remarks = await self._api().remarks(self.client, entry)
        except ScmRefusedError as refusal:
            if refusal.login_refused:
                raise
            return None
        if remarks.requested is not None and remarks.requested < self.earliest:
            return _Owner.SOMEBODY_ELSE
        marked = mark_in(remarks.comments)
        if marked is None:
            return None
        lineage = await self._lineage()
        named = await self.resources.repository.certificate_of_order(self.held.config_name, marked)
        if marked == lineage.mark or named in lineage.unique_ids:
            return _Owner.OURS
        # SCM hands the first order's mark down to all its renewals: with another one it is no renewal of ours. Where
        # the first order is not known, as of a fetched certificate, the mark may name a certificate before it.
        return None if lineage.mark is None else _Owner.SOMEBODY_ELSE

    async def _lineage(self) -> _Lineage:
        """Return the certificate and what it renewed: SCM hands comments, and so the mark, down to renewals."""
        if self.known_lineage is None:
            unique_ids, eldest = {self.held.record.unique_id}, self.held.record
            while eldest.renewed_from is not None and len(unique_ids) < MAX_ANCESTORS:
                unique_ids.add(eldest.renewed_from)
                record = await self.resources.repository.certificate(self.held.config_name, eldest.renewed_from)
                if record is None:
                    break
                eldest = record
            self.known_lineage = _Lineage(frozenset(unique_ids), eldest.first_order)
        return self.known_lineage

    def _api(self) -> CertificateApi:
        return CERTIFICATE_APIS[self.held.record.certificate_type]
