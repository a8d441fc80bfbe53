"""The clients of what the host lends, where the host fails or closes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from sectigo_vault_pki.vault_plugin.logical import (
    PluginEnvironment,
    ReplicationState,
    StorageEntry,
    StorageError,
    UnavailableError,
)
from sectigo_vault_pki.vault_plugin.process.host_clients import StorageClient, SystemClient
from sectigo_vault_pki.vault_plugin.proto.environment_pb2 import PluginEnvironment as EnvironmentMessage
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from sectigo_vault_pki.vault_plugin.testing.host_services import SystemAnswers, lend


class StuckStorage(InmemStorage):
    """Never answers."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()

    async def get(self, key: str) -> StorageEntry | None:
        self.asked.set()
        await asyncio.Event().wait()
        return await super().get(key)


class Lent:
    """A channel to something in this process that lends."""

    def __init__(self) -> None:
        self.storage = StuckStorage()
        self.system = SystemAnswers()
        self.stack = AsyncExitStack()

    async def open(self, path: Path, *, services: bool = True) -> grpc.aio.Channel:
        server = grpc.aio.server()
        if services:
            lend(server, storage=self.storage, system=self.system)
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        self.stack.push_async_callback(server.stop, 0)
        channel = grpc.aio.insecure_channel(f"unix:{path}")
        self.stack.push_async_callback(channel.close)
        return channel


@pytest.fixture
async def lent() -> AsyncIterator[Lent]:
    lent = Lent()
    async with lent.stack:
        yield lent


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s") / "g"


async def test_storage_that_nobody_serves_is_a_storage_error(path: Path) -> None:
    async with grpc.aio.insecure_channel(f"unix:{path}") as channel:
        with pytest.raises(StorageError):
            await StorageClient(channel).get("a")


async def test_host_without_storage_is_told_in_its_own_words(lent: Lent, path: Path) -> None:
    channel = await lent.open(path, services=False)
    with pytest.raises(StorageError, match="Method not found"):
        await StorageClient(channel).get("a")


async def test_storage_call_is_a_storage_error_when_the_mount_is_cleaned_up_meanwhile(lent: Lent, path: Path) -> None:
    channel = await lent.open(path)
    call = asyncio.create_task(StorageClient(channel).get("a"))
    await lent.storage.asked.wait()
    await channel.close()
    with pytest.raises(StorageError, match="closed"):
        await call
    with pytest.raises(StorageError, match="closed"):
        await StorageClient(channel).get("a")


async def test_storage_call_of_a_cancelled_request_is_cancelled(lent: Lent, path: Path) -> None:
    channel = await lent.open(path)
    call = asyncio.create_task(StorageClient(channel).get("a"))
    await lent.storage.asked.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_system_view_answers_in_our_words(lent: Lent, path: Path) -> None:
    lent.system.caching_disabled = True
    lent.system.environment = EnvironmentMessage(
        vault_version="1.19.0", vault_version_prerelease="rc1", vault_version_metadata="ent"
    )
    system = SystemClient(await lent.open(path))
    assert await system.default_lease_ttl() == timedelta(hours=1)
    assert await system.max_lease_ttl() == timedelta(hours=2)
    assert await system.caching_disabled() is True
    assert await system.local_mount() is False
    assert await system.plugin_environment() == PluginEnvironment("1.19.0", "rc1", "ent")
    assert not (await system.replication_state()).is_read_only


async def test_replication_state_of_a_standby_is_read_only(lent: Lent, path: Path) -> None:
    lent.system.replication_state = ReplicationState.PERFORMANCE_STANDBY | ReplicationState.DR_DISABLED
    assert (await SystemClient(await lent.open(path)).replication_state()).is_read_only


async def test_system_view_that_nobody_serves_is_unavailable(lent: Lent, path: Path) -> None:
    system = SystemClient(await lent.open(path, services=False))
    with pytest.raises(UnavailableError, match="Method not found"):
        await system.replication_state()


async def test_system_view_error_in_a_reply_is_unavailable(lent: Lent, path: Path) -> None:
    lent.system.environment_error = "no idea"
    with pytest.raises(UnavailableError, match="no idea"):
        await SystemClient(await lent.open(path)).plugin_environment()
