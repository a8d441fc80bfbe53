"""A mount's storage, lent by the host over the brokered connection (plugin-protocol.md 4.3 and 5.10)."""

from collections.abc import Sequence
from typing import TypeVar

import grpc

from sectigo_vault_pki.vault_plugin.logical import READ_ONLY_TEXT, ReadOnlyError, StorageEntry, StorageError
from sectigo_vault_pki.vault_plugin.process.host_call import HostCallError, call
from sectigo_vault_pki.vault_plugin.proto import backend_pb2 as pb
from sectigo_vault_pki.vault_plugin.proto.backend_pb2_grpc import StorageStub

_LARGEST_LIMIT = 2**31 - 1  # the wire's int32

RequestT = TypeVar("RequestT")
ReplyT = TypeVar("ReplyT", pb.StorageGetReply, pb.StoragePutReply, pb.StorageDeleteReply, pb.StorageListReply)


class StorageClient:
    """`logical.Storage` on a channel; the first call connects."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = StorageStub(channel)
        self._host_pages = True

    async def get(self, key: str) -> StorageEntry | None:
        reply = await _ask(self._stub.Get, pb.StorageGetArgs(key=key))
        if not reply.HasField("entry"):
            return None
        return StorageEntry(key=reply.entry.key, value=reply.entry.value, seal_wrap=reply.entry.seal_wrap)

    async def put(self, entry: StorageEntry) -> None:
        message = pb.StorageEntry(key=entry.key, value=entry.value, seal_wrap=entry.seal_wrap)
        await _ask(self._stub.Put, pb.StoragePutArgs(entry=message))

    async def delete(self, key: str) -> None:
        await _ask(self._stub.Delete, pb.StorageDeleteArgs(key=key))

    async def list(self, prefix: str) -> Sequence[str]:
        return list((await _ask(self._stub.List, pb.StorageListArgs(prefix=prefix))).keys)

    async def list_page(self, prefix: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
        if self._host_pages:
            try:
                page = pb.StorageListPageArgs(prefix=prefix, after=after, limit=min(limit, _LARGEST_LIMIT))
                reply = await call(self._stub.ListPage, page)
            except HostCallError as error:
                if not error.unimplemented:
                    raise _storage_error(str(error)) from None
                self._host_pages = False  # Vault has no pages; only OpenBao does
            else:
                return list(_checked(reply).keys)
        names = [name for name in await self.list(prefix) if name > after]
        return names[:limit] if limit > 0 else names


async def _ask(method: grpc.aio.UnaryUnaryMultiCallable[RequestT, ReplyT], request: RequestT) -> ReplyT:
    try:
        return _checked(await call(method, request))
    except HostCallError as error:
        raise _storage_error(str(error)) from None


def _checked(reply: ReplyT) -> ReplyT:
    if reply.err:
        raise _storage_error(reply.err)
    return reply


def _storage_error(text: str) -> StorageError:
    return ReadOnlyError(text) if READ_ONLY_TEXT in text else StorageError(text)
