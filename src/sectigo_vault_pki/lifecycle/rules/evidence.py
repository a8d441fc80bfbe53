"""Evidence: what SCM's answers prove of an order, and what events make of a certificate's record. Pure functions."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from sectigo_vault_pki.errors import ChainError, ScmRefusedError
from sectigo_vault_pki.lifecycle.rules.backoff import doubt_ends, refused_again
from sectigo_vault_pki.lifecycle.rules.states import (
    Collected,
    CollectEvent,
    Found,
    IssuersMissing,
    NotFound,
    StillProcessing,
    Trouble,
    Undecided,
    Unreachable,
)
from sectigo_vault_pki.pki import Authorities, CertificateChain, host_of_common_name, parse_chain
from sectigo_vault_pki.scm import Collected as Delivered
from sectigo_vault_pki.scm import Standing, is_revoked
from sectigo_vault_pki.scm import StillProcessing as NotDelivered
from sectigo_vault_pki.store import (
    MAX_EARLIER,
    CertificateRecord,
    CertificateType,
    CurrentCertificate,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    Status,
    UniqueId,
)

Change = Callable[[CertificateRecord], CertificateRecord]


def unchanged(record: CertificateRecord) -> CertificateRecord:
    return record


def revoked(record: CertificateRecord, now: datetime) -> CertificateRecord:
    """Return the record of a certificate that SCM has revoked."""
    if record.revoked_at is not None:
        return record
    marked = record.model_copy(update={"revoked_at": now})
    return marked.with_history(HistoryEntry(status=Status.REVOKED, at=now))


def timed_out(record: CertificateRecord, now: datetime) -> CertificateRecord:
    """Return the record of a certificate for which a caller could not wait any longer."""
    if record.order is None:
        return record
    return record.with_history(HistoryEntry(status=Status.TIMEOUT_STATE_SAVED, at=now))


def renewal_ordered(successor: UniqueId, *, in_place_of: UniqueId | None = None) -> Change:
    """Return the change of a certificate whose renewal SCM has named.

    Args:
        successor: the renewal.
        in_place_of: an earlier renewal that is deleted.
    """

    def change(record: CertificateRecord) -> CertificateRecord:
        if record.renewed_to not in {None, in_place_of}:  # the successor was collected before this was known
            return record
        return record.model_copy(update={"successor": successor, "renewed_to": None})

    return change


def renewed(successor: UniqueId, now: datetime) -> Change:
    """Return the change of a certificate whose renewal has been collected."""

    def change(record: CertificateRecord) -> CertificateRecord:
        if record.renewed_to is not None:
            return record
        linked = record.model_copy(update={"renewed_to": successor, "successor": None, "refused_renewal": None})
        return linked.with_history(HistoryEntry(status=Status.RENEWED, at=now))

    return change


def renewal_refused(text: str, now: datetime) -> Change:
    """Return the change of a certificate that SCM does not renew: a pause begins."""

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
        paused = renewal_refused(text, now)(record)
        return paused.model_copy(update={"successor": None, "failed_renewals": failed})

    return change


def renewal_doubted(text: str, now: datetime) -> Change:
    """Return the change of a certificate that SCM may have renewed already, for all that can be told yet."""

    def change(record: CertificateRecord) -> CertificateRecord:
        doubted = record.model_copy(update={"doubted_at": min(record.doubted_at or now, now)})
        refused = refused_again(record.refused_renewal, text, now)
        retry_at = min(refused.retry_at, doubt_ends(doubted, now))
        return doubted.model_copy(update={"refused_renewal": refused.model_copy(update={"retry_at": retry_at})})

    return change


AT_REST = frozenset(
    {"issued", "downloaded", "expired", "revoked", "pre_revoked", "replaced", "declined", "rejected", "invalid"}
)
"""SCM's words for entries that wait for nothing (scm-api.md 3.8, 4.2), in lower case."""

REPLACEMENT_DOUBT = "SCM is working on another certificate under this id, or does not deliver the newest one"


def event_of(
    content: bytes, record: CertificateRecord, order: OrderInFlight, authorities: Authorities | None = None
) -> CollectEvent:
    """Judge what was collected: only the certificate of the order's own key counts.

    Right after a replacement SCM may still deliver an older certificate (scm-api.md 8.5): that is not the new one yet.
    """
    digest = bytes.fromhex(order.key_digest) if order.key_digest else None
    try:
        chain = parse_chain(content, public_key_digest=digest, authorities=authorities)
    except ChainError as error:
        if any(fits(content, earlier) for earlier in _digests_before(record)):
            return StillProcessing()
        return Trouble(error, None, str(error))
    return IssuersMissing() if chain.lacks_issuers and not order.lacked_issuers else Collected(chain)


def with_fitting_key(order: OrderInFlight, content: bytes, predecessor: CertificateRecord) -> OrderInFlight:
    """Return a renewal's order with whichever of its predecessor's keys the collected certificate has.

    Which CSR SCM takes for a renewal that brings none, the first order's or a replacement's, is for SCM to say
    (scm-api.md 3.5). An order for a key of its own is returned as it is.
    """
    keys = list(_keys_of(predecessor, order))
    if order.operation is not OrderOperation.RENEW or order.key_digest not in {key.key_digest for key in keys}:
        return order
    return next((key for key in keys if fits(content, bytes.fromhex(key.key_digest))), order)


def digests_of_keys(record: CertificateRecord) -> frozenset[bytes]:
    """Return the digests of all keys that a certificate has, had, or was to have."""
    return frozenset(_digests_before(record)) | {_digest_of(held) for held in record.earlier}


def order_for(chain: CertificateChain, record: CertificateRecord, order: OrderInFlight) -> OrderInFlight | None:
    """Return an order with whichever of a certificate's keys a collected one has; None if it has none of them."""
    digest = chain.public_key_digest.hex()
    return next((key for key in _keys_of(record, order) if key.key_digest == digest), None)


def replaced_elsewhere(order: OrderInFlight, chain: CertificateChain, now: datetime, found_by: str) -> Change:
    """Return the change of a certificate that was replaced under its id by somebody else; `found_by` brings it in."""

    def change(record: CertificateRecord) -> CertificateRecord:
        return change_of(Collected(chain), order, now)(record.with_order(order).by(found_by))

    return change


def is_same_serial(one: str, other: str) -> bool:
    """Whether two serial numbers in hex are the same, however they are written."""
    return _digits(one) == _digits(other)


def _keys_of(record: CertificateRecord, order: OrderInFlight) -> Iterator[OrderInFlight]:
    """Yield the order as it would be for each key that the record holds."""
    for asked in (record.order, *record.superseded):
        if asked is not None and asked.key_digest:
            yield _with_key_of(asked, asked.key_digest, order)
    for held in (record.current, *record.earlier):
        if held is not None:
            yield _with_key_of(held, _digest_of(held).hex(), order)


def _with_key_of(held: OrderInFlight | CurrentCertificate, key_digest: str, order: OrderInFlight) -> OrderInFlight:
    return order.model_copy(update={"csr": held.csr, "private_key": held.private_key, "key_digest": key_digest})


def _digests_before(record: CertificateRecord) -> Iterator[bytes]:
    if record.current is not None:
        yield _digest_of(record.current)
    yield from (bytes.fromhex(order.key_digest) for order in record.superseded if order.key_digest)


def _digest_of(held: CurrentCertificate) -> bytes:
    return CertificateChain.from_pem(held.bundle).public_key_digest


def fits(content: bytes, public_key_digest: bytes) -> bool:
    """Whether SCM delivered the certificate of a key, whose SubjectPublicKeyInfo has this SHA-256."""
    try:
        parse_chain(content, public_key_digest=public_key_digest)
    except ChainError:
        return False
    return True


def change_of(event: CollectEvent, order: OrderInFlight, now: datetime) -> Change:
    """Return what an event makes of the record; nothing, where another order is in flight by then."""

    def change(record: CertificateRecord) -> CertificateRecord:
        if record.order is None or record.order.uuid != order.uuid or isinstance(event, Unreachable):
            return record
        match event:
            case Collected(chain):
                return _issued(record, order, chain, now)
            case Trouble(ScmRefusedError() as refusal) if is_revoked(refusal.operation, refusal.code):
                return _revoked_before_it_came(record, refusal, now)
            case Trouble(_, code, description):
                entry = HistoryEntry(status=Status.ERROR_CODE, at=now, code=code, description=description)
                return _in_trouble(record, record.order, yes=True).with_history(entry)
            case IssuersMissing():
                return record.model_copy(update={"order": record.order.model_copy(update={"lacked_issuers": True})})
            case StillProcessing():
                return _in_trouble(record, record.order, yes=False)

    return change


def _revoked_before_it_came(record: CertificateRecord, refusal: ScmRefusedError, now: datetime) -> CertificateRecord:
    """Return the record of a certificate that nobody can collect any more, with SCM's reason and the order's key."""
    entry = HistoryEntry(status=Status.ERROR_CODE, at=now, code=refusal.code, description=refusal.description)
    return revoked(record.with_order(None).with_history(entry), now)


def _in_trouble(record: CertificateRecord, order: OrderInFlight, *, yes: bool) -> CertificateRecord:
    if order.in_trouble is yes:
        return record
    return record.model_copy(update={"order": order.model_copy(update={"in_trouble": yes})})


def _issued(
    record: CertificateRecord, order: OrderInFlight, chain: CertificateChain, now: datetime
) -> CertificateRecord:
    replaced = record.current
    issued = record.model_copy(
        update={
            "current": current_certificate(order, chain, now),
            "order": None,
            "common_name": _common_name(record, chain),
            "key_type": chain.key_type,
        }
    )
    if replaced is not None:
        if order.revoke_replaced:
            replaced = replaced.model_copy(update={"revoked_at": now})
        earlier = (replaced, *record.earlier)[:MAX_EARLIER]
        issued = issued.model_copy(update={"earlier": earlier})
        issued = issued.with_history(HistoryEntry(status=Status.REPLACED, at=now))
    return issued.with_history(HistoryEntry(status=Status.ISSUED, at=now))


def _common_name(record: CertificateRecord, chain: CertificateChain) -> str:
    """Return the name it goes by: the ordered one, until a replacement brings another. SCM lists it under that then."""
    if record.current is not None and record.certificate_type is CertificateType.SSL:
        return chain.common_name or record.common_name
    return record.common_name or chain.common_name


def current_certificate(order: OrderInFlight, chain: CertificateChain, now: datetime) -> CurrentCertificate:
    """Return a collected certificate with the key and the CSR of its order."""
    missing, other = differing_names(order.names, chain)
    return CurrentCertificate(
        bundle=chain.bundle_pem,
        csr=order.csr,
        private_key=order.private_key,
        serial_number=chain.serial_number,
        not_before=chain.not_before,
        not_after=chain.not_after,
        collected_at=now,
        missing_names=missing,
        other_names=other,
        lacks_issuers=chain.lacks_issuers,
    )


def differing_names(ordered: Iterable[str], chain: CertificateChain) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return which of the ordered names a certificate lacks, and which it has besides; none where they are not known.

    CAs add `www.` to a domain, or the domain to its `www.`, unasked.
    """
    wanted = {name.lower() for name in ordered}
    if not wanted:
        return (), ()
    got = {name.lower() for name in chain.subject_alt_names}
    given = {f"www.{name}" for name in wanted} | {name.removeprefix("www.") for name in wanted}
    return tuple(sorted(wanted - got)), tuple(sorted(got - wanted - given))


def evidence_of_replacement(
    standing: Standing,
    delivered: Delivered | NotDelivered | ScmRefusedError,
    record: CertificateRecord,
    replacement: OrderInFlight,
) -> Found | NotFound | Undecided:
    """Judge a replacement whose answer was lost by what SCM said of the entry, and by what it delivered after that.

    For a while after it has taken a replacement SCM may deliver the old certificate (scm-api.md 8.5). So that one is a
    proof only where SCM works on nothing and names the same serial number.
    """
    taken, undecided = Found(record.scm_id), Undecided(REPLACEMENT_DOUBT)
    is_at_rest = standing.status.lower() in AT_REST
    if isinstance(delivered, NotDelivered):
        # What SCM is processing may be an earlier replacement in flight.
        return taken if delivered.says_so and record.order is None else undecided
    if isinstance(delivered, ScmRefusedError):
        return NotFound() if is_at_rest else undecided
    if isinstance(event_of(delivered.content, record, replacement), Collected | IssuersMissing):
        return taken
    return NotFound() if is_at_rest and _is_newest(delivered.content, standing) else undecided


def _is_newest(content: bytes, standing: Standing) -> bool:
    try:
        chain = parse_chain(content, public_key_digest=None)
    except ChainError:
        return False
    return not standing.serial_number or is_same_serial(chain.serial_number, standing.serial_number)


def _digits(serial_number: str) -> str:
    return serial_number.replace(":", "").lower().lstrip("0")


def search_name(record: CertificateRecord) -> str:
    """Return the common name of an SSL certificate, the e-mail address of a client certificate."""
    if record.certificate_type is CertificateType.SSL:
        return record.common_name
    if record.requested.client is not None:
        return record.requested.client.email
    names = CertificateChain.from_pem(record.current.bundle).subject_alt_names if record.current else ()
    return next((name for name in names if "@" in name), "")


def search_name_of_order(order: OrderRecord) -> str:
    """Return the same for an order."""
    return order.requested.client.email if order.requested.client is not None else order.common_name


def names_of_successor(order: OrderRecord) -> tuple[str, ...]:
    """Return the names of a renewal or a replacement; empty where they are not known, as for client certificates."""
    names = order.subject_alt_names
    if order.certificate_type is not CertificateType.SSL or not names:
        return ()
    common_name = host_of_common_name(order.common_name)
    return names if common_name is None or common_name in names else (common_name, *names)
