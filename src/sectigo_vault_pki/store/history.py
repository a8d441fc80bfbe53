"""A certificate's history: what happened, oldest first, kept small."""

from enum import StrEnum

from pydantic import AwareDatetime

from sectigo_vault_pki.store.base import Part

MAX_HISTORY = 100
"""Entries kept of a certificate's history: the first one and the newest."""


class Status(StrEnum):
    """What happened to a certificate, in the words of the guide's `state` (api.md 5)."""

    APPLIED = "Applied"
    ISSUED = "Issued"
    TIMEOUT_STATE_SAVED = "TimeoutStateSaved"
    ERROR_CODE = "ErrorCode"
    UNSETTLED = "Unsettled"
    RENEWED = "Renewed"
    REPLACED = "Replaced"
    REVOKED = "Revoked"


class HistoryEntry(Part):
    """One thing that happened."""

    status: Status
    at: AwareDatetime
    code: int | None = None
    description: str | None = None


def with_entry(history: tuple[HistoryEntry, ...], entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    """Return a history with one more entry.

    One equal to the newest, in status and code, adds nothing. Of troubles that alternate, each stands there twice at
    most, first and last seen. The first entry and the newest are kept, `MAX_HISTORY` in all.
    """
    if history and _kind(history[-1]) == _kind(entry):
        return history
    longer = (*_folded(history, entry), entry)
    return longer if len(longer) <= MAX_HISTORY else (longer[0], *longer[1 - MAX_HISTORY :])


_TROUBLES = frozenset({Status.ERROR_CODE, Status.TIMEOUT_STATE_SAVED})


def _kind(entry: HistoryEntry) -> tuple[Status, int | None]:
    return entry.status, entry.code


def _folded(history: tuple[HistoryEntry, ...], entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    """Return a history without the entry that a further one of a series of troubles takes the place of."""
    if entry.status not in _TROUBLES:
        return history
    begin = next((place for place in range(len(history), 0, -1) if history[place - 1].status not in _TROUBLES), 0)
    equal = [place for place in range(begin, len(history)) if _kind(history[place]) == _kind(entry)]
    return history if len(equal) < 2 else history[: equal[-1]] + history[equal[-1] + 1 :]  # noqa: PLR2004 - first, last
