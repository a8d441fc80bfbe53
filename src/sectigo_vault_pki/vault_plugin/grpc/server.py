"""A gRPC server in grpcio's shape, on one event loop."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import grpc

from sectigo_vault_pki.vault_plugin.grpc.listener import Listener
from sectigo_vault_pki.vault_plugin.grpc.request_head import RequestHead
from sectigo_vault_pki.vault_plugin.grpc.server_connection import ServerConnection

if TYPE_CHECKING:
    Handler: TypeAlias = grpc.RpcMethodHandler[Any, Any]

_log = logging.getLogger(__name__)

_UNWIND_SECONDS = 0.5
"""For handlers to notice that they are cancelled; one that does not is left behind."""


def _log_refusal(reason: str) -> None:
    _log.warning("refused a connection", extra={"kv": {"reason": reason}})


class _CallDetails(NamedTuple):
    """`grpc.HandlerCallDetails`."""

    method: str
    invocation_metadata: Any


class Server(grpc.aio.Server):
    """`grpc.aio.Server` on asyncio's own sockets, with TLS by `ssl`.

    Handlers run on the loop; one that is no coroutine must not block.
    """

    def __init__(
        self,
        *,
        connected: Callable[[], None] | None = None,
        disconnected: Callable[[], None] | None = None,
        refused: Callable[[str], None] = _log_refusal,
        exclusive: bool = False,
    ) -> None:
        """Prepare.

        Args:
            connected: told of each client, once it has introduced itself: after TLS, and HTTP/2's first words.
            disconnected: told of the end of each such client's connection.
            refused: told why a connection came to nothing, or was ended by us.
            exclusive: whether there is one client at a time, and a second one is refused.
        """
        self._connected = connected
        self._disconnected = disconnected
        self._refused = refused
        self._exclusive = exclusive
        self._clients: set[ServerConnection] = set()
        self._methods: dict[str, Handler] = {}
        self._generic: list[grpc.GenericRpcHandler] = []
        self._listeners: list[Listener] = []
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
            bound = socket.socket(socket.AF_UNIX)
            bound.bind(str(Path(address.removeprefix("unix:"))))
            port = 1  # grpcio's answer for sockets without one
        else:
            host, _, number = address.rpartition(":")
            bound = socket.create_server((host.strip("[]"), int(number)))
            port = bound.getsockname()[1]
        self._listeners.append(Listener(bound, tls))
        return port

    # Its life.

    async def start(self) -> None:
        for listener in self._listeners:
            listener.start(lambda: ServerConnection(self), self._refused)

    async def stop(self, grace: float | None) -> None:
        """Take no new calls; end the open ones after `grace` seconds, then every connection."""
        self._stopping = True
        while self._listeners:
            self._listeners.pop().close()
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

    def on_introduced(self, connection: ServerConnection) -> bool:
        """Say whether a client that has introduced itself may go on."""
        if self._exclusive and self._clients:
            self._refused("another client is connected")
            return False
        self._clients.add(connection)
        if self._connected is not None:
            self._connected()
        return True

    def on_refused(self, reason: str) -> None:
        if not self._stopping:
            self._refused(reason)

    def on_lost(self, connection: ServerConnection) -> None:
        self._connections.discard(connection)
        if connection in self._clients:
            self._clients.discard(connection)
            if self._disconnected is not None:
                self._disconnected()
