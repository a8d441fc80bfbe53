"""What to do next, and for how long: pure functions of records, flags and time."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum, auto

from sectigo_vault_pki.lifecycle.rules.renewal_rule import RenewalPolicy, first_set, hold_on_renewal, is_due
from sectigo_vault_pki.scm import COLLECT, is_final
from sectigo_vault_pki.store import CertificateRecord, ConfigRecord, Status, WaitingAndRenewal

DEFAULT_WAIT_LIMIT = 50.0
"""Seconds a request waits at most: OpenBao cancels it at 90 s, the CLI gives up at 60 s (plugin-protocol.md 4.2)."""

DEFAULT_MAX_TIMEOUT = 600.0
DEFAULT_LOOP_PERIOD = 30.0
DEADLINE_MARGIN = 2.0
"""Seconds before the host's own deadline by which the answer must be on its way."""

SUBMISSION_GRACE = 3.0
"""Seconds that SCM has to name the order, also where the user does not want to wait for the certificate."""

KEY_KEPT_FOR = timedelta(hours=24)
"""How long a private key that goes with its first answer waits for one, from the moment the certificate is there."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long, and how often, a certificate is asked for; in seconds."""

    max_timeout: float
    loop_period: float


class Step(Enum):
    """What a read of a certificate leads to."""

    ANSWER = auto()
    SETTLE = auto()
    """Something was asked of SCM, and what became of it is not known."""
    COLLECT = auto()
    COLLECT_SUCCESSOR = auto()
    RENEW = auto()


def next_step(record: CertificateRecord, *, now: datetime, policy: RenewalPolicy) -> Step:
    """Return what to do when the certificate is asked for: derived from facts, policy and time, never stored."""
    if record.submitting is not None:
        return Step.SETTLE
    if is_renewable(record):
        if record.successor is not None:
            return Step.COLLECT_SUCCESSOR
        if policy.auto_renew and may_be_renewed(record, now=now, policy=policy):
            return Step.RENEW
    return Step.ANSWER if record.order is None else Step.COLLECT


def is_renewable(record: CertificateRecord) -> bool:
    """Whether the certificate in hand can be renewed: also beside a replacement of which SCM said that it failed."""
    if record.current is None or record.revoked_at is not None or record.renewed_to is not None:
        return False
    return record.order is None or record.order.in_trouble


def is_declined(record: CertificateRecord) -> bool:
    """Whether SCM has refused for good what is in flight for a certificate, as far as its last answer tells."""
    if record.order is None or not record.order.in_trouble or record.submitting is not None:
        return False
    newest = record.history[-1] if record.history else None
    return newest is not None and newest.status is Status.ERROR_CODE and is_final(COLLECT, newest.code)


def is_key_overdue(record: CertificateRecord, now: datetime) -> bool:
    """Whether nobody has asked for a private key that is kept for one answer only, and for no longer than that."""
    if record.current is None or not record.holds_key_to_release:
        return False
    return not timedelta(0) <= now - record.current.collected_at < KEY_KEPT_FOR  # in the future: a clock was wrong


def may_be_renewed(record: CertificateRecord, *, now: datetime, policy: RenewalPolicy) -> bool:
    """Whether a certificate is inside its window, and nothing holds its renewal back."""
    if record.current is None or not is_due(record.current, now=now, window=policy.expiry_window):
        return False
    return hold_on_renewal(record, now) is None


def waiting(*flags: WaitingAndRenewal) -> Waiting:
    """Return the waiting that holds: of the flags, most specific first, the first that are set."""
    max_timeout = first_set([each.max_timeout for each in flags])
    loop_period = first_set([each.loop_period for each in flags])
    return Waiting(
        max_timeout=DEFAULT_MAX_TIMEOUT if max_timeout is None else max_timeout,
        loop_period=DEFAULT_LOOP_PERIOD if loop_period is None else loop_period,
    )


def date_after(moment: datetime, length: timedelta) -> date:
    """Return the day some time after a moment, or the last day there is."""
    return (moment + length).date() if length < datetime.max.replace(tzinfo=moment.tzinfo) - moment else date.max


def caller_limit(config: ConfigRecord, max_timeout: float, time_limit: float | None) -> float:
    """Return the seconds after which the caller is answered, whatever has happened by then.

    Args:
        config: the config entry, with its `wait_limit`.
        max_timeout: seconds for which the caller wants to wait for the certificate.
        time_limit: seconds left of the host's deadline, or None where it sent none.
    """
    limit = DEFAULT_WAIT_LIMIT if config.wait_limit is None else config.wait_limit
    limit = min(limit, max(max_timeout, SUBMISSION_GRACE))
    return limit if time_limit is None else max(0.0, min(limit, time_limit - DEADLINE_MARGIN))
