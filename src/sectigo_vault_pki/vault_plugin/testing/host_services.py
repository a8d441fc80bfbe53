"""What the host lends a plugin over a brokered connection, served from memory."""
# ruff: noqa: N802  the wire's names

from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc

from sectigo_vault_pki.vault_plugin.logical import ReplicationState, StorageEntry, StorageError
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.proto.backend_pb2_grpc import (
    StorageServicer,
    SystemViewServicer,
    add_StorageServicer_to_server,
    add_SystemViewServicer_to_server,
)
from sectigo_vault_pki.vault_plugin.proto.environment_pb2 import PluginEnvironment
from sectigo_vault_pki.vault_plugin.testing import InmemStorage

Context = grpc.aio.ServicerContext[Any, Any]


class HostStorage(StorageServicer):
    """An `InmemStorage` on the wire: its errors travel as text in the reply, as the host's do.

    Without `pages`, it knows no `ListPage`, like Vault.
    """

    def __init__(self, storage: InmemStorage, *, pages: bool = True) -> None:
        self._storage = storage
        self._pages = pages

    async def Get(self, request: pb.StorageGetArgs, context: Context) -> pb.StorageGetReply:
        try:
            entry = await self._storage.get(request.key)
        except StorageError as error:
            return pb.StorageGetReply(err=str(error))
        if entry is None:
            return pb.StorageGetReply()
        return pb.StorageGetReply(entry=pb.StorageEntry(key=entry.key, value=entry.value, seal_wrap=entry.seal_wrap))

    async def Put(self, request: pb.StoragePutArgs, context: Context) -> pb.StoragePutReply:
        entry = request.entry
        try:
            await self._storage.put(StorageEntry(entry.key, entry.value, seal_wrap=entry.seal_wrap))
        except StorageError as error:
            return pb.StoragePutReply(err=str(error))
        return pb.StoragePutReply()

    async def Delete(self, request: pb.StorageDeleteArgs, context: Context) -> pb.StorageDeleteReply:
        try:
            await self._storage.delete(request.key)
        except StorageError as error:
            return pb.StorageDeleteReply(err=str(error))
        return pb.StorageDeleteReply()

    async def List(self, request: pb.StorageListArgs, context: Context) -> pb.StorageListReply:
        try:
            return pb.StorageListReply(keys=await self._storage.list(request.prefix))
        except StorageError as error:
            return pb.StorageListReply(err=str(error))

    async def ListPage(self, request: pb.StorageListPageArgs, context: Context) -> pb.StorageListReply:
        if not self._pages:
            await _unimplemented(context)
        try:
            names = await self._storage.list_page(request.prefix, after=request.after, limit=request.limit)
        except StorageError as error:
            return pb.StorageListReply(err=str(error))
        return pb.StorageListReply(keys=names)


@dataclass
class SystemAnswers:
    """What the host reports about itself; change it at any time."""

    default_lease_ttl_ns: int = 3600 * 10**9
    max_lease_ttl_ns: int = 7200 * 10**9
    caching_disabled: bool = False
    local_mount: bool = False
    replication_state: ReplicationState = ReplicationState.PERFORMANCE_DISABLED | ReplicationState.DR_DISABLED
    environment: PluginEnvironment = field(default_factory=lambda: PluginEnvironment(vault_version="2.7.2"))
    environment_error: str = ""


class HostSystem(SystemViewServicer):
    """`SystemAnswers` on the wire; what no plugin of ours asks is unimplemented."""

    def __init__(self, answers: SystemAnswers) -> None:
        self._answers = answers

    async def DefaultLeaseTTL(self, request: pb.Empty, context: Context) -> pb.TTLReply:
        return pb.TTLReply(TTL=self._answers.default_lease_ttl_ns)

    async def MaxLeaseTTL(self, request: pb.Empty, context: Context) -> pb.TTLReply:
        return pb.TTLReply(TTL=self._answers.max_lease_ttl_ns)

    async def CachingDisabled(self, request: pb.Empty, context: Context) -> pb.CachingDisabledReply:
        return pb.CachingDisabledReply(disabled=self._answers.caching_disabled)

    async def LocalMount(self, request: pb.Empty, context: Context) -> pb.LocalMountReply:
        return pb.LocalMountReply(local=self._answers.local_mount)

    async def ReplicationState(self, request: pb.Empty, context: Context) -> pb.ReplicationStateReply:
        return pb.ReplicationStateReply(state=int(self._answers.replication_state))

    async def PluginEnv(self, request: pb.Empty, context: Context) -> pb.PluginEnvReply:
        return pb.PluginEnvReply(plugin_environment=self._answers.environment, err=self._answers.environment_error)


def lend(server: grpc.aio.Server, *, storage: InmemStorage, system: SystemAnswers, pages: bool = True) -> None:
    """Serve a mount's storage and system view; the methods left out above answer that they are unimplemented."""
    lent_storage = HostStorage(storage, pages=pages)  # type: ignore[abstract]  # only the stub calls them abstract
    add_StorageServicer_to_server(lent_storage, server)
    lent_system = HostSystem(system)  # type: ignore[abstract]  # the same
    add_SystemViewServicer_to_server(lent_system, server)


async def _unimplemented(context: Context) -> NoReturn:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not implemented!")
