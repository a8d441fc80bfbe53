"""Renewing: a new order at SCM, under a new id. The old certificate stays valid, and `Renewed` once the new is there.

The key stays, unless the request says otherwise; SCM renews client certificates with the key they have.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from sectigo_vault_pki.errors import RecordError, RenewalHeldError
from sectigo_vault_pki.lifecycle.accepting import Acceptor
from sectigo_vault_pki.lifecycle.answers import Answer, CertificateAnswer, unsettled
from sectigo_vault_pki.lifecycle.judging import digests_of_keys
from sectigo_vault_pki.lifecycle.keys import KeyWish, new_key_and_csr
from sectigo_vault_pki.lifecycle.names import names_of_successor, search_name
from sectigo_vault_pki.lifecycle.order_limits import OrderLimits
from sectigo_vault_pki.lifecycle.order_log import of_order
from sectigo_vault_pki.lifecycle.policy import doubt_ends, may_be_awaited
from sectigo_vault_pki.lifecycle.renewal_policy import LONGEST_WINDOW, refused_again
from sectigo_vault_pki.lifecycle.resources import Change, Resources
from sectigo_vault_pki.lifecycle.sending import send
from sectigo_vault_pki.lifecycle.states import Accepted, AnswerLost, NotSent, Refused, Unnamed
from sectigo_vault_pki.lifecycle.successors import Successors
from sectigo_vault_pki.lifecycle.write_ahead import WriteAhead
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.scm import CERTIFICATE_APIS, Listed
from sectigo_vault_pki.store import (
    MAX_EARLIER,
    CertificateRecord,
    ConfigRecord,
    CurrentCertificate,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    RenewedCertificate,
    Status,
    StorageError,
    UniqueId,
    WaitingAndRenewal,
    due_from,
)

_log = logging.getLogger(__name__)

RENEWED_BY_A_STRANGER = (
    "SCM says that the certificate was renewed already, by an order that is not known here: bring the newer "
    "certificate in with fetch/, or order another with renew/"
)


@dataclass(frozen=True, slots=True)
class RenewalRequest:
    """How to renew.

    Attributes:
        wish: another key or CSR.
        new_key: whether the key changes where the wish names none.
        is_automatic: nobody has asked for it, so it is held back where it may not be needed.
        flags: waiting and renewal fields to store with the certificate and its renewal.
    """

    wish: KeyWish = field(default_factory=KeyWish)
    new_key: bool = False
    is_automatic: bool = False
    flags: WaitingAndRenewal = field(default_factory=WaitingAndRenewal)

    def fingerprint(self) -> str:
        """Return what tells one request from another, without showing a key."""
        return f"{self.is_automatic} {self.new_key} {self.flags!r} {self.wish.fingerprint()}"

    @property
    def keeps_key(self) -> bool:
        return not self.new_key and self.wish.csr is None and self.wish.private_key is None


class Renewer:
    """Orders renewals. The caller holds the certificate's operation lock."""

    def __init__(
        self,
        resources: Resources,
        write_ahead: WriteAhead,
        acceptor: Acceptor,
        limits: OrderLimits,
        successors: Successors,
    ) -> None:
        self._resources = resources
        self._write_ahead = write_ahead
        self._acceptor = acceptor
        self._limits = limits
        self._successors = successors

    async def order(
        self,
        config_name: str,
        config: ConfigRecord,
        record: CertificateRecord,
        current: CurrentCertificate,
        request: RenewalRequest,
        *,
        order_uuid: str,
    ) -> Answer:
        """Order a renewal, and answer the new certificate's record, or the order where SCM's answer was lost.

        Raises:
            RenewalHeldError: it is automatic, and nothing is renewed automatically now.
            OrderLimitError, StorageMovedError: nothing may be ordered.
            ScmRefusedError, ScmUnavailableError: SCM took nothing.
            StorageError: nothing was sent.
        """
        # Other entries, and other mounts, may have the same certificate: whoever comes second asks SCM only then, and
        # finds what the first has ordered.
        async with self._resources.renewals.hold(config.base_url, config.customer_uri, record.scm_id):
            return await self._order(config_name, config, record, current, request, order_uuid=order_uuid)

    async def _order(
        self,
        config_name: str,
        config: ConfigRecord,
        record: CertificateRecord,
        current: CurrentCertificate,
        request: RenewalRequest,
        *,
        order_uuid: str,
    ) -> Answer:
        async with self._resources.clients.lend(config_name, config) as client:
            listed, _ = await CERTIFICATE_APIS[record.certificate_type].listed(client, search_name(record))
        order = await self._prepare(record, current, listed, request=request, order_uuid=order_uuid)
        if request.is_automatic:
            self._check_clock(config)
            if (scm_id := await self._renewed_elsewhere(config_name, config, record, listed)) is not None:
                adopted = order.model_copy(update={"created_at": _ordered_elsewhere_at(current, order.created_at)})
                known = await self._linked(config_name, config, record, scm_id)
                return known or await self.accepted(config_name, config, record, adopted, scm_id)
        async with self._limits.admission(config_name, config, self._resources.clock.now()):
            await self._write_ahead.open(config_name, record.unique_id, order)
            return await self._send(config_name, config, record, order)

    async def _send(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, order: OrderRecord
    ) -> Answer:
        call = self._renew(config_name, config, record, order)
        match await send(call, config_name=config_name, order=order):
            case Accepted(scm_id) if await self._is_anothers(config_name, config, record, order, scm_id):
                return unsettled(order, f"SCM named {scm_id} as the renewal, which is another certificate", config_name)
            case Accepted(scm_id):
                return await self.accepted(config_name, config, record, order, scm_id)
            case Unnamed():
                return unsettled(order, "SCM accepted the renewal without naming it", config_name)
            case AnswerLost(error):
                return unsettled(order, f"SCM's answer to the renewal was lost ({error})", config_name)
            case Refused(error) if not error.login_refused:
                refusal = _refused(str(error), self._resources.clock.now())
                await self._write_ahead.close(config_name, record.unique_id, order, refusal)
                raise error
            case Refused(error) | NotSent(error):  # a refused login says nothing of the certificate
                await self._write_ahead.close(config_name, record.unique_id, order, lambda stored: stored)
                raise error

    async def _renew(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, order: OrderRecord
    ) -> Accepted | Unnamed:
        async with self._resources.clients.lend(config_name, config) as client:
            return await CERTIFICATE_APIS[record.certificate_type].renew(client, record.scm_id, order)

    async def _is_anothers(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, order: OrderRecord, scm_id: int
    ) -> bool:
        """Whether an id that SCM gave a renewal cannot be its own: SCM's ids grow, and nobody else has the key."""
        if scm_id <= record.scm_id or scm_id in order.listed_ids:
            return True
        unique_id = UniqueId(f"{scm_id}_{config.customer_uri}")
        try:
            stored = await self._resources.repository.certificate(config_name, unique_id)
        except (StorageError, RecordError):  # SCM has taken the renewal: storing its id tells of that
            return False
        if stored is None or stored.current is None:
            return False
        keys = digests_of_keys(record) | {bytes.fromhex(order.key_digest)}
        return keys.isdisjoint(digests_of_keys(stored))

    def _check_clock(self, config: ConfigRecord) -> None:
        """Compare the clocks once more: SCM has just told its time."""
        if (apart := self._resources.clients.clocks.apart(config.base_url)) is not None:
            raise RenewalHeldError(apart.reason)

    async def _renewed_elsewhere(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, listed: Sequence[Listed]
    ) -> int | None:
        """Return the renewal that SCM has already: by another entry or mount, or after an older snapshot was restored.

        Raises:
            RenewalHeldError: there is one, and it is not known which, or it has another key.
        """
        search = await self._successors.of_known_certificate(config_name, config, record, listed)
        if search.scm_id is not None:
            return search.scm_id
        now = self._resources.clock.now()
        if search.is_renewed and not record.failed_renewals:
            await self._resources.change(config_name, record.unique_id, _refused(RENEWED_BY_A_STRANGER, now))
            raise RenewalHeldError(RENEWED_BY_A_STRANGER)
        if search.undecided and may_be_awaited(record, now):
            text = _doubt_about(search.undecided)
            await self._resources.change(config_name, record.unique_id, _awaited(text, now))
            raise RenewalHeldError(text)
        return None

    async def _linked(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, scm_id: int
    ) -> CertificateAnswer | None:
        """Let the certificate point at a renewal that was ordered here, and that it knows nothing of; None for others.

        Its record was deleted and fetched anew since.
        """
        unique_id = UniqueId(f"{scm_id}_{config.customer_uri}")
        stored = await self._resources.repository.certificate(config_name, unique_id)
        if stored is None or stored.order_uuid is None:
            return None
        is_collected = stored.current is not None
        link = renewed(unique_id, self._resources.clock.now()) if is_collected else _points_at(unique_id)
        await self._resources.change(config_name, record.unique_id, link)
        return CertificateAnswer(stored)

    async def accepted(
        self, config_name: str, config: ConfigRecord, record: CertificateRecord, order: OrderRecord, scm_id: int
    ) -> Answer:
        """Store the new certificate's record, then let the old one point at it."""
        renewed = _successor(record, order, scm_id, config, self._resources.clock.now())
        try:
            stored = await self._acceptor.store(config_name, order.uuid, renewed)
            link = _points_at(stored.unique_id, in_place_of=await self._deleted_renewal(config_name, record.unique_id))
            await self._write_ahead.close(config_name, record.unique_id, order, link)
        except (StorageError, RecordError):
            _log.exception("an accepted renewal could not be stored", extra=of_order(config_name, order, scm_id=scm_id))
            return unsettled(order, "SCM took the renewal, and its id could not be stored", config_name)
        return CertificateAnswer(stored)

    async def _deleted_renewal(self, config_name: str, unique_id: UniqueId) -> UniqueId | None:
        """Return the renewal that a certificate points at, if that was deleted."""
        record = await self._resources.repository.certificate(config_name, unique_id)
        if record is None or record.renewed_to is None:
            return None
        renewal = await self._resources.repository.certificate(config_name, record.renewed_to)
        return record.renewed_to if renewal is None else None

    async def gave_up(
        self, config_name: str, record: CertificateRecord, order: OrderRecord, text: str
    ) -> CertificateAnswer:
        """Let another renewal be ordered, after a pause; what was ordered keeps its key, in case that it comes."""
        failed = renewal_failed(None, order.uuid, text, self._resources.clock.now())
        lost = in_flight_of(order, order.created_at, record.current) if order.csr else None

        def change(stored: CertificateRecord) -> CertificateRecord:
            doubted = stored.model_copy(update={"doubted_at": stored.doubted_at or order.created_at})
            return failed(doubted if lost is None else doubted.with_superseded(lost))

        changed = await self._write_ahead.close(config_name, record.unique_id, order, change)
        return CertificateAnswer(changed or record, (text,))

    async def _prepare(
        self,
        record: CertificateRecord,
        current: CurrentCertificate,
        listed: Sequence[Listed],
        *,
        request: RenewalRequest,
        order_uuid: str,
    ) -> OrderRecord:
        chain = CertificateChain.from_pem(current.bundle)
        order = OrderRecord(
            uuid=order_uuid,
            operation=OrderOperation.RENEW,
            certificate_type=record.certificate_type,
            common_name=record.common_name,
            unique_id=record.unique_id,
            private_key=current.private_key,
            key_digest=chain.public_key_digest.hex(),
            key_type=chain.key_type,
            requested=record.requested,
            created_at=self._resources.clock.now(),
            listed_ids=tuple(entry.scm_id for entry in listed),
            subject_alt_names=chain.subject_alt_names,
        )
        if request.keeps_key:
            # Left to itself, SCM may take the first order's CSR after a replacement (scm-api.md 3.5).
            was_replaced = bool(record.earlier) or record.order is not None
            return order.model_copy(update={"csr": current.csr}) if was_replaced else order
        made = await new_key_and_csr(self._resources, record, current, request.wish)
        return OrderRecord.model_validate(
            order.model_dump()
            | {
                "common_name": made.csr.common_name or record.common_name,
                "csr": made.csr.pem,
                "private_key": SecretStr(made.private_key.pem) if made.private_key else None,
                "key_digest": made.csr.public_key_digest.hex(),
                "key_type": made.csr.key_type,
                "subject_alt_names": made.csr.subject_alt_names,
            }
        )


def _successor(
    record: CertificateRecord, order: OrderRecord, scm_id: int, config: ConfigRecord, now: datetime
) -> CertificateRecord:
    current = record.current
    return CertificateRecord(
        unique_id=UniqueId(f"{scm_id}_{config.customer_uri}"),
        certificate_type=record.certificate_type,
        scm_id=scm_id,
        common_name=order.common_name,
        key_type=order.key_type,
        requested=order.requested,
        order_uuid=order.uuid,
        order=in_flight_of(order, now, current),
        history=(HistoryEntry(status=Status.APPLIED, at=now),),
        renewed_from=record.unique_id,
        renewed=current
        and RenewedCertificate(
            not_before=current.not_before,
            not_after=current.not_after,
            ordered_at=min(order.created_at, now),
            first_order=record.first_order,
        ),
    )


def in_flight_of(order: OrderRecord, accepted_at: datetime, current: CurrentCertificate | None) -> OrderInFlight:
    """Return a renewal as its own record has it once SCM has taken it; without a CSR of its own it is the old one's."""
    return OrderInFlight(
        uuid=order.uuid,
        operation=OrderOperation.RENEW,
        csr=order.csr or (current.csr if current else ""),
        private_key=order.private_key,
        key_digest=order.key_digest,
        accepted_at=accepted_at,
        names=names_of_successor(order),
    )


def _ordered_elsewhere_at(renewed: CurrentCertificate, now: datetime) -> datetime:
    """Return when a renewal was ordered that turns up now: nobody knows, and hardly before it became due.

    The moment at which it turns up would make its life look shorter than it is, and hold back the next renewal.
    """
    return min(due_from(renewed, LONGEST_WINDOW), now)


def _points_at(successor: UniqueId, *, in_place_of: UniqueId | None = None) -> Change:
    def change(record: CertificateRecord) -> CertificateRecord:
        if record.renewed_to not in {None, in_place_of}:  # the successor was collected before this was known
            return record
        return record.model_copy(update={"successor": successor, "renewed_to": None})

    return change


def _doubt_about(undecided: int) -> str:
    return (
        f"SCM lists {undecided} newer orders for this name that are not issued, and whether one of them is the renewal "
        "shows when it is: another is ordered where that stays open, or by renew/"
    )


def _awaited(text: str, now: datetime) -> Change:
    """Return the change of a certificate that SCM may have renewed already, for all that can be told yet."""

    def change(record: CertificateRecord) -> CertificateRecord:
        doubted = record.model_copy(update={"doubted_at": min(record.doubted_at or now, now)})
        refused = refused_again(record.refused_renewal, text, now)
        retry_at = min(refused.retry_at, doubt_ends(doubted, now))
        return doubted.model_copy(update={"refused_renewal": refused.model_copy(update={"retry_at": retry_at})})

    return change


def _refused(text: str, now: datetime) -> Change:
    def change(record: CertificateRecord) -> CertificateRecord:
        return record.model_copy(update={"refused_renewal": refused_again(record.refused_renewal, text, now)})

    return change


def renewal_failed(successor: UniqueId | None, order_uuid: str, text: str, now: datetime) -> Change:
    """Return the change of a certificate whose renewal came to nothing after SCM had taken it, or may have.

    Args:
        successor: the renewal, or None where SCM never named it; one that is not the certificate's any more is none.
        order_uuid: its order.
        text: why.
        now: in UTC.
    """

    def change(record: CertificateRecord) -> CertificateRecord:
        if record.renewed_to is not None or record.successor != successor:
            return record
        failed = (order_uuid, *record.failed_renewals)[:MAX_EARLIER]
        return _refused(text, now)(record.model_copy(update={"successor": None, "failed_renewals": failed}))

    return change


def renewed(successor: UniqueId, now: datetime) -> Change:
    """Return the change of a certificate whose renewal has been collected."""

    def change(record: CertificateRecord) -> CertificateRecord:
        if record.renewed_to is not None:
            return record
        linked = record.model_copy(update={"renewed_to": successor, "successor": None, "refused_renewal": None})
        return linked.with_history(HistoryEntry(status=Status.RENEWED, at=now))

    return change
