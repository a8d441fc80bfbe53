"""What happens to orders and certificates: the log line of each, and what `recent/` shows, made here and nowhere else.

What became of a certificate is told from its record before and after a change, so that it is said once, whoever made
the change: a request, the background work, a comparison with SCM. What became of an order is told by the runner.

A line says whose it is (`config`, `unique_id`, `order`, `domain`) and who asked (`requested_by`). The guide lists the
messages (docs/guide/running.md).
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import TypeAlias

from sectigo_vault_pki.errors import ScmRefusedError
from sectigo_vault_pki.lifecycle.held import Entry, Held
from sectigo_vault_pki.lifecycle.rules.evidence import Change
from sectigo_vault_pki.lifecycle.rules.renewal_rule import hold_for_good, shown_length, shown_time
from sectigo_vault_pki.lifecycle.rules.states import NotFound, NotSent, Refused, TooLongUndecided
from sectigo_vault_pki.store import (
    CertificateRecord,
    CurrentCertificate,
    HistoryEntry,
    OrderOperation,
    OrderRecord,
    Status,
)

_log = logging.getLogger(__name__)

Values: TypeAlias = Mapping[str, object]


class LogEvent(Enum):
    """What can happen: the level and the message of its line."""

    ORDERED = logging.INFO, "certificate ordered"
    ORDER_REFUSED = logging.WARNING, "order refused"
    ORDER_NOT_SENT = logging.WARNING, "order not sent"
    ORDER_ANSWER_LOST = logging.WARNING, "order answer lost"
    ORDER_NOT_STORED = logging.ERROR, "order not stored"
    ORDER_NOT_FOUND_YET = logging.DEBUG, "order not found yet"
    ORDER_SETTLED = logging.INFO, "order settled"
    ORDER_NOT_BOOKED = logging.WARNING, "order not booked"
    ORDER_GIVEN_UP = logging.WARNING, "order given up"
    ORDER_DELETED = logging.INFO, "order deleted"
    PENDING = logging.INFO, "certificate pending"
    ISSUED = logging.INFO, "certificate issued"
    NOT_COLLECTED = logging.WARNING, "certificate not collected"
    RENEWED = logging.INFO, "certificate renewed"
    RENEWAL_FOUND = logging.INFO, "renewal found"
    RENEWAL_FAILED = logging.WARNING, "renewal failed"
    RENEWAL_HELD = logging.WARNING, "renewal held back"
    REPLACED = logging.INFO, "certificate replaced"
    REVOKED = logging.INFO, "certificate revoked"
    REVOCATION_REFUSED = logging.WARNING, "revocation refused"
    REVOCATION_FAILED = logging.WARNING, "revocation failed"
    IMPORTED = logging.INFO, "certificate imported"
    IMPORT_REFUSED = logging.WARNING, "import refused"
    FLAGS_CHANGED = logging.INFO, "flags changed"
    KEY_ADDED = logging.INFO, "private key added"
    KEY_DELETED = logging.INFO, "private key deleted"
    DELETED = logging.INFO, "certificate deleted"

    def __init__(self, level: int, message: str) -> None:
        self.level = level
        self.message = message


class EventLog:
    """Tells what happens on one mount: the server's log, and whoever asks for recent events.

    Args:
        note: is told each event with its values, but what only somebody who looks for faults wants to know.
    """

    def __init__(self, note: Callable[[str, Values], None]) -> None:
        self._note = note

    def order(self, event: LogEvent, config_name: str, order: OrderRecord, **more: object) -> None:
        """Say what happened to an order; before SCM has named what was ordered, the id is that of what it is about."""
        about = {
            "config": config_name,
            "unique_id": order.unique_id or "",
            "order": order.uuid,
            "domain": order.common_name,
            "requested_by": order.requested_by,
            "operation": order.operation.value,
        }
        self._say(event, about | more)

    def accepted(self, event: LogEvent, entry: Entry, order: OrderRecord, scm_id: int) -> None:
        """Say that SCM has an order, with the id of what comes of it; what comes of a revocation, its record tells."""
        if order.operation is OrderOperation.REVOKE:
            return
        renewed = {"renewed_from": order.unique_id} if order.operation is OrderOperation.RENEW else {}
        self.order(event, entry.config_name, order, unique_id=entry.key_of(scm_id).unique_id, **renewed)

    def refused(self, entry: Entry, order: OrderRecord, event: Refused | NotSent, change: Change) -> None:
        """Say that SCM took nothing, with what that makes of the certificate that the order is about."""
        is_refusal = isinstance(event, Refused)
        if order.operation is OrderOperation.REVOKE:
            told = LogEvent.REVOCATION_REFUSED if is_refusal else LogEvent.REVOCATION_FAILED
        else:
            told = LogEvent.ORDER_REFUSED if is_refusal else LogEvent.ORDER_NOT_SENT
        self.order(told, entry.config_name, order, **of_error(event.error), **_next_try(entry, change))

    def unbooked(self, entry: Entry, order: OrderRecord, evidence: NotFound | TooLongUndecided, change: Change) -> None:
        """Say that nothing came of an order whose answer was lost, as far as anybody knows."""
        told = LogEvent.ORDER_NOT_BOOKED if isinstance(evidence, NotFound) else LogEvent.ORDER_GIVEN_UP
        if order.operation is OrderOperation.REVOKE:
            told = LogEvent.REVOCATION_FAILED
        why = {"error": evidence.reason} if evidence.reason else {}
        self.order(told, entry.config_name, order, **why, **_next_try(entry, change))

    def certificate(self, event: LogEvent, config_name: str, record: CertificateRecord, **more: object) -> None:
        """Say what happened to a certificate."""
        self._say(event, about_certificate(config_name, record) | more)

    def imported(self, config_name: str, record: CertificateRecord) -> None:
        """Say that a certificate of SCM's, collected or pending, is stored that was ordered elsewhere."""
        came = {} if record.current is None else _came(record.current)
        renewed = {} if record.renewed_from is None else {"renewed_from": record.renewed_from}
        self.certificate(LogEvent.IMPORTED, config_name, record, **came, **renewed)

    def import_refused(self, config_name: str, unique_id: str, refusal: ScmRefusedError, requested_by: str) -> None:
        """Say that SCM does not give a certificate that is not stored: its name is not known then."""
        about = {"config": config_name, "unique_id": unique_id, "order": "", "domain": "", "requested_by": requested_by}
        self._say(LogEvent.IMPORT_REFUSED, {**about, **of_error(refusal)})

    def change(
        self, config_name: str, before: CertificateRecord, changed: CertificateRecord, requested_by: str | None = None
    ) -> None:
        """Say what a change made of a certificate.

        Args:
            config_name: its config entry.
            before: as it was stored.
            changed: as it is stored now.
            requested_by: who had it changed; None: who asked for the certificate.
        """
        by = {} if requested_by is None else {"requested_by": requested_by}
        for event, more in _events(before, changed):
            self.certificate(event, config_name, changed, **(by | dict(more)))

    def _say(self, event: LogEvent, values: Values) -> None:
        _log.log(event.level, event.message, extra={"kv": values})
        if event.level > logging.DEBUG:
            self._note(event.message, values)


def about_certificate(config_name: str, record: CertificateRecord) -> dict[str, object]:
    """Return whose a line is, and who asked for it."""
    return {
        "config": config_name,
        "unique_id": record.unique_id,
        "order": (record.order.uuid if record.order is not None else record.order_uuid) or "",
        "domain": record.common_name,
        "requested_by": record.requested_by,
    }


def of_error(error: Exception) -> Values:
    """Return what went wrong: SCM's code and text where it gave one."""
    if isinstance(error, ScmRefusedError):
        return {"code": "" if error.code is None else error.code, "error": error.description}
    return {"error": str(error)}


# What the difference of two records tells.

_Events: TypeAlias = Iterator[tuple[LogEvent, Values]]


def _events(before: CertificateRecord, changed: CertificateRecord) -> _Events:
    if changed.history is not before.history:
        yield from _of_history(_new_entries(before.history, changed.history))
    if changed.current is not None and changed.current is not before.current:
        yield from _of_current(before, changed, changed.current)
    if changed.revoked_at is not None and before.revoked_at is None:
        yield LogEvent.REVOKED, {} if changed.current is None else {"serial_number": changed.current.serial_number}
    if changed.renewed_to is not None and changed.renewed_to != before.renewed_to:
        yield LogEvent.RENEWED, {"renewed_to": changed.renewed_to}
    if _is_held_back(before, changed):
        yield LogEvent.RENEWAL_HELD, _held_back(changed)
    if changed.order is not None and before.order is not None and changed.order.uuid == before.order.uuid:
        yield from _of_key(before.order.private_key, changed.order.private_key)
    if changed.requested is not before.requested:
        yield from _of_flags(before, changed)


def _of_current(before: CertificateRecord, changed: CertificateRecord, current: CurrentCertificate) -> _Events:
    replaced = before.current
    if replaced is not None and replaced.bundle == current.bundle:
        yield from _of_key(replaced.private_key, current.private_key)
        return
    came = _came(current)
    # A replacement's order is not in flight any more.
    order = {} if before.order is None else {"order": before.order.uuid}
    if replaced is None:
        renewed = {} if changed.renewed_from is None else {"renewed_from": str(changed.renewed_from)}
        yield LogEvent.ISSUED, came | order | renewed
    else:
        is_revoked = bool(changed.earlier and changed.earlier[0].revoked_at) and replaced.revoked_at is None
        before_it = {"replaced_serial_number": replaced.serial_number}
        yield LogEvent.REPLACED, came | order | before_it | ({"replaced_is_revoked": True} if is_revoked else {})
    is_wanted = replaced is None and changed.requested.waiting.auto_renew is not False
    if is_wanted and (hold := hold_for_good(changed, current.collected_at)) is not None:
        yield LogEvent.RENEWAL_HELD, {"error": hold.reason}


def _came(current: CurrentCertificate) -> dict[str, str]:
    return {"serial_number": current.serial_number, "not_after": shown_time(current.not_after)}


def _of_key(before: object, changed: object) -> _Events:
    if before is None and changed is not None:
        yield LogEvent.KEY_ADDED, {}
    if before is not None and changed is None:
        yield LogEvent.KEY_DELETED, {}


def _of_history(entries: Sequence[HistoryEntry]) -> _Events:
    for entry in entries:
        if entry.status is Status.TIMEOUT_STATE_SAVED:
            yield LogEvent.PENDING, {}
        if entry.status is Status.ERROR_CODE:
            code = "" if entry.code is None else entry.code
            yield LogEvent.NOT_COLLECTED, {"code": code, "error": entry.description or ""}


def _new_entries(before: Sequence[HistoryEntry], changed: Sequence[HistoryEntry]) -> Sequence[HistoryEntry]:
    """Return what was added: whatever a history drops, its newest entry stays before what is added."""
    for place in range(len(changed), 0, -1):
        if before and changed[place - 1] == before[-1]:
            return changed[place:]
    return changed


def _is_held_back(before: CertificateRecord, changed: CertificateRecord) -> bool:
    """Whether a pause began; where an order's end began it, the line about that order has said so."""
    is_end_of_order = before.submitting is not None and changed.submitting is None
    return changed.refused_renewal not in {None, before.refused_renewal} and not is_end_of_order


def _next_try(entry: Entry, change: Change) -> Values:
    """Return when a certificate is renewed next, where an order's end begins a pause."""
    if not isinstance(entry, Held):
        return {}
    changed = change(entry.record).refused_renewal
    return {} if changed in {None, entry.record.refused_renewal} else {"next_try": shown_time(changed.retry_at)}


def _held_back(record: CertificateRecord) -> Values:
    """Return why, and until when, a certificate is not renewed automatically."""
    refused = record.refused_renewal
    return {} if refused is None else {"next_try": shown_time(refused.retry_at), "error": refused.text}


def _of_flags(before: CertificateRecord, changed: CertificateRecord) -> _Events:
    old, new = before.requested.waiting.model_dump(), changed.requested.waiting.model_dump()
    different = {name: _shown_flag(value) for name, value in new.items() if value != old[name]}
    if different:
        yield LogEvent.FLAGS_CHANGED, different


def _shown_flag(value: object) -> object:
    return shown_length(timedelta(seconds=value)) if isinstance(value, float) else value
