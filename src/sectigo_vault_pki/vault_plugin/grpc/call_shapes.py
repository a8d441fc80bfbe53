"""The four shapes of a call, in grpcio's words: what an application may do with each."""

from collections.abc import AsyncIterator, Generator
from typing import Any

import grpc

from sectigo_vault_pki.vault_plugin.grpc.client_call import ClientCall


class UnaryUnaryCall(ClientCall, grpc.aio.UnaryUnaryCall[Any, Any]):
    """One message each way."""

    def __await__(self) -> Generator[Any, None, Any]:
        return self.response().__await__()


class StreamUnaryCall(ClientCall, grpc.aio.StreamUnaryCall[Any, Any]):
    """Many messages there, one back."""

    def __await__(self) -> Generator[Any, None, Any]:
        return self.response().__await__()


class UnaryStreamCall(ClientCall, grpc.aio.UnaryStreamCall[Any, Any]):
    """One message there, many back."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self.messages()


class StreamStreamCall(ClientCall, grpc.aio.StreamStreamCall[Any, Any]):
    """Many messages each way."""

    def __aiter__(self) -> AsyncIterator[Any]:
        return self.messages()
