"""`sectigo-vault-pki report`: every certificate, as a page, as CSV or as JSON."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

import click

from sectigo_vault_pki.console.connection import Connection
from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.options import Command, mount_option, with_connection
from sectigo_vault_pki.console.report.html_page import write_page
from sectigo_vault_pki.console.report.output import STDOUT, opened
from sectigo_vault_pki.console.report.reading import config_names, read_certificates
from sectigo_vault_pki.console.report.summary import Report, sorted_by_end
from sectigo_vault_pki.console.report.tables import write_csv, write_json
from sectigo_vault_pki.console.server import OK, Server, required_token

_WRITERS: Mapping[str, Callable[[Report, TextIO], None]] = {"html": write_page, "csv": write_csv, "json": write_json}
_CLEARED = "\r\x1b[K"


@click.command(cls=Command)
@mount_option
@click.option("--format", type=click.Choice([*_WRITERS]), default="html", help="html is one page with everything.")
@click.option("--output", default="", metavar="FILE", help="Where to; - is standard output. A page needs a file.")
@click.option("--config", multiple=True, metavar="NAME", help="Only this config entry; may be repeated.")
@with_connection
def report(connection: Connection, *, mount: str, format: str, output: str, config: tuple[str, ...]) -> int:  # noqa: A002  the option's name
    """Write what expires when, what needs attention, and a table of all certificates.

    The page is one file that loads nothing, for a browser, a printer or an attachment. It reads lists and the status
    only: no certificate and no key.
    """
    output = output or (f"{mount.replace('/', '-')}-report.html" if format == "html" else STDOUT)
    if output == STDOUT and format == "html" and sys.stdout.isatty():
        raise SettingsError("-output=FILE is needed: a page is nothing for a terminal")
    with Server(required_token(connection)) as server:
        with _progress() as progress:
            names = config or config_names(server, mount)
            found = sorted_by_end(read_certificates(server, mount, names, progress))
        status = server.read(f"{mount}/status")
    content = Report(
        server=connection.address,
        mount=mount,
        generated=int(datetime.now(UTC).timestamp()),
        version=str(status.data.get("version") or ""),
        certificates=found,
        warnings=[str(warning) for warning in status.data.get("warnings") or ()]
        if status.status == OK
        else [f"The status could not be read: HTTP {status.status}."],
    )
    with opened(output) as out:
        _WRITERS[format](content, out)
    if output != STDOUT:
        click.echo(f"{len(found)} certificates in {output}", err=True)
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """Give what shows how far the reading is, on one line that disappears, if somebody looks."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    try:
        yield lambda config, count: click.echo(f"{_CLEARED}{count} certificates of {config}", err=True, nl=False)
    finally:
        click.echo(_CLEARED, err=True, nl=False)
