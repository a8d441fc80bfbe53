"""The rule of automatic renewal, held against SCM's order book: written from the contract, and from nothing of ours.

A certificate is due when no more of it is left than its window, which counts for a third of its life at most. One that
ends no later than what it renewed, or is of use for less than an hour, is not renewed by itself. Renewals of one chain
follow each other no faster than a third of the shorter of the two lives.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sectigo_vault_pki.scm_simulator.model.orders import Order

HOUR = timedelta(hours=1)
ORDERING = timedelta(minutes=3)
"""From the decision to order until SCM has booked it, and a little more."""


@dataclass(frozen=True)
class Life:
    """One certificate of a chain as SCM has it."""

    ordered_at: datetime
    not_before: datetime
    not_after: datetime

    @classmethod
    def of(cls, order: Order) -> "Life":
        leaf = order.issued[0].certificate
        return cls(order.requested_at, leaf.not_valid_before_utc, leaf.not_valid_after_utc)

    @property
    def whole(self) -> timedelta:
        return self.not_after - self.not_before

    @property
    def of_use(self) -> timedelta:
        return self.not_after - max(self.not_before, self.ordered_at)

    def due_from(self, window: timedelta) -> datetime:
        return self.not_after - min(window, self.whole / 3)


def is_renewed_by_itself(life: Life, before: Life | None) -> bool:
    """Whether a certificate is renewed without a `renew` write at all; `before` is what it renewed."""
    if before is None:
        return life.whole >= HOUR
    return life.not_after > before.not_after and life.of_use >= HOUR


def earliest_renewal(life: Life, before: Life | None, window: timedelta) -> datetime:
    """Return the moment before which nothing may be ordered."""
    due = life.due_from(window)
    return due if before is None else max(due, life.ordered_at + min(life.of_use, before.whole) / 3)


@dataclass
class RenewalAudit:
    """Judges each renewal that SCM books.

    Attributes:
        find: finds an order by its handle.
        children: what was ordered to renew each order.
    """

    find: Callable[[int], Order | None]
    children: dict[int, list[Order]] = field(default_factory=dict)

    def faults_of(self, renewal: Order, *, window: timedelta, slack: timedelta) -> Iterator[str]:
        """Say what is wrong with a renewal that was ordered automatically.

        Args:
            renewal: what SCM has booked.
            window: the longest window that anybody may have asked for.
            slack: how far the plugin's clock may be from SCM's at that moment.
        """
        renewed = self._order(renewal.renewed_from)
        life, before = Life.of(renewed), self._before(renewed)
        tolerance = slack + ORDERING
        if not is_renewed_by_itself(life, before):
            yield f"{renewed.handle} is not renewed by itself: {life} after {before}"
        elif renewal.requested_at < earliest_renewal(life, before, window) - tolerance:
            yield f"{renewed.handle} was renewed before {earliest_renewal(life, before, window)}: {life} after {before}"

    def lag_of(self, renewal: Order) -> timedelta:
        """Return how long what is renewed was due before it was ordered: another entry that finds it cannot know."""
        renewed = self._order(renewal.renewed_from)
        if renewed.renewed_from is None:
            return timedelta(0)
        before = Life.of(self._order(renewed.renewed_from))
        return renewed.requested_at - before.due_from(before.whole)

    def others(self, renewal: Order) -> list[Order]:
        """Return what else was ordered to renew the same certificate, and stands."""
        siblings = self.children.setdefault(renewal.renewed_from or 0, [])
        found = [order for order in siblings if order is not renewal and order.declined_at is None]
        if renewal not in siblings:
            siblings.append(renewal)
        return found

    def _before(self, order: Order) -> Life | None:
        return None if order.renewed_from is None else Life.of(self._order(order.renewed_from))

    def _order(self, handle: int | None) -> Order:
        order = None if handle is None else self.find(handle)
        assert order is not None
        return order
