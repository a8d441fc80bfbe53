"""What the index finds, and that it asks storage for as much as is wanted, however much there is."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from sectigo_vault_pki.store import Ending, Repository, UniqueId, layout
from sectigo_vault_pki.vault_plugin.logical import StorageEntry
from sectigo_vault_pki.vault_plugin.testing import InmemStorage

TODAY = date(2026, 11, 28)
DAYS = 400
SERIALS = ("01:02", "01:03:04", "80:1f", "80:20")


class CountingStorage(InmemStorage):
    """Counts the names that lists return."""

    def __init__(self) -> None:
        super().__init__()
        self.listed = 0

    async def list(self, prefix: str) -> Sequence[str]:
        return self._counted(await super().list(prefix))

    async def list_page(self, prefix: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
        names = [name for name in await super().list(prefix) if name > after]
        return self._counted(names[:limit] if limit > 0 else names)

    def _counted(self, names: Sequence[str]) -> Sequence[str]:
        self.listed += len(names)
        return names


@pytest.fixture
def storage() -> CountingStorage:
    return CountingStorage()


@pytest.fixture
def repository(storage: CountingStorage) -> Repository:
    return Repository(storage)


async def one_a_day(storage: InmemStorage, *prefixes: str, first: int, last: int) -> None:
    """Have a certificate, named by its day, on each of some days, of which today is number 0."""
    for prefix in prefixes:
        for number in range(first, last + 1):
            day = (TODAY + timedelta(days=number)).isoformat()
            await storage.put(StorageEntry(f"{prefix}{day}/web/{number}_{prefix.split('/')[1]}", b"{}"))


async def test_what_ends_is_found_from_the_first_to_the_last_day_soonest_first(
    storage: CountingStorage, repository: Repository
) -> None:
    await one_a_day(storage, layout.EXPIRY, layout.ENDS, first=-DAYS, last=DAYS)
    await one_a_day(storage, layout.WANTED, first=2, last=3)
    ending = await repository.ending_between(TODAY, TODAY + timedelta(days=2))
    assert [(unique_id, (day - TODAY).days) for _, unique_id, day in ending] == [
        ("0_ends", 0),
        ("0_expiry", 0),
        ("1_ends", 1),
        ("1_expiry", 1),
        ("2_ends", 2),
        ("2_expiry", 2),
        ("2_wanted", 2),
    ]
    assert await repository.ending_between(TODAY, TODAY - timedelta(days=1)) == []


async def test_looking_for_what_ends_lists_neither_the_past_nor_what_ends_later(
    storage: CountingStorage, repository: Repository
) -> None:
    await one_a_day(storage, layout.EXPIRY, layout.ENDS, first=-DAYS, last=DAYS)
    assert len(await repository.ending_between(TODAY, TODAY + timedelta(days=7))) == 16
    assert storage.listed == 3 * 16  # of each a day, a config entry and a certificate


async def test_looking_for_some_that_end_stops_when_there_are_enough(
    storage: CountingStorage, repository: Repository
) -> None:
    await one_a_day(storage, layout.ENDS, first=0, last=DAYS)
    ending = await repository.ending_between(TODAY, TODAY + timedelta(days=50), limit=3)
    assert [unique_id for _, unique_id, _ in ending] == ["0_ends", "1_ends", "2_ends"]
    assert storage.listed == 51 + 2 * 3


async def several_a_day(storage: InmemStorage) -> Sequence[Ending]:
    """Have certificates of two config entries in all three places; return them as they are found."""
    places = [
        (Ending(config_name, UniqueId(f"{number}_x{ahead}"), TODAY + timedelta(days=ahead)), prefix)
        for ahead in range(3)
        for config_name in ("web", "web-a")
        for number, prefix in enumerate((layout.ENDS, layout.WANTED, layout.EXPIRY, layout.ENDS))
    ]
    for place, prefix in places:
        await storage.put(StorageEntry(f"{prefix}{place.day.isoformat()}/{place.config_name}/{place.unique_id}", b"{}"))
    return [place for place, _ in places]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 24, 25])
async def test_what_ends_is_found_page_by_page_and_each_once(
    storage: CountingStorage, repository: Repository, size: int
) -> None:
    expected = await several_a_day(storage)
    last = TODAY + timedelta(days=9)
    found: list[Ending] = []
    while page := await repository.ending_between(TODAY, last, after=found[-1] if found else None, limit=size):
        assert len(page) <= size
        found += page
    assert found == expected
    gone = Ending("web", UniqueId("1_y"), TODAY + timedelta(days=1))
    assert await repository.ending_between(TODAY, last, after=gone) == expected[10:]


async def test_a_certificate_that_two_places_of_a_day_lead_to_is_found_once(
    storage: CountingStorage, repository: Repository
) -> None:
    unique_id = UniqueId("1_x")
    for key in (layout.expiry_key, layout.wanted_key, layout.ends_key):
        await storage.put(StorageEntry(key(TODAY, "web", unique_id), b"{}"))
    assert await repository.ending_between(TODAY, TODAY) == [("web", unique_id, TODAY)]
    assert await repository.ending_between(TODAY, TODAY, after=Ending("web", unique_id, TODAY)) == []


async def test_a_page_of_a_day_costs_what_it_has_however_many_end_on_it(
    storage: CountingStorage, repository: Repository
) -> None:
    for number in range(1000):
        await storage.put(StorageEntry(layout.ends_key(TODAY, "web", UniqueId(f"{number:04}_x")), b"{}"))
    after = Ending("web", UniqueId("0499_x"), TODAY)
    page = await repository.ending_between(TODAY, TODAY, after=after, limit=10)
    assert [one.unique_id for one in page] == [f"{number:04}_x" for number in range(500, 510)]
    assert storage.listed == 1 + 1 + 10


@pytest.mark.parametrize("past", [0, 1, 30, 31, 32, 33, 100])
async def test_the_agenda_is_read_from_its_oldest_day_on(
    storage: CountingStorage, repository: Repository, past: int
) -> None:
    await one_a_day(storage, layout.RENEWAL, layout.EXPIRY, first=-past, last=DAYS)
    renewals = await repository.renewals_until(TODAY)
    assert [entry.unique_id for entry in renewals] == [f"{number}_renewal" for number in range(-past, 1)]
    last_days = {"web": TODAY + timedelta(days=7), "gone": TODAY}
    expiring = await repository.expiring_until(last_days, by_hand=set())
    assert [entry.unique_id for entry in expiring] == [f"{number}_expiry" for number in range(-past, 8)]
    assert await repository.expiring_until(last_days, by_hand={"web", "gone"}) == []
    assert await repository.expiring_until({}, by_hand=set()) == []
    assert storage.listed < 6 * (past + 8) + 4 * 32


async def stored_serials(storage: InmemStorage) -> None:
    for serial_number in SERIALS:
        await storage.put(StorageEntry(layout.serial_key(serial_number, "web", UniqueId("1_x")), b"{}"))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("", SERIALS),
        ("01:02", SERIALS[1:]),
        ("01:03", SERIALS[1:]),
        ("80", SERIALS[2:]),
        ("8", SERIALS[2:]),
        ("80:1f", SERIALS[3:]),
        ("80:20", ()),
        ("../80", SERIALS),
    ],
)
async def test_serial_numbers_go_on_after_one_of_them_or_the_beginning_of_some(
    storage: CountingStorage, repository: Repository, after: str, expected: Sequence[str]
) -> None:
    await stored_serials(storage)
    assert await repository.serial_numbers_page(after=after) == [*expected]


async def test_serial_numbers_come_page_by_page(storage: CountingStorage, repository: Repository) -> None:
    await stored_serials(storage)
    assert await repository.serial_numbers_page(limit=2) == [*SERIALS[:2]]
    assert await repository.serial_numbers_page(after=SERIALS[1], limit=1) == [SERIALS[2]]
    assert await repository.revoked_serial_numbers_page(limit=2) == []
