"""What the repository remembers of storage, and when it must not."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sectigo_vault_pki.store import CertificateRecord, RecordCache, Repository
from sectigo_vault_pki.store.cache import Cached
from sectigo_vault_pki.vault_plugin.logical import StorageEntry, StorageError
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from tests.support.records import certificate_record, config_record

KEY = "cert/web/55_demo-customer"
RECORD = certificate_record()
OTHER = RECORD.model_copy(update={"common_name": "other.example.test"})


Meanwhile = Callable[[], Awaitable[object]]


class CountingStorage(InmemStorage):
    """Counts reads of records, and holds them up where a test wants to act in between; refuses to write one key."""

    def __init__(self) -> None:
        super().__init__()
        self.gets: list[str] = []
        self.meanwhile: Meanwhile | None = None
        self.refused = ""

    async def put(self, entry: StorageEntry) -> None:
        if entry.key == self.refused:
            raise StorageError("no answer in time")
        await super().put(entry)

    async def get(self, key: str) -> StorageEntry | None:
        if key.startswith("index/"):
            return await super().get(key)
        self.gets.append(key)
        entry = await super().get(key)
        if (meanwhile := self.meanwhile) is not None:
            self.meanwhile = None
            await meanwhile()
        return entry


async def never() -> bool:
    return False


@pytest.fixture
def storage() -> CountingStorage:
    return CountingStorage()


@pytest.fixture
def repository(storage: CountingStorage) -> Repository:
    return Repository(storage, RecordCache(never))


async def read(repository: Repository) -> CertificateRecord | None:
    return await repository.certificate("web", RECORD.unique_id)


async def put_behind(storage: InmemStorage, record: CertificateRecord) -> None:
    """Change storage as another node does."""
    await Repository(storage).put_certificate("web", record)


async def test_a_record_that_was_written_is_not_read_again(storage: CountingStorage, repository: Repository) -> None:
    await repository.put_certificate("web", RECORD)
    assert await read(repository) == RECORD
    assert storage.gets == []


async def test_a_record_is_read_once(storage: CountingStorage, repository: Repository) -> None:
    await put_behind(storage, RECORD)
    assert await read(repository) is await read(repository)
    assert storage.gets == [KEY]


async def test_config_entries_are_remembered_too(storage: CountingStorage, repository: Repository) -> None:
    await repository.put_config("web", config_record())
    assert await repository.config("web") == config_record()
    await repository.delete_config("web")
    assert await repository.config("web") is None
    assert storage.gets == ["config/web"]


async def test_what_does_not_exist_is_asked_for_each_time(storage: CountingStorage, repository: Repository) -> None:
    assert await read(repository) is None
    await put_behind(storage, RECORD)
    assert await read(repository) == RECORD


async def test_a_key_that_another_node_changed_is_read_anew(storage: CountingStorage, repository: Repository) -> None:
    await repository.put_certificate("web", RECORD)
    await put_behind(storage, OTHER)
    repository.invalidate(KEY)
    assert await read(repository) == OTHER


async def test_a_deleted_record_is_forgotten(repository: Repository) -> None:
    await repository.put_certificate("web", RECORD)
    await repository.delete_certificate("web", RECORD.unique_id)
    assert await read(repository) is None


async def test_what_was_read_while_it_changed_is_not_remembered(
    storage: CountingStorage, repository: Repository
) -> None:
    await put_behind(storage, RECORD)
    storage.meanwhile = lambda: repository.put_certificate("web", OTHER)
    assert await read(repository) == RECORD
    assert await read(repository) == OTHER


async def test_what_was_read_while_another_node_changed_it_is_not_remembered(
    storage: CountingStorage, repository: Repository
) -> None:
    await put_behind(storage, RECORD)

    async def change_elsewhere() -> None:
        await put_behind(storage, OTHER)
        repository.invalidate(KEY)

    storage.meanwhile = change_elsewhere
    assert await read(repository) == RECORD
    assert await read(repository) == OTHER


async def test_what_was_read_while_it_was_deleted_is_not_remembered(
    storage: CountingStorage, repository: Repository
) -> None:
    await put_behind(storage, RECORD)
    storage.meanwhile = lambda: repository.delete_certificate("web", RECORD.unique_id)
    assert await read(repository) == RECORD
    assert await read(repository) is None


async def test_a_write_that_fails_leaves_nothing_remembered(storage: CountingStorage, repository: Repository) -> None:
    await repository.put_certificate("web", RECORD)
    storage.refused = KEY
    with pytest.raises(StorageError):
        await repository.put_certificate("web", OTHER)
    await storage_took_it_nevertheless(storage)
    assert await read(repository) == OTHER


async def storage_took_it_nevertheless(storage: CountingStorage) -> None:
    storage.refused = ""
    await put_behind(storage, OTHER)


async def test_nothing_is_remembered_where_the_host_wants_no_caches(storage: CountingStorage) -> None:
    async def always() -> bool:
        return True

    repository = Repository(storage, RecordCache(always))
    await repository.put_certificate("web", RECORD)
    await asyncio.gather(read(repository), read(repository))
    assert storage.gets == [KEY, KEY]


async def test_an_announcement_ends_where_nothing_may_be_remembered() -> None:
    answers = [True, False]

    async def is_disabled() -> bool:
        return answers.pop(0)

    cache = RecordCache(is_disabled)
    token = cache.reserve(KEY)
    for _ in range(2):
        await cache.add(KEY, token, Cached(RECORD, 1))
    assert cache.get(KEY) is None


async def test_the_records_used_last_are_kept_within_the_limit(storage: CountingStorage) -> None:
    await put_behind(storage, RECORD)
    entry = await storage.get(KEY)
    assert entry is not None
    cache = RecordCache(never, max_bytes=len(entry.value) * 5 // 2)
    repository = Repository(storage, cache)
    records = [RECORD.model_copy(update={"unique_id": f"{number}_demo-customer"}) for number in (51, 52, 53)]
    await repository.put_certificate("web", records[0])
    await repository.put_certificate("web", records[1])
    await repository.certificate("web", records[0].unique_id)
    await repository.put_certificate("web", records[2])
    storage.gets.clear()
    for record in (records[0], records[2], records[1]):
        assert await repository.certificate("web", record.unique_id) == record
    assert storage.gets == ["cert/web/52_demo-customer"]
    assert len(cache) == 2


async def test_a_record_larger_than_the_limit_is_not_remembered(storage: CountingStorage) -> None:
    cache = RecordCache(never, max_bytes=10)
    repository = Repository(storage, cache)
    await repository.put_certificate("web", RECORD)
    assert await read(repository) == RECORD
    assert len(cache) == 0
