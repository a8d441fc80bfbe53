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
from sectigo_vault_pki.console.report.engine_status import read_status
from sectigo_vault_pki.console.report.html_page import write_page
from sectigo_vault_pki.console.report.output import STDOUT, opened
from sectigo_vault_pki.console.report.reading import config_names, read_certificates
from sectigo_vault_pki.console.report.summary import Report, sorted_by_end
from sectigo_vault_pki.console.report.tables import write_csv, write_json
from sectigo_vault_pki.console.server import Server, required_token

_WRITERS: Mapping[str, Callable[[Report, TextIO], None]] = {"html": write_page, "csv": write_csv, "json": write_json}
_CLEARED = "\r\x1b[K"


def _entry_names(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not value or "/" in value:
            raise click.BadParameter(f'"{value}" is no name of a config entry')
    return values


@click.command(cls=Command)
@mount_option
@click.option("--format", type=click.Choice([*_WRITERS]), default="html", help="html is one page with everything.")
@click.option("--output", default="", metavar="FILE", help="Where to; - is standard output. A page needs a file.")
@click.option(
    "--config", multiple=True, metavar="NAME", callback=_entry_names, help="Only this config entry; may be repeated."
)
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
            names = dict.fromkeys(config or config_names(server, mount))
            found = sorted_by_end(read_certificates(server, mount, [*names], progress))
        status = read_status(server, mount)
    left_out = 0 if config else status.left_out(len(found))
    said = _of_left_out(left_out)
    content = Report(
        server=connection.address,
        mount=mount,
        generated=int(datetime.now(UTC).timestamp()),
        version=status.version,
        certificates=found,
        warnings=[*said, *status.warnings],
        left_out=left_out,
    )
    with opened(output) as out:
        _WRITERS[format](content, out)
    for line in said:
        click.echo(line, err=True)
    if output != STDOUT:
        click.echo(f"{len(found)} certificates in {output}", err=True)
    return 0


def _of_left_out(count: int) -> list[str]:
    if not count:
        return []
    what = (
        "1 certificate of a deleted config entry is"
        if count == 1
        else f"{count} certificates of deleted config entries are"
    )
    return [f"{what} left out: only -config=NAME lists those of a deleted entry; it may be repeated"]


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
