"""Counting while certificates come, change and go: the numbers are those of what is stored in the end."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.store import Condition, StoredPage, Tally, UniqueId

ISSUED = Condition("Issued", None, needs_attention=False)
REVOKED = Condition("Revoked", None, needs_attention=True)
PAGE = 2


class Store:
    """Certificates by config entry and id, changed beside a count as a repository changes them."""

    def __init__(self, stored: dict[tuple[str, str], Condition]) -> None:
        self.stored = stored
        self.tally = Tally()
        self.steps: list[asyncio.Event] = []

    async def names(self) -> Sequence[str]:
        found = sorted({name for name, _ in self.stored})
        await asyncio.sleep(0)
        return found

    async def page(self, name: str, after: str) -> StoredPage:
        await asyncio.sleep(0)
        ids = sorted(one for config, one in self.stored if config == name and one > after)
        shown = ids[:PAGE]
        conditions = []
        for one in shown:
            await asyncio.sleep(0)
            if (condition := self.stored.get((name, one))) is not None:
                conditions.append((UniqueId(one), condition))
        return StoredPage(conditions, is_last=len(ids) <= PAGE)

    async def change(self, name: str, unique_id: str, after: Condition | None, waits: Sequence[int]) -> None:
        """Write: before and behind the moment at which storage changes, others have their turns."""
        await _turns(waits[0])
        before = self.stored.get((name, unique_id))
        self.tally.begin(name, UniqueId(unique_id))
        await _turns(waits[1])
        if after is None:
            self.stored.pop((name, unique_id), None)
        else:
            self.stored[name, unique_id] = after
        await _turns(waits[2])
        self.tally.change(name, UniqueId(unique_id), before, after)


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


IDS = [(name, one) for name in ("a", "b", "c") for one in ("1", "2", "3", "4", "5")]


@given(
    stored=st.dictionaries(st.sampled_from(IDS), st.sampled_from([ISSUED, REVOKED]), max_size=10),
    changes=st.lists(
        st.tuples(
            st.sampled_from(IDS),
            st.sampled_from([ISSUED, REVOKED, None]),
            st.tuples(st.integers(0, 25), st.integers(0, 6), st.integers(0, 6)),
        ),
        max_size=6,
        unique_by=lambda change: change[0],
    ),
)
def test_a_count_beside_changes_is_that_of_what_is_stored(
    stored: dict[tuple[str, str], Condition],
    changes: list[tuple[tuple[str, str], Condition | None, tuple[int, int, int]]],
) -> None:
    async def scenario() -> None:
        store = Store(dict(stored))
        await asyncio.gather(
            store.tally.count(store.names, store.page),
            *(store.change(*where, after, waits) for where, after, waits in changes),
        )
        for name in ("a", "b", "c"):
            held = {one: condition for (config, one), condition in store.stored.items() if config == name}
            entry = store.tally.entries.get(name)
            counted = {} if entry is None else {status: number for status, number in entry.by_status.items() if number}
            statuses = [condition.status for condition in held.values()]
            assert counted == {status: statuses.count(status) for status in {*statuses}}
            attention = set() if entry is None else entry.needing_attention
            assert attention == {one for one, condition in held.items() if condition.needs_attention}

    asyncio.run(scenario())


async def test_a_count_that_fails_is_begun_again() -> None:
    store = Store({("a", "1"): ISSUED})

    async def broken(_: str, __: str) -> StoredPage:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - whatever storage raises
        await store.tally.count(store.names, broken)
    assert not store.tally.is_counted
    await store.tally.count(store.names, store.page)
    assert store.tally.entries["a"].certificates == 1
