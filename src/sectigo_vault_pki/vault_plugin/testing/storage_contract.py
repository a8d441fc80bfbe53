"""What any storage does: subclass `StorageContract`, and give it a storage, where yours is another one than Vault's.

class TestMyStorage(StorageContract):
    @pytest.fixture
    def storage(self) -> Storage:
        return MyStorage()

    @pytest.fixture
    def failures(self, storage: Storage) -> dict[str, StorageError]:
        return storage.failures
"""

import asyncio
from collections.abc import Callable

import pytest

from sectigo_vault_pki.vault_plugin.logical import ReadOnlyError, Storage, StorageEntry, StorageError

_METHODS: dict[str, Callable[[Storage], object]] = {
    "get": lambda storage: storage.get("a"),
    "put": lambda storage: storage.put(StorageEntry("a", b"")),
    "delete": lambda storage: storage.delete("a"),
    "list": lambda storage: storage.list(""),
    "list_page": lambda storage: storage.list_page(""),
}


async def _put(storage: Storage, *keys: str) -> None:
    for key in keys:
        await storage.put(StorageEntry(key, key.encode()))


class StorageContract:
    """Tests of a storage, which a subclass gives as fixtures.

    `storage` is the storage, empty; `failures` takes the error of each of its methods that is to fail.
    """

    async def test_get_of_nothing_is_none(self, storage: Storage) -> None:
        assert await storage.get("nothing") is None

    @pytest.mark.parametrize("value", [b"", b"text", bytes(range(256)), b"x" * 1024 * 1024])
    async def test_get_returns_what_was_put(self, storage: Storage, value: bytes) -> None:
        entry = StorageEntry("a/b", value, seal_wrap=True)
        await storage.put(entry)
        assert await storage.get("a/b") == entry

    async def test_put_replaces(self, storage: Storage) -> None:
        await storage.put(StorageEntry("a", b"1", seal_wrap=True))
        await storage.put(StorageEntry("a", b"2"))
        assert await storage.get("a") == StorageEntry("a", b"2")

    async def test_delete_removes_and_may_find_nothing(self, storage: Storage) -> None:
        await _put(storage, "a")
        await storage.delete("a")
        await storage.delete("a")
        assert await storage.get("a") is None

    async def test_list_names_one_level_sorted_with_folders_once(self, storage: Storage) -> None:
        await _put(storage, "b", "a/2", "a/1", "a", "c/d/e")
        assert list(await storage.list("")) == ["a", "a/", "b", "c/"]
        assert list(await storage.list("a/")) == ["1", "2"]
        assert list(await storage.list("c/")) == ["d/"]

    async def test_list_of_nothing_is_empty(self, storage: Storage) -> None:
        assert list(await storage.list("nothing/")) == []

    @pytest.mark.parametrize(
        ("after", "limit", "names"),
        [
            ("", 0, ["a", "b", "d/", "e"]),
            ("", 2, ["a", "b"]),
            ("b", 2, ["d/", "e"]),
            ("c", 1, ["d/"]),
            ("e", 5, []),
            ("", 2**40, ["a", "b", "d/", "e"]),
            ("", -1, ["a", "b", "d/", "e"]),
        ],
    )
    async def test_list_page_goes_on_after_a_name_that_need_not_exist(
        self, storage: Storage, after: str, limit: int, names: list[str]
    ) -> None:
        await _put(storage, "p/a", "p/b", "p/d/x", "p/e")
        assert list(await storage.list_page("p/", after=after, limit=limit)) == names

    async def test_relative_keys_are_refused(self, storage: Storage) -> None:
        for action in (storage.get("a/../b"), storage.delete("./a"), storage.put(StorageEntry("..", b""))):
            with pytest.raises(StorageError, match="relative paths not supported"):
                await action

    @pytest.mark.parametrize("method", list(_METHODS))
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (StorageError("disk on fire"), StorageError),
            (ReadOnlyError(), ReadOnlyError),
            (ReadOnlyError("put failed: cannot write to readonly storage"), ReadOnlyError),
        ],
    )
    async def test_failure_keeps_its_text_and_its_kind(
        self,
        storage: Storage,
        failures: dict[str, StorageError],
        method: str,
        error: StorageError,
        kind: type[StorageError],
    ) -> None:
        failures["list" if method == "list_page" else method] = error
        with pytest.raises(StorageError) as caught:
            await _METHODS[method](storage)  # type: ignore[misc]  # each is a coroutine
        assert type(caught.value) is kind
        assert str(caught.value) == str(error)

    async def test_equal_keys_written_at_once_leave_one_whole_value(self, storage: Storage) -> None:
        await asyncio.gather(*(storage.put(StorageEntry("a", bytes([n]) * 1000)) for n in range(20)))
        entry = await storage.get("a")
        assert entry is not None
        assert len(set(entry.value)) == 1
