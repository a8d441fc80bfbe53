"""Serving the simulator on sockets: two listeners in one event loop."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sectigo_vault_pki.scm_simulator.api.inbound import CLIENT_CERTIFICATE_EXTENSION, CUT_EXTENSION

_KEEP_ALIVE = 75  # seconds; longer than any usual pause between two polls
_GRACE = 2  # seconds for requests under way when the program ends


@dataclass(frozen=True)
class ServerCertificate:
    """The files of a TLS server, all PEM.

    Args:
        certificate: Its certificate.
        private_key: Of that.
        client_ca: Whose client certificates are asked for, and taken if there is one; None asks for none.
    """

    certificate: Path
    private_key: Path
    client_ca: Path | None = None


def bind(host: str, port: int) -> socket.socket:
    """Bind without listening, so that port 0 is a real one before anything is said about it.

    Raises:
        OSError: The address is in use or none of this machine's.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, certificate: ServerCertificate | None = None
) -> AsyncIterator[None]:
    """Serve the app on a bound socket, which is listening when the block begins and closed when it ends.

    The app dates its answers itself, if it does: by a clock of its own.
    """
    config = uvicorn.Config(
        app,
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
        ssl_certfile=certificate.certificate if certificate else None,
        ssl_keyfile=certificate.private_key if certificate else None,
        ssl_ca_certs=str(certificate.client_ca) if certificate and certificate.client_ca else None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if certificate and certificate.client_ca else ssl.CERT_NONE,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield
    finally:
        ready.cancel()
        server.should_exit = True
        await task


class CuttableProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose connections an app can cut, and whose client certificates it sees (see `api.inbound`)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in HttpToolsProtocol
        super().connection_made(transport)
        app = self.app
        tls = transport.get_extra_info("ssl_object")
        shown = None if tls is None else tls.getpeercert(binary_form=True)

        async def cuttable(scope: Scope, receive: Receive, send: Send) -> None:
            certificate = {} if shown is None else {CLIENT_CERTIFICATE_EXTENSION: shown}
            extensions = {**scope.get("extensions", {}), CUT_EXTENSION: transport.abort, **certificate}
            await app({**scope, "extensions": extensions}, receive, send)

        self.app = cuttable


class _Server(uvicorn.Server):
    """A server that says when it listens and leaves signals to the program."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
