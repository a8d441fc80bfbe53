"""The program: listeners up, say so, wait for the end, leave nothing behind."""

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.scm_simulator.serve.announce import Announcement
from sectigo_vault_pki.scm_simulator.serve.options import Options
from sectigo_vault_pki.scm_simulator.serve.server_certificate import write_private, write_server_certificate
from sectigo_vault_pki.scm_simulator.serve.uvicorn_server import bind, serving
from sectigo_vault_pki.scm_simulator.simulator import Simulator


async def run(options: Options) -> None:
    """Serve until SIGINT, SIGTERM or, if asked for, the end of the parent process.

    Raises:
        OSError: A port is taken, or the ready file cannot be written.
    """
    async with contextlib.AsyncExitStack() as stack:
        stopped = stack.enter_context(_stop_event(options.parent))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scm-simulator-")))
        simulator = Simulator(credentials=options.credentials, settings=options.settings)
        listener = stack.enter_context(contextlib.closing(bind(options.host, options.port)))
        control_listener = stack.enter_context(contextlib.closing(bind(options.host, options.control_port)))
        certificate, server_ca_file = write_server_certificate(folder, options.host) if options.tls else (None, None)
        announcement = Announcement(
            url=_url("https" if options.tls else "http", listener),
            control_url=_url("http", control_listener),
            credentials=simulator.credentials,
            catalogue=simulator.catalogue,
            ca_file=folder / "root-ca.pem",
            server_ca_file=server_ca_file,
        )
        write_private(announcement.ca_file, simulator.ca.root.public_bytes(Encoding.PEM))
        await stack.enter_async_context(serving(simulator.app, listener, certificate))
        await stack.enter_async_context(serving(simulator.control_app, control_listener))
        if options.ready_file is not None:
            write_private(options.ready_file, announcement.document())
            stack.callback(options.ready_file.unlink, missing_ok=True)
        print(announcement.text(), flush=True)
        await stopped.wait()


@contextlib.contextmanager
def _stop_event(parent: int | None) -> Iterator[asyncio.Event]:
    """Give an event that a signal or the parent's end sets."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    with contextlib.ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
            stack.callback(loop.remove_signal_handler, number)
        if parent is not None:
            try:
                # A descriptor of the process: it cannot be confused with a later one of the same number, becomes
                # readable when the process ends, and no standard stream has to be kept open for it.
                descriptor = os.pidfd_open(parent or os.getppid())
            except ProcessLookupError:
                stopped.set()
            else:
                stack.callback(os.close, descriptor)
                loop.add_reader(descriptor, stopped.set)
                stack.callback(loop.remove_reader, descriptor)
        yield stopped


def _url(scheme: str, listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
