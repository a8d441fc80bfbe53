"""A gRPC service without protobuf, with ours on one end at least and grpcio as the independent other one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc

from sectigo_vault_pki.vault_plugin.grpc import Channel, Server, unix_dial

Context = grpc.aio.ServicerContext[bytes, bytes]
OURS = "ours"
GRPCIO = "grpcio"
_UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
_NO_RECONNECT_DELAY = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.enable_http_proxy", 0))


def new_channel(kind: str, path: Path) -> Any:
    if kind == OURS:
        return Channel(unix_dial(str(path)), authority="localhost", scheme="http")
    return grpc.aio.insecure_channel(f"unix:{path}", options=(*_UNLIMITED, *_NO_RECONNECT_DELAY))


async def started_server(kind: str, service: "Service", path: Path) -> Any:
    """Return a server that listens on a unix socket."""
    server: Any = Server() if kind == OURS else grpc.aio.server(options=_UNLIMITED)
    service.register(server)
    if kind == OURS:
        server.start(path)
    else:
        server.add_insecure_port(f"unix:{path}")
        await server.start()
    return server


class Service:
    """Handlers whose behaviour a test can see and steer.

    Attributes:
        started: set when a handler that waits has begun.
        cancelled: set when it was cancelled.
        release: set by the test to let it end.
        finished: set when a stream was sent to its end.
    """

    def __init__(self) -> None:
        self.started = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.release = asyncio.Event()
        self.finished = asyncio.Event()
        self.metadata: list[tuple[str, str | bytes]] = []
        self.time_remaining: float | None = None

    async def echo(self, request: bytes, context: Context) -> bytes:
        self.metadata = [(key, value) for key, value in context.invocation_metadata() or ()]
        self.time_remaining = context.time_remaining()
        return request

    async def wait(self, request: bytes, context: Context) -> bytes:
        self.started.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return request

    async def refuse(self, request: bytes, context: Context) -> bytes:
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, request.decode())

    async def fail(self, request: bytes, context: Context) -> bytes:
        raise RuntimeError("the password is hunter2")

    async def count(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        number, size = map(int, request.split())
        for _ in range(number):
            yield bytes(size)
        self.finished.set()

    async def count_then_refuse(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        yield request
        await context.abort(grpc.StatusCode.OUT_OF_RANGE, "no more")

    async def wait_forever(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        yield await self.wait(request, context)

    async def read_late(self, requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        self.started.set()
        await self.release.wait()
        yield b"%d" % sum([len(request) async for request in requests])

    async def converse(self, requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request
        yield b"goodbye"

    def register(self, server: grpc.aio.Server) -> None:
        """Register as generated code does: once under a generic handler, once by name."""
        unary = grpc.unary_unary_rpc_method_handler
        streams = grpc.unary_stream_rpc_method_handler
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Echo": unary(self.echo),
            "Wait": unary(self.wait),
            "Refuse": unary(self.refuse),
            "Fail": unary(self.fail),
            "Count": streams(self.count),
            "CountThenRefuse": streams(self.count_then_refuse),
            "WaitForever": streams(self.wait_forever),
            "ReadLate": grpc.stream_stream_rpc_method_handler(self.read_late),
            "Converse": grpc.stream_stream_rpc_method_handler(self.converse),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
        server.add_registered_method_handlers("test.Service", handlers)


class Ends:
    """A server with the service, and a channel to it."""

    def __init__(self, server_kind: str, client_kind: str, path: Path) -> None:
        self.service = Service()
        self.path = path
        self.stack = AsyncExitStack()
        self._server_kind = server_kind
        self._client_kind = client_kind
        self.channel = new_channel(client_kind, path)

    async def start(self) -> None:
        self.server = await started_server(self._server_kind, self.service, self.path)
        self.stack.push_async_callback(self.server.stop, 0)
        self.stack.push_async_callback(self.channel.close)

    async def restart(self) -> None:
        """Stop the server at once, start another at the same place, and wait for a client that has to notice it."""
        await self.server.stop(0)
        self.path.unlink(missing_ok=True)
        await self.start()
        if self._client_kind == GRPCIO:
            await self.channel.channel_ready()

    def method(self, path: str) -> Any:
        """Return a method of one message each way, by its whole path."""
        return self.channel.unary_unary(path)

    def unary(self, name: str) -> Any:
        return self.method(f"/test.Service/{name}")

    def unary_stream(self, name: str) -> Any:
        return self.channel.unary_stream(f"/test.Service/{name}")

    def stream_stream(self, name: str) -> Any:
        return self.channel.stream_stream(f"/test.Service/{name}")


async def each(messages: Sequence[bytes]) -> AsyncIterator[bytes]:
    """Yield these, one after the other."""
    for message in messages:
        yield message
