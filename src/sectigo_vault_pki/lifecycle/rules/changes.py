"""What events make of a certificate's record. Each change is applied to the record as it is stored by then."""

from collections.abc import Callable
from datetime import datetime

from sectigo_vault_pki.lifecycle.rules.backoff import doubt_ends, refused_again
from sectigo_vault_pki.store import MAX_EARLIER, CertificateRecord, HistoryEntry, Status, UniqueId

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
