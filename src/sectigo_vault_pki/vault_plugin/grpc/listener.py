"""Accepts connections and reports those that fail, which asyncio's own servers do not."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import partial

from sectigo_vault_pki.vault_plugin.http2.limits import HANDSHAKE_SECONDS, MAX_HANDSHAKES

_PAUSE_SECONDS = 1.0
"""After the process has run out of descriptors; asyncio's servers wait as long."""


class Listener:
    """One bound socket, with TLS or without."""

    def __init__(self, bound: socket.socket, tls: ssl.SSLContext | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._socket = bound
        self._tls = tls
        self._handshakes: dict[asyncio.Task[None], None] = {}  # oldest first
        self._pause: asyncio.TimerHandle | None = None

    def start(self, make: Callable[[], asyncio.Protocol], refused: Callable[[str], None]) -> None:
        """Accept connections, each with a new protocol; call `refused` if one fails before its protocol starts."""
        self._make = make
        self._refused = refused
        self._socket.settimeout(0)
        self._socket.listen()
        self._loop.add_reader(self._socket, self._accept)

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        for handshake in self._handshakes:
            handshake.cancel()

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:  # no descriptors, or no memory
            self._refused(f"nothing can be accepted: {error.strerror}")
            self._loop.remove_reader(self._socket)
            self._pause = self._loop.call_later(_PAUSE_SECONDS, self._loop.add_reader, self._socket, self._accept)
            return
        connection.settimeout(0)
        if len(self._handshakes) >= MAX_HANDSHAKES:  # a healthy peer finishes its handshake long before this
            oldest = next(iter(self._handshakes))
            del self._handshakes[oldest]
            if oldest.cancel():  # if not, it has just ended
                self._refused("it was too slow to say who it is, for so many others")
        handshake = self._loop.create_task(self._welcome(connection))
        self._handshakes[handshake] = None
        handshake.add_done_callback(partial(self._forget, connection))

    def _forget(self, connection: socket.socket, handshake: asyncio.Task[None]) -> None:
        self._handshakes.pop(handshake, None)
        if handshake.cancelled():  # perhaps before it began
            connection.close()

    async def _welcome(self, connection: socket.socket) -> None:
        timeout = None if self._tls is None else HANDSHAKE_SECONDS
        try:
            await self._loop.connect_accepted_socket(
                self._make, connection, ssl=self._tls, ssl_handshake_timeout=timeout
            )
        except OSError as error:
            self._refused(_reason(error))
            connection.close()


def _reason(error: OSError) -> str:
    """Return what kept a TLS connection from coming about, in OpenSSL's words where it was OpenSSL."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not the expected one: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {(error.reason or 'the handshake failed').lower().replace('_', ' ')}"
    if isinstance(error, ConnectionAbortedError):
        return f"no TLS handshake within {HANDSHAKE_SECONDS:g} s"
    return "it ended within the TLS handshake"
