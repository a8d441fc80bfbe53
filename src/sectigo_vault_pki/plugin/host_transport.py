"""The process's gRPC ends for the host: our own HTTP/2 on mutual TLS (docs/decisions/0005)."""

from collections.abc import Callable

from sectigo_vault_pki.plugin.handshake import Launch
from sectigo_vault_pki.plugin.sockets import SocketFolder
from sectigo_vault_pki.plugin.tls import SERVER_NAME, Identity, client_context, server_context
from sectigo_vault_pki.transport import Channel, Server, tcp_dial, unix_dial


class HostTransport:
    """`transport.Transport`; made on a running loop."""

    def __init__(self, launch: Launch, identity: Identity, sockets: SocketFolder) -> None:
        trust = {"trusted_pem": launch.client_certificate}
        self._server_tls = server_context(identity, folder=sockets.private, **trust)
        self._client_tls = client_context(identity, folder=sockets.private, **trust)
        self._sockets = sockets
        self._accepted: Callable[[], None] | None = None
        self._server = Server(accepted=self._on_connection)

    @property
    def server(self) -> Server:
        return self._server

    async def listen(self, *, on_connection: Callable[[], None]) -> str:
        self._accepted = on_connection
        self._server.add_tls_port(f"unix:{self._sockets.host_socket}", self._server_tls)
        await self._server.start()
        self._sockets.admit_group()
        return str(self._sockets.host_socket)

    async def dial(self, network: str, address: str) -> Channel:
        if network == "unix":
            dial = unix_dial(address, tls=self._client_tls, server_name=SERVER_NAME)
        elif network == "tcp":
            host, _, port = address.rpartition(":")
            # An IPv6 address stands in brackets.
            dial = tcp_dial(host.strip("[]"), int(port), tls=self._client_tls, server_name=SERVER_NAME)
        else:
            raise ValueError(f'unknown network "{network}"')
        return Channel(dial, authority=SERVER_NAME)

    async def close(self, *, grace: float) -> None:
        await self._server.stop(grace)

    def _on_connection(self) -> None:
        if self._accepted is not None:
            self._accepted()
