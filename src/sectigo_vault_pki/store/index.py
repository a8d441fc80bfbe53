"""The index: which entries lead to a certificate, by its serial number, its end, and for background work.

An entry is a key and nothing else; `index_keys` says which ones a record has. The agenda is the part of them that
background work reads, so that it need not read every record. A stale entry, which a crash can leave, points at a record
with nothing to do, or without that serial number; the agenda's are then removed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sectigo_vault_pki.store import layout
from sectigo_vault_pki.store.certificate_records import CertificateRecord, CurrentCertificate
from sectigo_vault_pki.store.layout import UniqueId


@dataclass(frozen=True, slots=True, order=True)
class AgendaEntry:
    """One certificate that background work may have to process.

    Attributes:
        key: where the entry lies below the mount's storage.
    """

    key: str
    config_name: str
    unique_id: UniqueId


def index_keys(config_name: str, record: CertificateRecord) -> frozenset[str]:
    """Return the keys of all entries that lead to a record."""
    agenda, ends = agenda_keys(config_name, record), ends_key(config_name, record)
    ending = frozenset[str]() if ends is None else frozenset((ends,))
    return agenda | ending | _serial_keys(config_name, record) | _revoked_keys(config_name, record)


def agenda_keys(config_name: str, record: CertificateRecord) -> frozenset[str]:
    """Return the keys of the agenda's entries for a record: while an order is open, and for its renewal."""
    keys = set()
    if not record.is_at_rest:
        keys.add(layout.pending_key(config_name, record.unique_id))
    if renewal := _renewal_key(config_name, record):
        keys.add(renewal)
    return frozenset(keys)


def _serial_keys(config_name: str, record: CertificateRecord) -> frozenset[str]:
    held = (record.current, *record.earlier)
    return frozenset(
        layout.serial_key(certificate.serial_number, config_name, record.unique_id)
        for certificate in held
        if certificate is not None
    )


def _revoked_keys(config_name: str, record: CertificateRecord) -> frozenset[str]:
    revoked = [certificate for certificate in record.earlier if certificate.revoked_at is not None]
    if record.current is not None and record.revoked_at is not None:
        revoked.append(record.current)
    return frozenset(
        layout.revoked_key(certificate.serial_number, config_name, record.unique_id) for certificate in revoked
    )


def ends_key(config_name: str, record: CertificateRecord) -> str | None:
    """Return where a certificate in use is listed by its end: of three places, the one that the agenda asks for."""
    if record.current is None or not record.is_in_use:
        return None
    waiting, ends = record.requested.waiting, record.current.not_after.date()
    if waiting.auto_renew is False or waiting.expiry_window is not None:
        return layout.ends_key(ends, config_name, record.unique_id)
    key = layout.wanted_key if waiting.auto_renew else layout.expiry_key
    return key(ends, config_name, record.unique_id)


def _renewal_key(config_name: str, record: CertificateRecord) -> str | None:
    waiting = record.requested.waiting
    if record.current is None or not record.is_in_use or waiting.auto_renew is False:
        return None
    if waiting.expiry_window is None:
        return ends_key(config_name, record)
    due = due_from(record.current, timedelta(seconds=waiting.expiry_window))
    return layout.renewal_key(due.date(), config_name, record.unique_id)


LONGEST_WINDOW_SHARE = 3
"""A window is at most this fraction of a certificate's life, so that no new certificate is due at once (api.md 6)."""


def due_from(certificate: CurrentCertificate, window: timedelta) -> datetime:
    """Return the moment from which a certificate is due for renewal."""
    return certificate.not_after - min(window, certificate.life / LONGEST_WINDOW_SHARE)
