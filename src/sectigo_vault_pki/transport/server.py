"""A gRPC server in grpcio's shape, on one event loop."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import grpc

from sectigo_vault_pki.transport.limits import HANDSHAKE_SECONDS
from sectigo_vault_pki.transport.request_head import RequestHead
from sectigo_vault_pki.transport.server_connection import ServerConnection

if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]

_log = logging.getLogger(__name__)

_UNWIND_SECONDS = 0.5
"""For handlers to notice that they are cancelled; one that does not is left behind."""


class _Port(NamedTuple):
    socket: socket.socket
    tls: ssl.SSLContext | None


class _CallDetails(NamedTuple):
    """`grpc.HandlerCallDetails`."""

    method: str
    invocation_metadata: Any


class Server(grpc.aio.Server):
    """`grpc.aio.Server` on asyncio's own sockets, with TLS by `ssl`.

    Handlers run on the loop; one that is no coroutine must not block.
    """

    def __init__(self, *, accepted: Callable[[], None] | None = None) -> None:
        """Prepare.

        Args:
            accepted: told of each connection, after its TLS handshake.
        """
        self._accepted = accepted
        self._methods: dict[str, Handler] = {}
        self._generic: list[grpc.GenericRpcHandler] = []
        self._ports: list[_Port] = []
        self._listeners: list[asyncio.Server] = []
        self._connections: set[ServerConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._terminated = asyncio.Event()
        self._stopping = False

    # Before it starts.

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        self._generic += generic_rpc_handlers

    def add_registered_method_handlers(self, service_name: str, method_handlers: "Mapping[str, Handler]") -> None:
        for name, handler in method_handlers.items():
            self._methods[f"/{service_name}/{name}"] = handler

    def add_insecure_port(self, address: str) -> int:
        return self._add_port(address, None)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        del address, server_credentials
        raise grpc.aio.UsageError("TLS is set up by add_tls_port")

    def add_tls_port(self, address: str, tls: ssl.SSLContext) -> int:
        """Listen with TLS; a client has to negotiate `h2`. Returns what `add_insecure_port` does."""
        return self._add_port(address, tls)

    def _add_port(self, address: str, tls: ssl.SSLContext | None) -> int:
        if address.startswith("unix:"):
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(str(Path(address.removeprefix("unix:"))))
            port = 1  # grpcio's answer for sockets without one
        else:
            host, _, number = address.rpartition(":")
            listener = socket.create_server((host.strip("[]"), int(number)))
            port = listener.getsockname()[1]
        self._ports.append(_Port(listener, tls))
        return port

    # Its life.

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for port in self._ports:
            handshake = None if port.tls is None else HANDSHAKE_SECONDS
            listener = await loop.create_server(
                lambda: ServerConnection(self), sock=port.socket, ssl=port.tls, ssl_handshake_timeout=handshake
            )
            self._listeners.append(listener)

    async def stop(self, grace: float | None) -> None:
        """Take no new calls; end the open ones after `grace` seconds, then every connection."""
        self._stopping = True
        for listener in self._listeners:
            listener.close()
        for connection in self._connections:
            connection.connection.go_away()
            connection.flush_soon()
        if grace and self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_UNWIND_SECONDS)
        await asyncio.gather(*(connection.wait_closed() for connection in self._connections))
        self._terminated.set()

    async def wait_for_termination(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109  grpcio's signature
        try:
            async with asyncio.timeout(timeout):
                await self._terminated.wait()
        except TimeoutError:
            return True
        return False

    # For its connections.

    def handler(self, head: RequestHead) -> "Handler | None":
        """Return what answers a call, or None."""
        handler = self._methods.get(head.method)
        if handler is not None:
            return handler
        details: Any = _CallDetails(head.method, head.metadata)
        found = (generic.service(details) for generic in self._generic)
        return next((handler for handler in found if handler is not None), None)

    def start_task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def on_accepted(self, connection: ServerConnection) -> None:
        self._connections.add(connection)
        if self._stopping:
            connection.close()
        elif self._accepted is not None:
            self._accepted()

    def on_refused(self) -> None:
        _log.warning("refused a connection that does not negotiate HTTP/2")

    def on_lost(self, connection: ServerConnection) -> None:
        self._connections.discard(connection)
