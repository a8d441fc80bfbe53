"""Ways to a server."""

import asyncio
import ssl
from collections.abc import Callable

from sectigo_vault_pki.vault_plugin.grpc.channel import Dial
from sectigo_vault_pki.vault_plugin.grpc.client_connection import ClientConnection


def unix_dial(path: str, *, tls: ssl.SSLContext | None = None, server_name: str | None = None) -> Dial:
    """Return the way to a unix socket; with TLS, `server_name` is what the certificate has to be for."""

    async def dial(make: Callable[[], ClientConnection]) -> ClientConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(make, path, ssl=tls, server_hostname=server_name)
        return connection

    return dial


def tcp_dial(host: str, port: int, *, tls: ssl.SSLContext | None = None, server_name: str | None = None) -> Dial:
    """Return the way to a TCP port; with TLS, `server_name` is what the certificate has to be for."""

    async def dial(make: Callable[[], ClientConnection]) -> ClientConnection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(make, host, port, ssl=tls, server_hostname=server_name)
        return connection

    return dial
