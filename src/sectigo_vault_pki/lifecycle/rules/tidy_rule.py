"""What `tidy` may delete: pure functions of records, rules and time.

Nothing goes that is still valid, or that somebody may still ask for:

* A certificate goes when it, and each earlier one under its id that was not revoked, has ended longer than the safety
  buffer ago. A revoked one goes under its own switch, also only after its end.
* It stays while an order, a call or a renewal of it is open, and while the automatic renewal would still renew it:
  suspended, refused and unaffordable renewals are renewals that are yet to come.
* It stays while SCM may yet issue for a key that only its record has: of an order whose answer was lost.
* Renewals are read by the ids of those that they renewed. The first of a chain, whose id the enrolment returned, stays
  as long as any later one; the newest stays as long as an older one leads to it. Those between them go, and the chain
  is closed around them.
* A record without a certificate goes only if SCM has said for good that none will come of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

from sectigo_vault_pki.lifecycle.rules.backoff import LAST_RETRY
from sectigo_vault_pki.lifecycle.rules.policy import is_declined, is_renewable
from sectigo_vault_pki.lifecycle.rules.renewal_rule import hold_for_good, renewal_policy
from sectigo_vault_pki.store import (
    AutoTidy,
    CertificateRecord,
    CurrentCertificate,
    TidyRules,
    TidyRun,
    UniqueId,
    WaitingAndRenewal,
)

LONGEST_LIFE = timedelta(days=3 * 366)
"""Of a certificate whose validity is not known: no CA certifies for longer."""


class Goes(StrEnum):
    """What an entry counts as that is deleted."""

    CERTIFICATE = "certificate"
    REVOKED = "revoked"
    ORDER = "order"


class Kept(StrEnum):
    """Why a certificate stays, though it has expired and its buffer is over."""

    OPEN = "open"
    TO_BE_RENEWED = "to_be_renewed"
    LOST_ORDER = "lost_order"
    RENEWED = "renewed"
    LED_TO = "led_to"
    OF_ROLE = "newest_of_role"
    CLOCK = "clock"


Fate: TypeAlias = Goes | Kept | None
"""What becomes of an entry; None: it has not expired, or the run is not about it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A certificate among the stored ones that lead to it and that it leads to.

    Attributes:
        before: what was renewed as it, oldest first.
        after: its renewals, oldest first.
        held: those that stay for a reason that is not in their records.
        is_passed_by: what it leads to is led to by an older certificate directly.
    """

    before: Sequence[CertificateRecord]
    record: CertificateRecord
    after: Sequence[CertificateRecord]
    held: Mapping[UniqueId, Kept] = field(default_factory=dict)
    is_passed_by: bool = False

    @property
    def records(self) -> Sequence[CertificateRecord]:
        return (*self.before, self.record, *self.after)

    @property
    def unique_ids(self) -> tuple[UniqueId, ...]:
        return tuple(record.unique_id for record in self.records)


def leads_to(record: CertificateRecord, unique_id: UniqueId) -> bool:
    """Whether a read of a certificate leads, or will lead, to another one."""
    return unique_id in {record.renewed_to, record.successor}


def fate_alone(record: CertificateRecord, rules: TidyRules, defaults: WaitingAndRenewal | None, now: datetime) -> Fate:
    """Return what would become of an entry if it were in no chain.

    Args:
        record: the entry.
        rules: what goes.
        defaults: its config entry's flags; None: that is deleted, and nobody renews.
        now: in UTC.
    """
    if record.current is None:
        return _fate_of_order(record, rules, now)
    is_revoked = record.revoked_at is not None
    buffer = rules.buffer_of_revoked if is_revoked else rules.safety_buffer
    is_concerned = rules.tidy_revoked_certs if is_revoked else rules.tidy_cert_store
    if not is_concerned or not _is_over(_end_of(record, record.current), buffer, now):
        return None
    if _is_open(record, now, timedelta(seconds=buffer)):
        return Kept.OPEN
    if any(now <= order.accepted_at + _longest_life(record) for order in record.superseded):
        return Kept.LOST_ORDER
    if defaults is not None and _is_to_be_renewed(record, defaults, now):
        return Kept.TO_BE_RENEWED
    return Goes.REVOKED if is_revoked else Goes.CERTIFICATE


def is_over(chain: Chain, rules: TidyRules, defaults: WaitingAndRenewal | None, now: datetime) -> bool:
    """Whether a whole chain may go, the first one first."""
    return all(isinstance(_fate_in(chain, record, rules, defaults, now), Goes) for record in chain.records)


def fate(chain: Chain, rules: TidyRules, defaults: WaitingAndRenewal | None, now: datetime) -> Fate:
    """Return what becomes of a certificate in its chain; one between others goes, and the chain is closed around it."""
    alone = _fate_in(chain, chain.record, rules, defaults, now)
    if not isinstance(alone, Goes) or is_over(chain, rules, defaults, now) or chain.is_passed_by:
        return alone
    if not chain.before:
        return Kept.RENEWED
    is_between = chain.before[-1].renewed_to == chain.record.unique_id and bool(chain.after)
    return alone if is_between and chain.after[0].current is not None else Kept.LED_TO


def _fate_in(
    chain: Chain, record: CertificateRecord, rules: TidyRules, defaults: WaitingAndRenewal | None, now: datetime
) -> Fate:
    alone = fate_alone(record, rules, defaults, now)
    return chain.held.get(record.unique_id, alone) if isinstance(alone, Goes) else alone


def is_due(config: AutoTidy, newest: TidyRun | None, now: datetime) -> bool:
    """Whether a run is to begin automatically; one that was interrupted counts from its beginning."""
    if not config.enabled:
        return False
    if newest is None:
        return True
    is_interrupted = newest.ended_at is None and not newest.dry_run
    last = newest.started_at if is_interrupted else newest.last_tidied_at
    return last is None or not timedelta(0) <= now - last < timedelta(seconds=config.interval_duration)


def _is_over(end: datetime, buffer: float, now: datetime) -> bool:
    return now - end > timedelta(seconds=buffer)


def _end_of(record: CertificateRecord, current: CurrentCertificate) -> datetime:
    """Return when the last of the certificates under an id ends; what a replacement revoked is of no use already."""
    return max([current.not_after, *(held.not_after for held in record.earlier if held.revoked_at is None)])


def _is_open(record: CertificateRecord, now: datetime, buffer: timedelta) -> bool:
    if record.submitting is not None or record.successor is not None:
        return True
    return record.order is not None and not _is_declined_for(record, now, buffer)


def _is_declined_for(record: CertificateRecord, now: datetime, length: timedelta) -> bool:
    return is_declined(record) and now - record.history[-1].at > length


def _longest_life(record: CertificateRecord) -> timedelta:
    requested = record.requested.ssl or record.requested.client
    return LONGEST_LIFE if requested is None else timedelta(days=requested.validity_days)


def _is_to_be_renewed(record: CertificateRecord, defaults: WaitingAndRenewal, now: datetime) -> bool:
    if not is_renewable(record) or hold_for_good(record, now) is not None:
        return False
    return renewal_policy(record.requested.waiting, defaults).auto_renew


def _fate_of_order(record: CertificateRecord, rules: TidyRules, now: datetime) -> Fate:
    """Return what becomes of a record without a certificate; a request under a role may still be held back by it."""
    if not rules.tidy_orders or record.submitting is not None or record.successor is not None:
        return None
    length = max(timedelta(seconds=rules.safety_buffer), LAST_RETRY)
    if record.order is not None:
        return Goes.ORDER if _is_declined_for(record, now, length) else None
    is_settled = record.revoked_at is not None and now - record.revoked_at > length
    return Goes.ORDER if is_settled else None
