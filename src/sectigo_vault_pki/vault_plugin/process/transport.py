"""The process's gRPC ends for the host: our own HTTP/2, on mutual TLS (docs/decisions/0005)."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import grpc

from sectigo_vault_pki.vault_plugin.grpc import Channel, Server, tcp_dial, unix_dial
from sectigo_vault_pki.vault_plugin.http2.limits import Budget
from sectigo_vault_pki.vault_plugin.process.sockets import SocketFolder
from sectigo_vault_pki.vault_plugin.process.tls import Credentials

if TYPE_CHECKING:
    import ssl


_PLAINTEXT_AUTHORITY = "unused"
"""What Go's hosts and plugins send without TLS (plugin-protocol.md 3.1)."""

_log = logging.getLogger(__name__)
_LINES_TOLD = 10
_QUIET_SECONDS = 60.0


class Transport:
    """The process's server for the host, and its way back to the host; made on a running loop."""

    def __init__(
        self,
        credentials: Credentials | None,
        sockets: SocketFolder,
        *,
        connected: Callable[[], None],
        disconnected: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            credentials: None in metadata mode, the only one without TLS.
            sockets: where the sockets lie.
            connected: called when the host has connected.
            disconnected: called when its connection ends.
        """
        self._server_tls: ssl.SSLContext | None = None
        self._client_tls: ssl.SSLContext | None = None
        self._server_name: str | None = None
        if credentials is not None:
            self._server_tls = credentials.server_context(sockets.private)
            self._client_tls = credentials.client_context(sockets.private)
            self._server_name = credentials.server_name
        self._sockets = sockets
        self._refusals = RefusalLog()
        self._server = Server(connected=connected, disconnected=disconnected, refused=self._refusals, exclusive=True)

    @property
    def server(self) -> grpc.aio.Server:
        """What services are registered on before `listen`."""
        return cast("grpc.aio.Server", self._server)  # as much of it as generated code uses

    def listen(self) -> str:
        """Serve; return the path of the socket for the host."""
        self._server.start(self._sockets.host_socket, tls=self._server_tls)
        self._sockets.admit_group()
        return str(self._sockets.host_socket)

    def dial(self, network: str, address: str) -> grpc.aio.Channel:
        """Return a channel to an address of the host's, which is really connected at its first call.

        Raises:
            ValueError: the network is neither `unix` nor `tcp`.
        """
        tls, server_name = self._client_tls, self._server_name
        if network == "unix":
            dial = unix_dial(address, tls=tls, server_name=server_name)
        elif network == "tcp":
            host, _, port = address.rpartition(":")
            # An IPv6 address stands in brackets.
            dial = tcp_dial(host.strip("[]"), int(port), tls=tls, server_name=server_name)
        else:
            raise ValueError(f'unknown network "{network}"')
        if server_name is None:
            channel = Channel(dial, authority=_PLAINTEXT_AUTHORITY, scheme="http")
        else:
            channel = Channel(dial, authority=server_name)
        return cast("grpc.aio.Channel", channel)  # as much of it as a stub uses

    async def close(self, *, grace: float) -> None:
        """Let running calls end for `grace` seconds, then end everything."""
        await self._server.stop(grace)
        self._refusals.close()


class RefusalLog:
    """Logs at most ten refusals a minute, and once a minute how many more there were."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines = Budget(_LINES_TOLD, _LINES_TOLD / _QUIET_SECONDS, clock=self._loop.time)
        self._untold = 0
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, reason: str) -> None:
        """Log or count a refused connection."""
        if self._timer is None and self._lines.spend():
            _log.warning("refused a connection", extra={"kv": {"reason": reason}})
            return
        self._untold += 1
        if self._timer is None:
            self._timer = self._loop.call_later(_QUIET_SECONDS, self._tell)

    def close(self) -> None:
        """Log the count of those that were not logged."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def _tell(self) -> None:
        self._timer = None
        untold, self._untold = self._untold, 0
        _log.warning("refused more connections", extra={"kv": {"connections": untold}})
