"""What the host says of itself, over the brokered connection (plugin-protocol.md 4.4)."""

from datetime import timedelta
from typing import TypeVar

import grpc

from sectigo_vault_pki.vault_plugin.logical import PluginEnvironment, ReplicationState, UnavailableError
from sectigo_vault_pki.vault_plugin.process.host_call import HostCallError, call
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.proto.backend_pb2_grpc import SystemViewStub

ReplyT = TypeVar("ReplyT")


class SystemClient:
    """`logical.SystemView` on a channel; the first call connects."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = SystemViewStub(channel)

    async def default_lease_ttl(self) -> timedelta:
        return _duration((await _ask(self._stub.DefaultLeaseTTL)).TTL)

    async def max_lease_ttl(self) -> timedelta:
        return _duration((await _ask(self._stub.MaxLeaseTTL)).TTL)

    async def caching_disabled(self) -> bool:
        return (await _ask(self._stub.CachingDisabled)).disabled

    async def local_mount(self) -> bool:
        return (await _ask(self._stub.LocalMount)).local

    async def replication_state(self) -> ReplicationState:
        return ReplicationState((await _ask(self._stub.ReplicationState)).state)

    async def plugin_environment(self) -> PluginEnvironment:
        reply = await _ask(self._stub.PluginEnv)
        if reply.err:
            raise UnavailableError(reply.err)
        environment = reply.plugin_environment
        return PluginEnvironment(
            vault_version=environment.vault_version,
            vault_version_prerelease=environment.vault_version_prerelease,
            vault_version_metadata=environment.vault_version_metadata,
        )


async def _ask(method: grpc.aio.UnaryUnaryMultiCallable[pb.Empty, ReplyT]) -> ReplyT:
    try:
        return await call(method, pb.Empty())
    except HostCallError as error:
        raise UnavailableError(f"the server did not answer a question about itself: {error}") from None


def _duration(nanoseconds: int) -> timedelta:
    return timedelta(microseconds=nanoseconds / 1000)
