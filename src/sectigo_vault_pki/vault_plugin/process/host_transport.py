"""The process's gRPC ends for the host: our own HTTP/2, on mutual TLS (docs/decisions/0005)."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sectigo_vault_pki.vault_plugin.grpc import Channel, Server, tcp_dial, unix_dial
from sectigo_vault_pki.vault_plugin.process.refusals import RefusalLog
from sectigo_vault_pki.vault_plugin.process.sockets import SocketFolder
from sectigo_vault_pki.vault_plugin.process.tls import Credentials

if TYPE_CHECKING:
    import ssl

_PLAINTEXT_AUTHORITY = "unused"
"""What Go's hosts and plugins say without TLS (plugin-protocol.md 3.1)."""


class HostTransport:
    """`transport.Transport`; made on a running loop."""

    def __init__(self, credentials: Credentials | None, sockets: SocketFolder) -> None:
        """Prepare.

        Args:
            credentials: None in metadata mode, the only one without TLS.
            sockets: where the sockets lie.
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
        self._on_connection: Callable[[], None] | None = None
        self._on_disconnection: Callable[[], None] | None = None
        self._server = Server(
            connected=self._connected, disconnected=self._disconnected, refused=self._refusals, exclusive=True
        )

    @property
    def server(self) -> Server:
        return self._server

    async def listen(self, *, on_connection: Callable[[], None], on_disconnection: Callable[[], None]) -> str:
        self._on_connection, self._on_disconnection = on_connection, on_disconnection
        address = f"unix:{self._sockets.host_socket}"
        if self._server_tls is None:
            self._server.add_insecure_port(address)
        else:
            self._server.add_tls_port(address, self._server_tls)
        await self._server.start()
        self._sockets.admit_group()
        return str(self._sockets.host_socket)

    async def dial(self, network: str, address: str) -> Channel:
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
            return Channel(dial, authority=_PLAINTEXT_AUTHORITY, scheme="http")
        return Channel(dial, authority=server_name)

    async def close(self, *, grace: float) -> None:
        await self._server.stop(grace)
        self._refusals.close()

    def _connected(self) -> None:
        if self._on_connection is not None:
            self._on_connection()

    def _disconnected(self) -> None:
        if self._on_disconnection is not None:
            self._on_disconnection()
