"""`grpc.aio` on private plaintext sockets, with a TLS relay in front of each (design.md 2)."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc

from sectigo_vault_pki.plugin.handshake import Launch
from sectigo_vault_pki.plugin.relay import CHUNK_BYTES, Ends, Relay, speaks_http2
from sectigo_vault_pki.plugin.sockets import SocketFolder
from sectigo_vault_pki.plugin.tls import SERVER_NAME, Identity, client_context, server_context

CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
_SERVER_OPTIONS = (*CHANNEL_OPTIONS, ("grpc.so_reuseport", 0))


@dataclass(frozen=True, slots=True)
class RelayedConnection:
    """A channel to a socket of ours, behind which a relay speaks TLS with the host."""

    channel: grpc.aio.Channel
    relay: Relay
    path: Path

    async def close(self) -> None:
        await self.channel.close()
        await self.relay.close()
        self.path.unlink(missing_ok=True)


class RelayedTransport:
    """`transport.Transport` by way of `grpc.aio`; made on a running loop."""

    def __init__(self, launch: Launch, identity: Identity, sockets: SocketFolder) -> None:
        trust = {"trusted_pem": launch.client_certificate}
        self._server_tls = server_context(identity, folder=sockets.private, **trust)
        self._client_tls = client_context(identity, folder=sockets.private, **trust)
        self._sockets = sockets
        self._server = grpc.aio.server(options=_SERVER_OPTIONS)
        self._relay: Relay | None = None
        self._numbers = itertools.count(1)

    @property
    def server(self) -> grpc.aio.Server:
        return self._server

    async def listen(self, *, on_connection: Callable[[], None]) -> str:
        plaintext = self._sockets.private / "grpc"
        self._server.add_insecure_port(f"unix:{plaintext}")
        await self._server.start()
        self._relay = Relay(partial(asyncio.open_unix_connection, plaintext, limit=CHUNK_BYTES), accepted=on_connection)
        await self._relay.listen(self._sockets.host_socket, tls=self._server_tls)
        self._sockets.admit_group()
        return str(self._sockets.host_socket)

    async def dial(self, network: str, address: str) -> RelayedConnection:
        if network not in {"unix", "tcp"}:
            raise ValueError(f'unknown network "{network}"')
        path = self._sockets.private / f"broker{next(self._numbers)}"
        relay = await Relay(partial(self._dial_tls, network, address)).listen(path)
        options = (*CHANNEL_OPTIONS, ("grpc.default_authority", SERVER_NAME))
        return RelayedConnection(grpc.aio.insecure_channel(f"unix:{path}", options=options), relay, path)

    async def close(self, *, grace: float) -> None:
        await self._server.stop(grace)
        if self._relay is not None:
            await self._relay.close()

    async def _dial_tls(self, network: str, address: str) -> Ends:
        tls, name = self._client_tls, SERVER_NAME
        if network == "unix":
            ends = await asyncio.open_unix_connection(address, ssl=tls, server_hostname=name, limit=CHUNK_BYTES)
        else:
            host, _, port = address.rpartition(":")
            host = host.strip("[]")  # around an IPv6 address
            ends = await asyncio.open_connection(host, int(port), ssl=tls, server_hostname=name, limit=CHUNK_BYTES)
        if not speaks_http2(ends[1]):
            ends[1].transport.abort()
            raise ConnectionError("the host does not negotiate HTTP/2")
        return ends
