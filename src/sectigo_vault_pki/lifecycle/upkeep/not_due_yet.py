"""Certificates that the agenda names days before they are due, because their window is longer than a third of a life.

The agenda knows when they end, and not how long they live. With a window of 30 days and certificates of 47, it names
nearly half of all, and no tick can read so many: what one has found out, the next ones know. Whatever replaces a
certificate and ends on the same day has a shorter life, so that it is due later, and looked at again before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sectigo_vault_pki.lifecycle.rules.renewal_rule import renewal_policy
from sectigo_vault_pki.store import AgendaEntry, CertificateRecord, ConfigRecord, due_from


@dataclass(frozen=True, slots=True)
class _Found:
    """When a certificate becomes due.

    Attributes:
        at: when that was found out.
        window: the config entry's then, in seconds.
    """

    at: datetime
    due: datetime
    window: float | None


class NotDueYet:
    """What is known of agenda entries that name a certificate too early."""

    def __init__(self) -> None:
        self._found: dict[str, _Found] = {}

    def note(self, entry: AgendaEntry, record: CertificateRecord, config: ConfigRecord, now: datetime) -> None:
        """Note when a certificate that was looked at becomes due, if that is later."""
        if record.current is None or not record.is_at_rest:
            return
        due = due_from(record.current, renewal_policy(record.requested.waiting, config.defaults).expiry_window)
        if due > now:
            self._found[entry.key] = _Found(now, due, config.defaults.expiry_window)

    def knows(self, entry: AgendaEntry, config: ConfigRecord, now: datetime) -> bool:
        """Whether it was found out that a certificate is not due now."""
        found = self._found.get(entry.key)
        if found is None or found.window != config.defaults.expiry_window:
            return False
        return found.at <= now < found.due

    def keep_only(self, keys: Iterable[str]) -> None:
        """Drop what is known of all other entries."""
        self._found = {key: found for key in keys if (found := self._found.get(key)) is not None}
