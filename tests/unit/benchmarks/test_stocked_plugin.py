from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.stocked_plugin import DAYS, PATH, SOON, Ends, StockedFactory, copy_of, summaries_like
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateSummary,
    CertificateType,
    Repository,
    SummaryEntry,
    UniqueId,
    agenda_keys,
)
from sectigo_vault_pki.vault_plugin.logical import BackendConfig, Operation, Request
from sectigo_vault_pki.vault_plugin.testing import FakeSystem, InmemStorage
from tests.support.records import certificate_record, current_certificate

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
COUNT = 5_000
SUMMARY = CertificateSummary(
    unique_id=UniqueId("55_demo-customer"), certificate_type=CertificateType.SSL, common_name="web.example.test"
)


@pytest.fixture(scope="module")
def copies() -> list[CertificateRecord]:
    record = certificate_record(current=current_certificate(), order=None)
    return [copy_of(record, number, Ends(NOW, all_soon=False)) for number in range(COUNT)]


def test_copies_differ_in_their_ids_and_serial_numbers_and_ascend(copies: list[CertificateRecord]) -> None:
    ids = [copy.unique_id for copy in copies]
    assert ids == sorted({*ids})
    assert len({copy.current.serial_number for copy in copies if copy.current is not None}) == COUNT


def test_one_copy_in_fifty_ends_within_a_week_and_one_has_ended_and_nothing_renews_them(
    copies: list[CertificateRecord],
) -> None:
    lefts = [(copy.current.not_after - NOW, copy) for copy in copies if copy.current is not None]
    soon = [copy for left, copy in lefts if timedelta() < left <= SOON]
    ended = [copy for left, copy in lefts if left <= timedelta()]
    assert len(soon) == len(ended) == COUNT // 50
    assert not any(agenda_keys("web", copy) for copy in (*soon, *ended))
    days = Counter(left.days for left, _ in lefts if left > SOON)
    assert min(days) > SOON.days + 1
    assert max(days) <= DAYS
    assert max(days.values()) < 3 * COUNT / len(days)


async def test_a_write_on_the_path_stores_copies_and_takes_summaries_away() -> None:
    storage = InmemStorage()
    record = certificate_record(current=current_certificate(), order=None)
    stored = Repository(storage, summarise=summaries_like(SUMMARY))
    await stored.put_certificate("web", record)
    backend = await StockedFactory()(BackendConfig(storage, FakeSystem()))
    await backend.initialize()

    async def ask(operation: Operation, **data: object) -> object:
        response = await backend.handle_request(Request(operation, PATH, storage, data=data))
        return None if response is None else response.data

    await ask(Operation.UPDATE, config="web", unique_id=record.unique_id, first=0, count=70)
    assert len(await stored.unique_ids("web")) == 71
    entries = await stored.summaries.page("web", limit=100)
    assert len(entries) == 71
    for entry in entries:
        copy = await stored.certificate("web", entry.unique_id)
        assert copy is not None
        assert entry == SummaryEntry.of("web", copy)
    assert await ask(Operation.READ) == {"index_complete": True}
    await ask(Operation.UPDATE, config="web", count=5, unlisted=True)
    assert len(await stored.summaries.page("web", limit=100)) == 66
    assert await ask(Operation.READ) == {"index_complete": False}
    await backend.cleanup()
