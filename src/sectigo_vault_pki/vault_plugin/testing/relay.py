"""Bytes between a TLS connection and a plaintext one, for gRPC ends that cannot take the host's P-521 certificate.

plugin-protocol.md 6 has the measurements. A plaintext socket must lie in a folder that only we can enter.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from sectigo_vault_pki.vault_plugin.process.tls import ALPN

_log = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
_HANDSHAKE_SECONDS = 10.0

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[], Awaitable[Ends]]


class Relay:
    """Accepts connections on a unix socket and passes each on to a new one that `dial` makes.

    `accepted` is called for each connection that got as far as speaking HTTP/2.
    """

    def __init__(self, dial: Dial, *, accepted: Callable[[], None] | None = None) -> None:
        self._dial = dial
        self._accepted = accepted
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self, path: Path, *, tls: ssl.SSLContext | None = None) -> Self:
        """Start to accept, with TLS where a context is given."""
        timeout = None if tls is None else _HANDSHAKE_SECONDS
        self._server = await asyncio.start_unix_server(
            self._on_connection, path, limit=CHUNK_BYTES, ssl=tls, ssl_handshake_timeout=timeout
        )
        return self

    async def close(self) -> None:
        """Stop to accept, and end every connection."""
        if self._server is not None:
            self._server.close()
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def _on_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._pass_on((reader, writer)))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _pass_on(self, near: Ends) -> None:
        far: Ends | None = None
        try:
            if not speaks_http2(near[1]):
                _log.warning("refused a connection that does not negotiate HTTP/2")
                return
            if self._accepted is not None:
                self._accepted()
            far = await self._dial()
            await pipe(near, far)
        except OSError as error:
            _log.debug("a relayed connection ended", extra={"kv": {"reason": error}})
        finally:
            for ends in filter(None, (near, far)):
                ends[1].transport.abort()


def speaks_http2(writer: asyncio.StreamWriter) -> bool:
    """Return whether the connection is plaintext, or TLS with HTTP/2 negotiated."""
    tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
    return tls is None or tls.selected_alpn_protocol() == ALPN


async def pipe(one: Ends, other: Ends) -> None:
    """Copy both ways until both ways have ended.

    Raises:
        OSError: one of the connections broke.
    """
    copies = [
        asyncio.ensure_future(_copy(one[0], other[1])),
        asyncio.ensure_future(_copy(other[0], one[1])),
    ]
    try:
        await asyncio.gather(*copies)
    finally:
        for copy in copies:
            copy.cancel()
        await asyncio.gather(*copies, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        with suppress(OSError):  # the peer went away completely meanwhile; its own direction says so
            writer.write_eof()
        return
    # TLS has no half-closed state here: what was written still goes out, then close_notify.
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
