"""`sectigo-vault-pki doctor`: everything that can be looked at, and what to do about what is wrong."""

from itertools import chain
from pathlib import Path

import click

from sectigo_vault_pki.console.connection import Connection
from sectigo_vault_pki.console.doctor.checks import results_of
from sectigo_vault_pki.console.doctor.examination import Examination
from sectigo_vault_pki.console.doctor.printing import as_json, as_table
from sectigo_vault_pki.console.doctor.results import exit_status
from sectigo_vault_pki.console.options import Command, mount_option, with_connection
from sectigo_vault_pki.console.server import Server


@click.command(cls=Command)
@mount_option
@click.option("--format", type=click.Choice(["table", "json"]), default="table", help="How to print the results.")
@click.option("--plugin-dir", type=click.Path(path_type=Path), help="The plugin directory, if the server does not say.")
@click.option("--no-scm", is_flag=True, help="Leave out what makes the engine call SCM.")
@with_connection
def doctor(connection: Connection, *, mount: str, format: str, plugin_dir: Path | None, no_scm: bool) -> int:  # noqa: A002  the option's name
    """Check the server, the plugin, the mount, the logins, the roles, and what will stop renewals.

    Nothing is changed and nothing is ordered. Each config entry's login is tried once.

    The exit status is that of `bao pki health-check`: 0 all is well, 1 wrong use, 2 informational, 3 a warning,
    4 critical, 6 the token may not see something.
    """
    with Server(connection) as server:
        results = results_of(Examination(server, mount, plugin_directory=plugin_dir, calls_scm=not no_scm))
    click.echo(as_json(results) if format == "json" else as_table(results))
    return exit_status(chain.from_iterable(results.values()))
