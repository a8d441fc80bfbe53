"""What the host lends a mount on the brokered connection: storage, a view of itself (plugin-protocol.md 4.3, 4.4)."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

import grpc

from sectigo_vault_pki.vault_plugin.logical import (
    READ_ONLY_TEXT,
    PluginEnvironment,
    ReadOnlyError,
    ReplicationState,
    StorageEntry,
    StorageError,
    UnavailableError,
)
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.proto.backend_pb2_grpc import StorageStub, SystemViewStub

_CALL_SECONDS = 60.0
"""After this the host is taken to be stuck; its own requests end at 90 s."""

_LARGEST_LIMIT = 2**31 - 1  # the wire's int32

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT")
StorageReplyT = TypeVar(
    "StorageReplyT", pb.StorageGetReply, pb.StoragePutReply, pb.StorageDeleteReply, pb.StorageListReply
)


class HostCallError(Exception):
    """The host gave no answer to a call; the text is gRPC's.

    Attributes:
        unimplemented: the host does not know the method.
    """

    def __init__(self, text: str, *, unimplemented: bool = False) -> None:
        super().__init__(text)
        self.unimplemented = unimplemented


class StorageClient:
    """`logical.Storage` on a channel; the first call connects."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = StorageStub(channel)
        self._host_pages = True

    async def get(self, key: str) -> StorageEntry | None:
        reply = await _storage_answer(self._stub.Get, pb.StorageGetArgs(key=key))
        if not reply.HasField("entry"):
            return None
        return StorageEntry(key=reply.entry.key, value=reply.entry.value, seal_wrap=reply.entry.seal_wrap)

    async def put(self, entry: StorageEntry) -> None:
        message = pb.StorageEntry(key=entry.key, value=entry.value, seal_wrap=entry.seal_wrap)
        await _storage_answer(self._stub.Put, pb.StoragePutArgs(entry=message))

    async def delete(self, key: str) -> None:
        await _storage_answer(self._stub.Delete, pb.StorageDeleteArgs(key=key))

    async def list(self, prefix: str) -> Sequence[str]:
        return list((await _storage_answer(self._stub.List, pb.StorageListArgs(prefix=prefix))).keys)

    async def list_page(self, prefix: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
        if self._host_pages:
            try:
                page = pb.StorageListPageArgs(prefix=prefix, after=after, limit=min(limit, _LARGEST_LIMIT))
                reply = await _call(self._stub.ListPage, page)
            except HostCallError as error:
                if not error.unimplemented:
                    raise _storage_error(str(error)) from None
                self._host_pages = False  # Vault has no pages; only OpenBao does
            else:
                return list(_checked(reply).keys)
        names = [name for name in await self.list(prefix) if name > after]
        return names[:limit] if limit > 0 else names


class SystemClient:
    """`logical.SystemView` on a channel; the first call connects."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = SystemViewStub(channel)

    async def default_lease_ttl(self) -> timedelta:
        return _duration((await _system_answer(self._stub.DefaultLeaseTTL)).TTL)

    async def max_lease_ttl(self) -> timedelta:
        return _duration((await _system_answer(self._stub.MaxLeaseTTL)).TTL)

    async def caching_disabled(self) -> bool:
        return (await _system_answer(self._stub.CachingDisabled)).disabled

    async def local_mount(self) -> bool:
        return (await _system_answer(self._stub.LocalMount)).local

    async def replication_state(self) -> ReplicationState:
        return ReplicationState((await _system_answer(self._stub.ReplicationState)).state)

    async def plugin_environment(self) -> PluginEnvironment:
        reply = await _system_answer(self._stub.PluginEnv)
        if reply.err:
            raise UnavailableError(reply.err)
        environment = reply.plugin_environment
        return PluginEnvironment(
            vault_version=environment.vault_version,
            vault_version_prerelease=environment.vault_version_prerelease,
            vault_version_metadata=environment.vault_version_metadata,
        )


async def _storage_answer(
    method: grpc.aio.UnaryUnaryMultiCallable[RequestT, StorageReplyT], request: RequestT
) -> StorageReplyT:
    """Return storage's answer.

    Raises:
        StorageError: there is none, or it is an error.
    """
    try:
        return _checked(await _call(method, request))
    except HostCallError as error:
        raise _storage_error(str(error)) from None


def _checked(reply: StorageReplyT) -> StorageReplyT:
    if reply.err:
        raise _storage_error(reply.err)
    return reply


def _storage_error(text: str) -> StorageError:
    return ReadOnlyError(text) if READ_ONLY_TEXT in text else StorageError(text)


async def _system_answer(method: grpc.aio.UnaryUnaryMultiCallable[pb.Empty, ReplyT]) -> ReplyT:
    """Return the host's answer to a question about itself.

    Raises:
        UnavailableError: there is none.
    """
    try:
        return await _call(method, pb.Empty())
    except HostCallError as error:
        raise UnavailableError(f"the server did not answer a question about itself: {error}") from None


def _duration(nanoseconds: int) -> timedelta:
    return timedelta(microseconds=nanoseconds / 1000)


async def _call(method: grpc.aio.UnaryUnaryMultiCallable[RequestT, ReplyT], request: RequestT) -> ReplyT:
    """Return the host's answer, with gRPC's ways of failing made into one exception.

    Raises:
        HostCallError: there is none.
    """
    try:
        return await method(request, timeout=_CALL_SECONDS)
    except grpc.aio.AioRpcError as error:
        unimplemented = error.code() is grpc.StatusCode.UNIMPLEMENTED
        raise HostCallError(error.details() or error.code().name, unimplemented=unimplemented) from None
    except (asyncio.CancelledError, grpc.aio.UsageError) as error:
        # A channel that is closed cancels its calls; that does not mean that the waiting task was cancelled.
        task = asyncio.current_task()
        if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
            raise
        raise HostCallError("the connection to the host is closed") from None
