"""Runs of `sync/`: what one was asked for, how far it has come, and what it has found."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from sectigo_vault_pki.store.base import Part, Record

MAX_SHOWN = 100
"""How many ids of a kind, and how many errors, a run keeps; the others are counted."""


class Difference(StrEnum):
    """How Vault and SCM differ about one certificate or order."""

    REVOKED = "revoked"
    REPLACED = "replaced"
    REPLACED_WITHOUT_KEY = "replaced_without_key"
    RENEWED = "renewed"
    RENEWED_WITHOUT_KEY = "renewed_without_key"
    SETTLED = "settled"
    UNSETTLED = "unsettled"
    IMPORTED = "imported"
    ONLY_AT_SCM = "only_at_scm"
    KEY_LOST = "key_lost"
    NOT_AT_SCM = "not_at_scm"


class SyncItem(Part):
    """A difference that a run has found and not dealt with.

    Attributes:
        scm_id: of the entry at SCM; 0 for an order of which that is not known.
        serial_number: that of SCM's newest certificate; empty where it is not known.
        order_uuid: of the order that the mark in SCM's comments names.
        attempts: how often SCM gave no answer about it.
    """

    kind: Difference
    scm_id: int = 0
    serial_number: str = ""
    order_uuid: str = ""
    attempts: int = 0


class SyncRequest(Part):
    """What a run is asked for.

    Attributes:
        first, last: days on which the compared certificates end.
        import_missing: whether what only SCM has is imported.
    """

    dry_run: bool
    first: date
    last: date
    import_missing: bool


class SyncRun(Record):
    """A run; every difference is in `todo` until it is dealt with, and then in `counts` and `found`.

    Attributes:
        org_id: the organization that is compared; None in runs of earlier versions, which do not say it.
        position: how far SCM was compared, as the run counts it.
        by_lists: whether SCM is asked by lists; None: it has not been asked yet.
        is_whole: whether everything within the days could be compared.
        compared: SCM's entries.
        calls: to SCM.
        found: ids by difference, at most `MAX_SHOWN` of each.
        counts: how many there are.
        errors: what could not be done, and why, at most `MAX_SHOWN`.
        further_errors: how many more there are.
        waiting: why it does not go on now; empty: it does.
        requested_by: who began it; empty in runs of earlier versions.
    """

    request: SyncRequest
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    org_id: int | None = None
    position: int = 0
    by_lists: bool | None = None
    is_whole: bool = True
    todo: tuple[SyncItem, ...] = ()
    compared: int = 0
    calls: int = 0
    found: Mapping[Difference, tuple[str, ...]] = Field(default_factory=dict)
    counts: Mapping[Difference, int] = Field(default_factory=dict)
    errors: tuple[str, ...] = ()
    further_errors: int = 0
    waiting: str = ""
    requested_by: str = ""

    def with_found(self, *differences: tuple[Difference, str]) -> "SyncRun":
        """Return the run with more differences, each with the id that it is about."""
        found, counts = dict(self.found), dict(self.counts)
        for kind, unique_id in differences:
            counts[kind] = counts.get(kind, 0) + 1
            if len(found.get(kind, ())) < MAX_SHOWN:
                found[kind] = (*found.get(kind, ()), unique_id)
        return self.model_copy(update={"found": found, "counts": counts})

    def with_errors(self, errors: Iterable[str]) -> "SyncRun":
        """Return the run with more errors."""
        every = (*self.errors, *errors)
        more = self.further_errors + max(0, len(every) - MAX_SHOWN)
        return self.model_copy(update={"errors": every[:MAX_SHOWN], "further_errors": more})

    def ended(self, now: datetime) -> "SyncRun":
        return self.model_copy(update={"ended_at": now, "waiting": "", "todo": ()})
