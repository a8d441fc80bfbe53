"""The command line."""

import argparse
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sectigo_vault_pki.scm_simulator.model.tenant import Credentials
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
