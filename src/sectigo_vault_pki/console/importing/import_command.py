"""`sectigo-vault-pki import`: many certificates that SCM has, into Vault."""

import json
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TextIO

import click

from sectigo_vault_pki.console.connection import Connection
from sectigo_vault_pki.console.failures import ConsoleError, SettingsError
from sectigo_vault_pki.console.importing.fetching import Fetcher, Outcome
from sectigo_vault_pki.console.importing.ids import MOST_LINES, bounded_lines, ids_from
from sectigo_vault_pki.console.importing.import_state import ImportState
from sectigo_vault_pki.console.options import Command, mount_option, with_connection
from sectigo_vault_pki.console.server import Server, required_token

_STDIN = "-"
_SOME_FAILED = 2
_MOST_AT_ONCE = 16


@dataclass(slots=True)
class Tally:
    """What has happened so far."""

    imported: int = 0
    skipped: int = 0
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        if outcome.error:
            self.failed.append(outcome)
        else:
            self.imported += 1

    def __str__(self) -> str:
        return f"{self.imported} imported, {self.skipped} were stored before, {len(self.failed)} failed"


@click.command("import", cls=Command)
@click.argument("config")
@click.argument("file")
@mount_option
@click.option("--column", default="", metavar="NAME", help="The file is a CSV, with the ids in this column.")
@click.option("--parallel", type=click.IntRange(1, _MOST_AT_ONCE), default=4, help="How many at a time (4).")
@click.option("--state", default="", metavar="FILE", help="What is done so far; FILE.state if FILE is a regular file.")
@click.option(
    "--auto-renew",
    type=click.Choice(["true", "false"]),
    help="Whether the certificates are renewed automatically, in place of what the entry says.",
)
@click.option("--format", type=click.Choice(["table", "json"]), default="table", help="How to print the result.")
@with_connection
def import_(
    connection: Connection,
    *,
    config: str,
    file: str,
    mount: str,
    column: str,
    parallel: int,
    state: str,
    auto_renew: str | None,
    format: str,  # noqa: A002  the option's name
) -> int:
    """Fetch the certificates whose ids stand in FILE, or - for standard input, into the config entry CONFIG.

    An id is an ssl_id, an order number or a unique id, one a line. What is stored already is left out, and what was
    interrupted goes on with the same command. Ends with 2 if some could not be fetched.
    """
    kept = _state_file(file, state)
    ids = _ids(file, column)
    tally = Tally()
    fields = {} if auto_renew is None else {"sectigo_auto_renew": auto_renew == "true"}
    with Server(required_token(connection)) as server, ImportState(kept, mount=mount, config=config) as done:
        fetcher = Fetcher(server, mount, config, fields)
        known = done.done | fetcher.stored_ids()
        missing = [one for one in ids if one not in known]
        tally.skipped = len(ids) - len(missing)
        with (
            _counts_if_stopped(tally, len(missing)),
            closing(fetcher.outcomes(missing, parallel=parallel)) as outcomes,
            _progress(len(missing)) as progress,
        ):
            for outcome in outcomes:
                tally.add(outcome)
                if not outcome.error:
                    done.add(outcome.certificate_id)
                progress.update(1)
    _print(tally, format)
    return _SOME_FAILED if tally.failed else 0


def _state_file(file: str, state: str) -> Path | None:
    """Return where to keep what is done; None for what comes from a pipe or a device and names no place for it."""
    if state:
        return Path(state)
    try:
        beside_it = file != _STDIN and stat.S_ISREG(Path(file).stat().st_mode)
    except OSError:  # reading it says why
        beside_it = False
    return Path(f"{file}.state") if beside_it else None


def _ids(file: str, column: str) -> list[str]:
    try:
        with nullcontext(sys.stdin) if file == _STDIN else Path(file).open(encoding="utf-8", newline="") as lines:
            return ids_from(bounded_lines(lines, most=MOST_LINES), column)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}") from None


@contextmanager
def _counts_if_stopped(tally: Tally, missing: int) -> Iterator[None]:
    """Print how far it has come, if it ends early."""
    try:
        yield
    except (KeyboardInterrupt, ConsoleError):
        left = missing - tally.imported - len(tally.failed)
        click.echo(f"{tally}, {left} are left: the same command continues", err=True)
        raise


class Progress(Protocol):
    """Shows how far it has come."""

    def update(self, n_steps: int) -> None: ...


class _Silent:
    def update(self, n_steps: int) -> None:
        pass


@contextmanager
def _progress(length: int, out: TextIO | None = None) -> Iterator[Progress]:
    """Show a bar, if somebody looks."""
    out = out or sys.stderr
    if not out.isatty():
        yield _Silent()
        return
    with click.progressbar(length=length, label="fetching", file=out, show_pos=True) as bar:
        yield bar


def _print(tally: Tally, format: str) -> None:  # noqa: A002  as above
    if format == "json":
        failed = [{"id": one.certificate_id, "error": one.error} for one in tally.failed]
        click.echo(json.dumps({"imported": tally.imported, "skipped": tally.skipped, "failed": failed}, indent=2))
        return
    for line in _table(tally.failed):
        click.echo(line)
    click.echo(str(tally))


def _table(failed: Iterable[Outcome]) -> Iterator[str]:
    rows = sorted(failed, key=lambda one: one.certificate_id)
    width = max((len(one.certificate_id) for one in rows), default=0)
    for one in rows:
        yield f"{one.certificate_id:<{width}}  {one.error}"
    if rows:
        yield ""
