"""Certificates with their renewals, as a model knows them: drawn beforehand, and dated by SCM as it pleases."""

import math
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sectigo_vault_pki.scm_simulator.model.orders import Order
from tests.support.renewal_audit import Life

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SPAN = 730 * DAY
ENTRIES: Mapping[str, str] = {"a1": "a", "a2": "a", "b1": "b", "b2": "b", "c1": "c", "c2": "c"}
"""The account of each config entry."""
WINDOWS: Mapping[str, timedelta] = {"a1": 7 * DAY, "a2": 400 * DAY, "b1": 30 * DAY}
"""Those of the entries; the others' is `USUAL_WINDOW`."""
USUAL_WINDOW = 10 * DAY
PEOPLE = "c2"
"""The entry for client certificates."""
LIMITED, LIMIT = "b2", 8
"""The entry with a budget, and how many orders that is in 24 hours."""
SHAPES = ("same", "same", "same", "shrinking", "no later", "dated back", "anything")


@dataclass(eq=False)
class Chain:
    """One certificate with its renewals.

    Attributes:
        shape: how SCM dates its renewals.
        lives: for how many of its lives it is wanted.
        window: its own, if it has one.
        twin: another entry that has it too.
        orders: what SCM has booked for it.
        next_check: when its window is to be looked into.
        chances: ticks that could have renewed it.
        wide_reads: whether a reader has named a window of a hundred years.
        extra: orders that its lives do not justify.
        has_forgotten: an older snapshot was restored.
    """

    index: int
    entry: str
    begins: datetime
    life: timedelta
    shape: str
    lives: int
    window: timedelta | None
    twin: str | None
    source: random.Random
    orders: list[Order] = field(default_factory=list)
    is_over: bool = False
    next_check: datetime | None = None
    chances: int = 0
    wide_reads: bool = False
    extra: int = 0
    has_forgotten: bool = False
    log: deque[str] = field(default_factory=lambda: deque(maxlen=60))

    @property
    def name(self) -> str:
        return f"c{self.index}"

    @property
    def account(self) -> str:
        return ENTRIES[self.entry]

    @property
    def newest(self) -> Order | None:
        """The newest order with a certificate."""
        return next((order for order in reversed(self.orders) if order.issued), None)

    @property
    def window_in_force(self) -> timedelta:
        return WINDOWS.get(self.entry, USUAL_WINDOW) if self.window is None else self.window

    @property
    def widest_window(self) -> timedelta:
        """The longest that anybody may have named for it."""
        return 40_000 * DAY if self.wide_reads else max(self.window or timedelta(0), *WINDOWS.values())

    def dates(self, due: datetime, before: Life | None) -> tuple[datetime, datetime]:
        """Date a certificate that is signed now; `before` is the one that it renews."""
        if before is None:
            return due, due + self.life
        source = self.source
        match self.shape if self.shape != "anything" else source.choice(SHAPES[2:6]):
            case "shrinking":
                return due, due + max(before.whole * source.uniform(0.4, 0.95), timedelta(minutes=5))
            case "no later" if source.random() < 0.4 and before.not_after > due + timedelta(minutes=2):
                return due, before.not_after - source.choice([0, 0.1]) * (before.not_after - due)
            case "dated back":
                return due - source.random() * self.life, due + self.life * source.uniform(0.1, 1)
            case _:
                return due, due + self.life


def drawn_chain(index: int, began: datetime, source: random.Random) -> Chain:
    """Draw a certificate that lives from an hour to two years."""
    entry = source.choice(list(ENTRIES))
    life = timedelta(seconds=round(math.exp(source.uniform(math.log(3600), math.log(SPAN.total_seconds())))))
    others = [name for name in ENTRIES if name not in {entry, PEOPLE, LIMITED} and ENTRIES[name] == ENTRIES[entry]]
    may_be_twin = others and entry not in {PEOPLE, LIMITED}
    return Chain(
        index=index,
        entry=entry,
        begins=began + source.random() * 0.75 * SPAN,
        life=life,
        shape=source.choice(SHAPES),
        lives=source.randint(2, 9),
        window=source.choice([None, None, life * source.uniform(0.01, 2), 7 * DAY]),
        twin=source.choice(others) if may_be_twin and source.random() < 0.06 else None,
        source=source,
    )
