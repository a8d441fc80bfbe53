"""Runs of `tidy`: what is to go, how far a run has come, and what it has deleted."""

from collections.abc import Mapping

from pydantic import AwareDatetime, Field

from sectigo_vault_pki.store.base import Part, Record

MAX_SHOWN = 100
"""How many names, and how many errors, a run keeps; the others are counted."""


class TidyRules(Part):
    """What goes, and how fast.

    Attributes:
        safety_buffer: seconds after its end from which a certificate may go.
        revoked_safety_buffer: the same for a revoked one; None: as `safety_buffer`.
        pause_duration: seconds between two entries.
        page_size: how many names are listed at once.
    """

    tidy_cert_store: bool = False
    tidy_revoked_certs: bool = False
    tidy_orders: bool = False
    safety_buffer: float = 72 * 3600.0
    revoked_safety_buffer: float | None = None
    pause_duration: float = 0.0
    page_size: int = 1000

    @property
    def is_anything_asked_for(self) -> bool:
        return self.tidy_cert_store or self.tidy_revoked_certs or self.tidy_orders

    @property
    def buffer_of_revoked(self) -> float:
        """The buffer that holds for revoked certificates, in seconds."""
        return self.safety_buffer if self.revoked_safety_buffer is None else self.revoked_safety_buffer


class AutoTidy(Record):
    """Whether runs begin automatically, how many seconds after the end of the last one, and what they are to do."""

    enabled: bool = False
    interval_duration: float = 12 * 3600.0
    rules: TidyRules = TidyRules()


class TidyRun(Record):
    """A run.

    Attributes:
        requested_by: who began it.
        dry_run: nothing is deleted; the counts say what would be.
        error: what ended it; empty if nothing did.
        checked: entries that were looked at.
        certificates, revoked, orders: how many entries of each kind were deleted.
        deleted: their names, at most `MAX_SHOWN`.
        kept: how many expired certificates stay, by the reason.
        errors: what is wrong with single entries, at most `MAX_SHOWN`.
        further_errors: how many more there are.
        last_tidied_at: the end of the newest run that was no dry run, this one included.
    """

    rules: TidyRules
    requested_by: str
    dry_run: bool = False
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    is_cancelled: bool = False
    error: str = ""
    checked: int = 0
    certificates: int = 0
    revoked: int = 0
    orders: int = 0
    deleted: tuple[str, ...] = ()
    kept: Mapping[str, int] = Field(default_factory=dict)
    errors: tuple[str, ...] = ()
    further_errors: int = 0
    last_tidied_at: AwareDatetime | None = None
