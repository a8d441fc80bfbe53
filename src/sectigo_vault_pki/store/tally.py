"""The tally: how many certificates of each condition there are, counted once and then kept in step in memory."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

from sectigo_vault_pki.store.layout import UniqueId
from sectigo_vault_pki.store.summaries import Condition


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Some certificates of a config entry as they stand, ascending by their ids.

    Attributes:
        is_last: no certificate comes behind them.
    """

    conditions: Sequence[tuple[UniqueId, Condition]]
    is_last: bool


NextPage: TypeAlias = Callable[[str, str], Awaitable[StoredPage]]
"""Returns what is stored under a config entry behind an id; an empty text stands before all."""


@dataclass(slots=True)
class EntryTally:
    """The certificates of one config entry.

    Attributes:
        by_status: how many have each newest status; the empty text stands for none.
        by_end: how many in use end on each day.
        needing_attention: their ids.
    """

    by_status: Counter[str] = field(default_factory=Counter)
    by_end: Counter[date] = field(default_factory=Counter)
    needing_attention: set[UniqueId] = field(default_factory=set)

    @property
    def certificates(self) -> int:
        return self.by_status.total()

    def add(self, unique_id: UniqueId, condition: Condition) -> None:
        self.by_status[condition.status] += 1
        if condition.ends is not None:
            self.by_end[condition.ends] += 1
        if condition.needs_attention:
            self.needing_attention.add(unique_id)

    def remove(self, unique_id: UniqueId, condition: Condition) -> None:
        self.by_status[condition.status] -= 1
        if condition.ends is not None:
            self.by_end[condition.ends] -= 1
        self.needing_attention.discard(unique_id)


class Tally:
    """All certificates of a mount, by config entry.

    Pages are counted in the order of names and ids. A certificate that changes meanwhile is counted by its change if it
    was counted before, or lies in the page that is being read; and if it lies behind, when its turn comes. Of one that
    is being written while its page is counted, nobody knows what the page has told: it counts when it is written.
    """

    def __init__(self) -> None:
        self.entries: dict[str, EntryTally] = {}
        self.is_counted = False
        self._left: set[str] | None = None
        self._touched: set[str] = set()
        self._name = ""
        self._after = ""
        self._meanwhile: dict[UniqueId, Condition | None] = {}
        self._in_flight: dict[tuple[str, UniqueId], bool] = {}

    async def count(self, list_names: Callable[[], Awaitable[Sequence[str]]], next_page: NextPage) -> None:
        """Count everything that is stored."""
        self.entries, self._left, self._touched, self.is_counted = {}, None, set(), False
        names = {*await list_names(), *self._touched}
        self._left = {*names}
        for self._name in sorted(names):
            self._after, is_last = "", False
            while not is_last:
                self._meanwhile = {}
                page = await next_page(self._name, self._after)
                is_last = page.is_last
                self._add(page)
            self._left.discard(self._name)
        self.is_counted = True

    def _add(self, page: StoredPage) -> None:
        entry = self._entry(self._name)
        last = page.conditions[-1][0] if page.conditions else self._after
        for config_name, unique_id in self._in_flight:
            is_of_page = self._after < unique_id and (page.is_last or unique_id <= last)
            if config_name == self._name and is_of_page:
                self._in_flight[config_name, unique_id] = True
        for unique_id, condition in page.conditions:
            if unique_id not in self._meanwhile and (self._name, unique_id) not in self._in_flight:
                entry.add(unique_id, condition)
        for unique_id, changed in self._meanwhile.items():
            is_certain = (self._name, unique_id) not in self._in_flight
            if changed is not None and is_certain and (page.is_last or unique_id <= last):
                entry.add(unique_id, changed)
        self._after = last

    def begin(self, config_name: str, unique_id: UniqueId) -> None:
        """Note that a certificate is about to be stored, changed or deleted."""
        self._in_flight[config_name, unique_id] = False

    def change(self, config_name: str, unique_id: UniqueId, before: Condition | None, after: Condition | None) -> None:
        """Note that a certificate was stored, changed or deleted."""
        is_left_out = self._in_flight.pop((config_name, unique_id), False)
        if self._left is None:
            self._touched.add(config_name)
            return
        if config_name in self._left and config_name != self._name:
            return
        if config_name in self._left and unique_id > self._after:
            self._meanwhile[unique_id] = after
            return
        entry = self._entry(config_name)
        if before is not None and not is_left_out:
            entry.remove(unique_id, before)
        if after is not None:
            entry.add(unique_id, after)

    def _entry(self, config_name: str) -> EntryTally:
        return self.entries.setdefault(config_name, EntryTally())
