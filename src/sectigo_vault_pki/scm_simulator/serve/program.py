"""The program: listeners up, say so, wait for the end, leave nothing behind."""

import argparse
import asyncio
import contextlib
import ipaddress
import math
import os
import signal
import socket
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from sectigo_vault_pki.scm_simulator.model.tenant import Credentials
from sectigo_vault_pki.scm_simulator.serve.announce import Announcement
from sectigo_vault_pki.scm_simulator.serve.server_certificate import write_private, write_server_certificate
from sectigo_vault_pki.scm_simulator.serve.uvicorn_server import bind, serving
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

_LARGEST_PORT = 65_535
_LONGEST_SECONDS = 86_400
_LONGEST_LIFETIME = 100_000_000
_LARGEST_PROCESS_ID = 2**22  # Linux, PID_MAX_LIMIT


@dataclass(frozen=True)
class Options:
    """What the program was asked for; ports of 0 are chosen by the system.

    `parent` is the process to end with: None for none, 0 for the one that started this.
    """

    host: str
    port: int
    control_port: int
    tls: bool
    credentials: Credentials
    settings: Settings
    ready_file: Path | None
    parent: int | None


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; a mistake in it ends the program with a sentence and status 2."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if not given.allow_remote and not _is_loopback(given.host):
        parser.error(f"{given.host} is not a loopback address; --allow-remote if you mean it")
    return Options(
        host=given.host,
        port=given.port,
        control_port=given.control_port,
        tls=given.tls,
        credentials=Credentials(user=given.user, password=given.password, customer_uri=given.customer_uri),
        settings=Settings(
            pending_polls=given.pending_polls,
            pending_seconds=given.pending_seconds,
            auto_approve=not given.no_auto_approve,
            never_issue=given.never_issue,
            strict_renew_body=not given.lenient_renew_body,
            latency=given.latency,
            validity_seconds=given.validity_seconds,
        ),
        ready_file=given.ready_file,
        parent=given.exit_with_parent,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sectigo_vault_pki.scm_simulator",
        description="A Sectigo Certificate Manager for trying things out: a CA of its own, kept in memory only.",
    )
    demo, normal = Credentials(), Settings()
    where = parser.add_argument_group("where it listens")
    where.add_argument("--host", default="127.0.0.1", help="address of both listeners (default: %(default)s)")
    where.add_argument("--port", type=_port, default=0, help="of the API; 0, the default, takes a free one")
    where.add_argument("--control-port", type=_port, default=0, metavar="PORT", help="of the control listener")
    where.add_argument("--tls", action="store_true", help="serve the API as https, with a CA made for that")
    where.add_argument("--allow-remote", action="store_true", help="let --host be something other than loopback")
    login = parser.add_argument_group("the login it accepts")
    login.add_argument("--user", default=demo.user, help="default: %(default)s")
    login.add_argument("--password", default=demo.password, help="default: %(default)s")
    login.add_argument("--customer-uri", default=demo.customer_uri, metavar="URI", help="default: %(default)s")
    knobs = parser.add_argument_group("how it behaves; the control listener changes it later")
    knobs.add_argument(
        "--pending-polls",
        type=_count,
        default=normal.pending_polls,
        metavar="N",
        help='answer "being processed" to the first N collects of an order (default: %(default)s)',
    )
    knobs.add_argument(
        "--pending-seconds", type=_seconds, default=0.0, metavar="T", help="issue T seconds after the order"
    )
    knobs.add_argument("--never-issue", action="store_true", help="issue nothing but what the control listener says")
    knobs.add_argument("--no-auto-approve", action="store_true", help="orders wait for an approval")
    knobs.add_argument("--lenient-renew-body", action="store_true", help='take "" as the body of a renewal')
    knobs.add_argument("--latency", type=_seconds, default=0.0, metavar="T", help="seconds before each answer")
    knobs.add_argument(
        "--validity-seconds", type=_lifetime, metavar="N", help="issue for N seconds, whatever term was ordered"
    )
    program = parser.add_argument_group("for programs that start it")
    program.add_argument("--ready-file", type=Path, metavar="PATH", help="write a JSON document there once it listens")
    program.add_argument(
        "--exit-with-parent",
        type=_process_id,
        nargs="?",
        const=0,
        metavar="PID",
        help="stop when the process that started it ends; with its PID, also when it ended before this one was up",
    )
    return parser


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _port(text: str) -> int:
    return _between(text, _LARGEST_PORT)


def _count(text: str) -> int:
    return _between(text, 1_000_000)


def _lifetime(text: str) -> int:
    seconds = _between(text, _LONGEST_LIFETIME)
    if not seconds:
        raise argparse.ArgumentTypeError("a certificate must be valid for a second at least")
    return seconds


def _process_id(text: str) -> int:
    return _between(text, _LARGEST_PROCESS_ID)


def _between(text: str, largest: int) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= largest):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and {largest}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0 and {_LONGEST_SECONDS}")
    return seconds


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
        if certificate is not None:
            client_ca = folder / "login-ca.pem"
            write_private(client_ca, simulator.login_ca.root.public_bytes(Encoding.PEM))
            certificate = replace(certificate, client_ca=client_ca)
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
