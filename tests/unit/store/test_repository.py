import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.store import HistoryEntry, Repository, RequestIndex, Status, UniqueId
from sectigo_vault_pki.vault_plugin.logical import StorageEntry
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from tests.support.records import UUID, certificate_record, config_record, current_certificate, order_record
from tests.support.virtual_time import START

ID = UniqueId("55_demo-customer")


@pytest.fixture
def storage() -> InmemStorage:
    return InmemStorage()


@pytest.fixture
def repository(storage: InmemStorage) -> Repository:
    return Repository(storage)


async def test_records_come_back_as_they_were_put(repository: Repository) -> None:
    config, order = config_record(wait_limit=5), order_record(request_id="r")
    record = certificate_record(current=current_certificate(), history=(HistoryEntry(status=Status.ISSUED, at=START),))
    await repository.put_config("web", config)
    await repository.put_order("web", order)
    await repository.put_certificate("web", record)
    assert await repository.config("web") == config
    assert await repository.order("web", UUID) == order
    assert await repository.certificate("web", ID) == record


async def test_a_record_without_a_key_comes_back_without_one(repository: Repository) -> None:
    order = order_record(private_key=None)
    await repository.put_order("web", order)
    assert await repository.order("web", UUID) == order


async def test_what_was_never_put_is_not_there(repository: Repository) -> None:
    assert await repository.config("web") is None
    assert await repository.certificate_of_order("web", UUID) is None
    assert await repository.unique_ids("web") == []
    assert not await repository.has_certificates("web")


async def test_an_order_alone_counts_as_something_stored_under_the_entry(repository: Repository) -> None:
    await repository.put_order("web", order_record())
    assert await repository.has_certificates("web")
    assert not await repository.has_certificates("we")


async def test_no_key_of_storage_holds_a_secret_and_secrets_are_seal_wrapped(
    repository: Repository, storage: InmemStorage
) -> None:
    await repository.put_config("web", config_record())
    await repository.put_order("web", order_record())
    await repository.put_certificate("web", certificate_record())
    await repository.put_certificate_of_order("web", UUID, ID)
    await repository.put_request("web", "digest", RequestIndex(order_uuid=UUID, fingerprint="f"))
    for key, value in storage.snapshot().items():
        entry = await storage.get(key)
        assert entry is not None
        assert "hunter2" not in key
        assert entry.seal_wrap == (b"hunter2" in value or b'"key"' in value)


Get = Callable[[Repository], Awaitable[object]]


@pytest.mark.parametrize(
    ("key", "get"),
    [
        ("config/web", lambda repository: repository.config("web")),
        (f"order/web/{UUID}", lambda repository: repository.order("web", UUID)),
        (f"cert/web/{ID}", lambda repository: repository.certificate("web", ID)),
    ],
)
@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"\xff", b'{"v": 1, "password": "hunter2"}'])
async def test_a_damaged_record_is_named_and_not_shown(
    repository: Repository, storage: InmemStorage, key: str, get: Get, damage: bytes
) -> None:
    await storage.put(StorageEntry(key, damage))
    with pytest.raises(RecordError, match=f'^the stored entry "{key}" is damaged') as raised:
        await get(repository)
    assert "hunter2" not in repr(raised.value)


@pytest.mark.parametrize("news", [{"v": 2}, {"v": 2, "new": 1}, {"v": 2, "login": None}, {"new": 1}])
async def test_a_record_of_a_newer_version_is_told_from_a_damaged_one(
    repository: Repository, storage: InmemStorage, news: dict[str, Any]
) -> None:
    await repository.put_config("web", config_record())
    stored: dict[str, Any] = json.loads(storage.snapshot()["config/web"])
    await storage.put(StorageEntry("config/web", json.dumps(stored | news).encode()))
    with pytest.raises(RecordError, match=r'^the stored entry "config/web" was written by a newer version'):
        await repository.config("web")


def test_secrets_are_hidden_in_every_repr() -> None:
    for record in (config_record(), order_record(), certificate_record(current=current_certificate())):
        assert "hunter2" not in repr(record)
        assert "SecretStr('**********')" in repr(record)


def test_history_grows_by_what_is_new() -> None:
    record = certificate_record()
    applied = HistoryEntry(status=Status.APPLIED, at=START)
    error = HistoryEntry(status=Status.ERROR_CODE, at=START, code=-1, description="no")
    other = HistoryEntry(status=Status.ERROR_CODE, at=START, code=-2, description="no")
    for entry in (applied, applied, error, error, other, applied):
        record = record.with_history(entry)
    assert [(entry.status.value, entry.code) for entry in record.history] == [
        ("Applied", None),
        ("ErrorCode", -1),
        ("ErrorCode", -2),
        ("Applied", None),
    ]
