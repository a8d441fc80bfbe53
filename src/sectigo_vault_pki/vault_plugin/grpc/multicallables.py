"""What a stub calls: one object for each method of each channel."""

from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from sectigo_vault_pki.vault_plugin.grpc.call_shapes import (
    StreamStreamCall,
    StreamUnaryCall,
    UnaryStreamCall,
    UnaryUnaryCall,
)
from sectigo_vault_pki.vault_plugin.grpc.client_call import ClientCall, Method, Requests
from sectigo_vault_pki.vault_plugin.grpc.metadata import fields_of

if TYPE_CHECKING:
    from sectigo_vault_pki.vault_plugin.grpc.channel import Channel

CallT = TypeVar("CallT", bound=ClientCall)


class _MultiCallable:
    """What the four have in common."""

    def __init__(self, channel: "Channel", method: str, serialize: Any, deserialize: Any) -> None:
        self._channel = channel
        self._method = Method(channel.head(method), serialize, deserialize)

    def _new(  # noqa: PLR0917  grpcio's order
        self,
        shape: type[CallT],
        timeout: float | None,
        metadata: Any,
        credentials: grpc.CallCredentials | None,
        wait_for_ready: bool | None,  # noqa: FBT001  grpcio's type
        compression: grpc.Compression | None,
    ) -> CallT:
        if credentials is not None or wait_for_ready or compression not in (None, grpc.Compression.NoCompression):
            raise grpc.aio.UsageError("credentials, wait_for_ready and compression are not offered")
        self._channel.check_open()
        return shape(self._channel, self._method, timeout=timeout, metadata=fields_of(metadata))


class UnaryUnaryMultiCallable(_MultiCallable, grpc.aio.UnaryUnaryMultiCallable[Any, Any]):
    """One message each way."""

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> UnaryUnaryCall:
        call = self._new(UnaryUnaryCall, timeout, metadata, credentials, wait_for_ready, compression)
        call.send_unary(request)
        self._channel.start(call)
        return call


class UnaryStreamMultiCallable(_MultiCallable, grpc.aio.UnaryStreamMultiCallable[Any, Any]):
    """One message there, many back."""

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: grpc.Compression | None = None,
    ) -> UnaryStreamCall:
        call = self._new(UnaryStreamCall, timeout, metadata, credentials, wait_for_ready, compression)
        call.expect_stream()
        call.send_unary(request)
        self._channel.start(call)
        return call


class StreamUnaryMultiCallable(_MultiCallable, grpc.aio.StreamUnaryMultiCallable[Any, Any]):
    """Many messages there, one back."""

    def __call__(  # noqa: PLR0917  grpcio's signature
        self,
        request_iterator: Requests | None = None,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,  # noqa: FBT001  grpcio's signature
        compression: grpc.Compression | None = None,
    ) -> StreamUnaryCall:
        call = self._new(StreamUnaryCall, timeout, metadata, credentials, wait_for_ready, compression)
        call.send_stream(request_iterator)
        self._channel.start(call)
        return call


class StreamStreamMultiCallable(_MultiCallable, grpc.aio.StreamStreamMultiCallable[Any, Any]):
    """Many messages each way."""

    def __call__(  # noqa: PLR0917  grpcio's signature
        self,
        request_iterator: Requests | None = None,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: grpc.CallCredentials | None = None,
        wait_for_ready: bool | None = None,  # noqa: FBT001  grpcio's signature
        compression: grpc.Compression | None = None,
    ) -> StreamStreamCall:
        call = self._new(StreamStreamCall, timeout, metadata, credentials, wait_for_ready, compression)
        call.expect_stream()
        call.send_stream(request_iterator)
        self._channel.start(call)
        return call
