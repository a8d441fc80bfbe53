"""What a handler knows of its call and may say about it, in grpcio's shape."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from sectigo_vault_pki.vault_plugin.grpc.metadata import Metadata, fields_of
from sectigo_vault_pki.vault_plugin.grpc.status import Status
from sectigo_vault_pki.vault_plugin.http2.header_blocks import Fields

if TYPE_CHECKING:
    from sectigo_vault_pki.vault_plugin.grpc.server_call import ServerCall

_NOT_TOLD = "who the peer is was settled by TLS, and is not told to handlers"


class ServicerContext(grpc.aio.ServicerContext[Any, Any]):
    """`grpc.aio.ServicerContext`, without compression, and without a word about the peer."""

    _code = grpc.StatusCode.OK
    _details = ""
    _trailing: Any = ()
    _callbacks: "tuple[Callable[[Any], None], ...]" = ()
    initial_fields: Fields = ()
    trailing_fields: Fields = ()

    def __init__(self, call: "ServerCall") -> None:
        self._call = call

    # For the handler.

    def invocation_metadata(self) -> Metadata:  # type: ignore[override]  # grpcio's is a tuple, too
        return self._call.head.metadata

    def time_remaining(self) -> float | None:  # type: ignore[override]  # grpcio's is None without a deadline, too
        deadline = self._call.deadline
        return None if deadline is None else max(deadline - self._call.connection.loop.time(), 0.0)

    async def read(self) -> Any:
        message = await self._call.read()
        return grpc.aio.EOF if message is None else self._call.deserialized(message)

    async def write(self, message: Any) -> None:
        await self._call.write(message)

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        self.initial_fields = fields_of(initial_metadata)
        self._call.send_initial_metadata()

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> NoReturn:
        if code is grpc.StatusCode.OK:
            raise grpc.aio.UsageError("abort with OK is a contradiction")
        self._code, self._details = code, details
        if trailing_metadata:
            self.set_trailing_metadata(trailing_metadata)
        raise grpc.aio.AbortError(f"{code.name}: {details}")

    async def abort_with_status(self, status: Any) -> NoReturn:
        await self.abort(status.code, status.details, status.trailing_metadata)

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        self.trailing_fields = fields_of(trailing_metadata)
        self._trailing = trailing_metadata

    def set_code(self, code: grpc.StatusCode) -> None:
        self._code = code

    def set_details(self, details: str) -> None:
        self._details = details

    def set_compression(self, compression: grpc.Compression) -> None:
        if compression is not grpc.Compression.NoCompression:
            raise grpc.aio.UsageError("messages are never compressed")

    def disable_next_message_compression(self) -> None:
        """Nothing is compressed."""

    def peer(self) -> NoReturn:
        raise grpc.aio.UsageError(_NOT_TOLD)

    def peer_identities(self) -> NoReturn:
        raise grpc.aio.UsageError(_NOT_TOLD)

    def peer_identity_key(self) -> NoReturn:
        raise grpc.aio.UsageError(_NOT_TOLD)

    def auth_context(self) -> NoReturn:
        raise grpc.aio.UsageError(_NOT_TOLD)

    def trailing_metadata(self) -> Any:
        return self._trailing

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def cancelled(self) -> bool:
        task = self._call.task
        return task is not None and (task.cancelled() or task.cancelling() > 0)

    def done(self) -> bool:
        return self._call.over

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        if self._call.over:
            callback(self)
        else:
            self._callbacks += (callback,)

    # For the call.

    def status(self, *, otherwise: grpc.StatusCode) -> Status:
        """Return what the handler set, or where it set nothing, another code."""
        return Status(otherwise if self._code is grpc.StatusCode.OK else self._code, self._details)

    def tell_done(self) -> None:
        for callback in self._callbacks:
            callback(self)
