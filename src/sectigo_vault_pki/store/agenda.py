"""The agenda: index entries by which background work finds certificates, without reading every record.

An entry is a key and nothing else. A record has the entries that `agenda_keys` says; one too many, which a crash may
leave, leads to a record that needs nothing, and is removed then.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from sectigo_vault_pki.store import layout
from sectigo_vault_pki.store.layout import UniqueId
from sectigo_vault_pki.store.records import CertificateRecord


@dataclass(frozen=True, slots=True, order=True)
class AgendaEntry:
    """One certificate that background work may have to look at.

    Attributes:
        key: the entry's own, below the mount's storage.
    """

    key: str
    config_name: str
    unique_id: UniqueId

    @classmethod
    def below(cls, prefix: str, config_name: str, unique_id: str) -> Self:
        return cls(f"{prefix}{config_name}/{unique_id}", config_name, UniqueId(unique_id))


def agenda_keys(config_name: str, record: CertificateRecord) -> frozenset[str]:
    """Return the keys of the entries that lead to a record: while something is open at SCM, and before it expires."""
    keys = set()
    if record.order is not None or record.submitting is not None or record.successor is not None:
        keys.add(layout.pending_key(config_name, record.unique_id))
    if renewal := _renewal_key(config_name, record):
        keys.add(renewal)
    return frozenset(keys)


def _renewal_key(config_name: str, record: CertificateRecord) -> str | None:
    said = record.requested.waiting
    if record.current is None or record.revoked_at is not None or record.renewed_to is not None:
        return None
    if said.auto_renew is False:
        return None
    if said.expiry_window is None:
        key = layout.wanted_key if said.auto_renew else layout.expiry_key
        return key(record.current.not_after.date(), config_name, record.unique_id)
    due = _day_before(record.current.not_after, timedelta(seconds=said.expiry_window))
    return layout.renewal_key(due, config_name, record.unique_id)


def _day_before(moment: datetime, length: timedelta) -> date:
    """Return the day some time before a moment, or the first day there is."""
    earliest = datetime.min.replace(tzinfo=moment.tzinfo)
    return (moment - length).date() if length < moment - earliest else earliest.date()
