"""When a certificate is renewed automatically, and what holds that back (api.md 6): pure functions, no I/O, no clock.

Every renewal costs, so a rule that orders automatically must also end automatically:

* A window is at most a third of the certificate's life, so that no certificate is due at its birth.
* A certificate that ends no later than the one it renewed is not renewed again: another would gain nothing either.
* Renewals of one chain follow each other no faster than a third of the shorter of the two lives.
* A life under an hour is none that SCM sells, and none that renewing can keep up.
* What SCM refused, declined or never took is tried again after a pause that doubles.
* Nothing is renewed while the plugin's clock and SCM's are far apart.

A `renew` write is held back by none of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sectigo_vault_pki.lifecycle.rules.backoff import LAST_RETRY, is_in_force
from sectigo_vault_pki.store import (
    CertificateRecord,
    CurrentCertificate,
    RenewedCertificate,
    WaitingAndRenewal,
    due_from,
)

T = TypeVar("T")

DEFAULT_WINDOW = timedelta(days=7)
LONGEST_WINDOW = timedelta(days=36_500)
"""No expiry window is longer."""
SHORTEST_LIFE = timedelta(hours=1)
LARGEST_CLOCK_DIFFERENCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class RenewalPolicy:
    """When a certificate is renewed automatically, and whether its successor is answered in its place."""

    expiry_window: timedelta = DEFAULT_WINDOW
    auto_renew: bool = True
    read_renewed_cert: bool = True


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a certificate is not renewed automatically, though its time may have come.

    Attributes:
        until: when it ends; None: only a `renew` write ends it.
    """

    reason: str
    until: datetime | None = None


def renewal_policy(*flags: WaitingAndRenewal) -> RenewalPolicy:
    """Return the policy that holds: of the flags, most specific first, the first that are set."""
    window = first_set([each.expiry_window for each in flags])
    auto = first_set([each.auto_renew for each in flags])
    successor = first_set([each.read_renewed_cert for each in flags])
    default = RenewalPolicy()
    return RenewalPolicy(
        expiry_window=default.expiry_window if window is None else timedelta(seconds=window),
        auto_renew=default.auto_renew if auto is None else auto,
        read_renewed_cert=default.read_renewed_cert if successor is None else successor,
    )


def first_set(values: Iterable[T | None]) -> T | None:
    """Return the first value that is not None."""
    return next((value for value in values if value is not None), None)


def is_due(certificate: CurrentCertificate, *, now: datetime, window: timedelta) -> bool:
    """Whether a certificate is inside its window."""
    return due_from(certificate, window) <= now


def hold_on_renewal(record: CertificateRecord, now: datetime) -> Hold | None:
    """Return what keeps a certificate from being renewed automatically; None where nothing does."""
    return hold_for_good(record, now) or _hold_for_now(record, now)


def hold_for_good(record: CertificateRecord, now: datetime) -> Hold | None:
    """Return what keeps a certificate from ever being renewed automatically; None where nothing does."""
    current, renewed = record.current, record.renewed
    if current is None:
        return None
    if renewed is not None and current.not_after <= renewed.not_after:
        return Hold(
            "it ends no later than the certificate that it renewed, so that renewing it automatically would gain "
            "nothing; a renew write orders nevertheless"
        )
    if _life_in_hand(current, renewed, now) < SHORTEST_LIFE:
        return Hold("its life is shorter than an hour; a renew write orders nevertheless")
    return None


def _hold_for_now(record: CertificateRecord, now: datetime) -> Hold | None:
    refused = record.refused_renewal
    if refused is not None and is_in_force(refused.retry_at, now, longest=LAST_RETRY):
        at = shown_time(refused.retry_at)
        return Hold(
            f"a renewal was refused or held back, and is tried again from {at} on: {refused.text}", refused.retry_at
        )
    current, renewed = record.current, record.renewed
    if current is None or renewed is None:
        return None
    pace = min(_life_in_hand(current, renewed, now), renewed.life) / 3
    next_order = renewed.ordered_at + pace
    if is_in_force(next_order, now, longest=pace):
        at = shown_time(next_order)
        return Hold(f"it was ordered as a renewal a short time ago: the next one is from {at} on", next_order)
    return None


def _life_in_hand(current: CurrentCertificate, renewed: RenewedCertificate | None, now: datetime) -> timedelta:
    """Return how long a certificate is of use: what lies before its order, SCM may have dated back."""
    if renewed is None or renewed.ordered_at > now:  # a clock that was wrong has written the latter
        return current.life
    return current.not_after - max(current.not_before, renewed.ordered_at)


def clocks_apart(difference: timedelta | None) -> Hold | None:
    """Return why nothing is renewed automatically, if the plugin's clock is far from SCM's.

    A clock that is wrong makes every certificate due at once, or none.

    Args:
        difference: by how much the plugin's clock is ahead; None before SCM told its time.
    """
    if difference is None or abs(difference) <= LARGEST_CLOCK_DIFFERENCE:
        return None
    direction = "ahead of" if difference > timedelta(0) else "behind"
    return Hold(
        f"the plugin's clock is {shown_length(abs(difference))} {direction} SCM's: nothing is renewed automatically "
        "until they agree"
    )


def notice_of_cut_window(window: timedelta, life: timedelta) -> str | None:
    """Say that a window is longer than a third of a life, and what holds instead; None where it is not."""
    third = life / 3
    if window <= third:
        return None
    return (
        f"sectigo_expiry_window ({shown_length(window)}) is longer than a third of the certificate's life "
        f"({shown_length(life)}): it is renewed when {shown_length(third)} of it are left"
    )


def shown_length(length: timedelta) -> str:
    """Return a length of time in the largest unit of which there are at least two."""
    for unit in ("days", "hours", "minutes"):
        number = length / timedelta(**{unit: 1})
        if number >= 2:  # noqa: PLR2004 - the smallest plural
            return f"{number:.4g} {unit}"
    return f"{length.total_seconds():.4g} seconds"


def shown_time(moment: datetime) -> str:
    """Return a moment in UTC as users read it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
