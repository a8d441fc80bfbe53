"""What any storage does, run on the one in memory and on the host's over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from sectigo_vault_pki.vault_plugin.logical import (
    InmemStorage,
    ReadOnlyError,
    Storage,
    StorageEntry,
    StorageError,
)
from sectigo_vault_pki.vault_plugin.process.host import StorageClient
from tests.support.host_services import SystemAnswers, lend


@dataclass
class Case:
    """A storage, and the one in memory that it ends up in."""

    storage: Storage
    behind: InmemStorage


@pytest.fixture(params=["memory", "grpc with pages", "grpc without pages"])
async def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Case]:
    behind = InmemStorage()
    if request.param == "memory":
        yield Case(behind, behind)
        return
    path = tmp_path_factory.mktemp("s") / "g"
    async with AsyncExitStack() as stack:
        server = grpc.aio.server()
        lend(server, storage=behind, system=SystemAnswers(), pages=request.param == "grpc with pages")
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        stack.push_async_callback(server.stop, 0)
        channel = grpc.aio.insecure_channel(f"unix:{path}")
        stack.push_async_callback(channel.close)
        yield Case(StorageClient(channel), behind)


@pytest.fixture
def storage(case: Case) -> Storage:
    return case.storage


async def put(storage: Storage, *keys: str) -> None:
    for key in keys:
        await storage.put(StorageEntry(key, key.encode()))


async def test_get_of_nothing_is_none(storage: Storage) -> None:
    assert await storage.get("nothing") is None


@pytest.mark.parametrize("value", [b"", b"text", bytes(range(256)), b"x" * 1024 * 1024])
async def test_get_returns_what_was_put(storage: Storage, value: bytes) -> None:
    entry = StorageEntry("a/b", value, seal_wrap=True)
    await storage.put(entry)
    assert await storage.get("a/b") == entry


async def test_put_replaces(storage: Storage) -> None:
    await storage.put(StorageEntry("a", b"1", seal_wrap=True))
    await storage.put(StorageEntry("a", b"2"))
    assert await storage.get("a") == StorageEntry("a", b"2")


async def test_delete_removes_and_may_find_nothing(storage: Storage) -> None:
    await put(storage, "a")
    await storage.delete("a")
    await storage.delete("a")
    assert await storage.get("a") is None


async def test_list_names_one_level_sorted_with_folders_once(storage: Storage) -> None:
    await put(storage, "b", "a/2", "a/1", "a", "c/d/e")
    assert list(await storage.list("")) == ["a", "a/", "b", "c/"]
    assert list(await storage.list("a/")) == ["1", "2"]
    assert list(await storage.list("c/")) == ["d/"]


async def test_list_of_nothing_is_empty(storage: Storage) -> None:
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
    storage: Storage, after: str, limit: int, names: list[str]
) -> None:
    await put(storage, "p/a", "p/b", "p/d/x", "p/e")
    assert list(await storage.list_page("p/", after=after, limit=limit)) == names


async def test_relative_keys_are_refused(storage: Storage) -> None:
    for action in (storage.get("a/../b"), storage.delete("./a"), storage.put(StorageEntry("..", b""))):
        with pytest.raises(StorageError, match="relative paths not supported"):
            await action


METHODS: dict[str, Callable[[Storage], object]] = {
    "get": lambda storage: storage.get("a"),
    "put": lambda storage: storage.put(StorageEntry("a", b"")),
    "delete": lambda storage: storage.delete("a"),
    "list": lambda storage: storage.list(""),
    "list_page": lambda storage: storage.list_page(""),
}


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StorageError("disk on fire"), StorageError),
        (ReadOnlyError(), ReadOnlyError),
        (ReadOnlyError("put failed: cannot write to readonly storage"), ReadOnlyError),
    ],
)
async def test_failure_keeps_its_text_and_its_kind(
    case: Case, method: str, error: StorageError, kind: type[StorageError]
) -> None:
    case.behind.failures["list" if method == "list_page" else method] = error
    with pytest.raises(StorageError) as caught:
        await METHODS[method](case.storage)  # type: ignore[misc]  # each is a coroutine
    assert type(caught.value) is kind
    assert str(caught.value) == str(error)


async def test_equal_keys_written_at_once_leave_one_whole_value(storage: Storage) -> None:
    await asyncio.gather(*(storage.put(StorageEntry("a", bytes([n]) * 1000)) for n in range(20)))
    entry = await storage.get("a")
    assert entry is not None
    assert len(set(entry.value)) == 1


def test_socket_paths_fit(tmp_path: Path) -> None:
    assert len(str(tmp_path)) < 100
