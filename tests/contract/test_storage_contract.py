"""The contract of a storage, kept by the one in memory and by the host's over gRPC."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest

from sectigo_vault_pki.vault_plugin.logical import Storage, StorageError
from sectigo_vault_pki.vault_plugin.process.host_clients import StorageClient
from sectigo_vault_pki.vault_plugin.testing import InmemStorage
from sectigo_vault_pki.vault_plugin.testing.host_services import SystemAnswers, lend
from sectigo_vault_pki.vault_plugin.testing.storage_contract import StorageContract


class Cases(StorageContract):
    """A storage that ends up in the one in memory."""

    @pytest.fixture
    def behind(self) -> InmemStorage:
        return InmemStorage()

    @pytest.fixture
    def failures(self, behind: InmemStorage) -> dict[str, StorageError]:
        return behind.failures


class TestInMemory(Cases):
    @pytest.fixture
    def storage(self, behind: InmemStorage) -> Storage:
        return behind


@pytest.mark.parametrize("pages", [True, False], ids=["with pages", "without pages"])
class TestOverGrpc(Cases):
    @pytest.fixture
    async def storage(
        self, behind: InmemStorage, pages: bool, tmp_path_factory: pytest.TempPathFactory
    ) -> AsyncIterator[Storage]:
        path = tmp_path_factory.mktemp("s") / "g"
        async with AsyncExitStack() as stack:
            server = grpc.aio.server()
            lend(server, storage=behind, system=SystemAnswers(), pages=pages)
            server.add_insecure_port(f"unix:{path}")
            await server.start()
            stack.push_async_callback(server.stop, 0)
            channel = grpc.aio.insecure_channel(f"unix:{path}")
            stack.push_async_callback(channel.close)
            yield StorageClient(channel)


def test_socket_paths_fit(tmp_path: Path) -> None:
    assert len(str(tmp_path)) < 100
