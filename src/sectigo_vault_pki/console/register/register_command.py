"""`sectigo-vault-pki register`: checksum, catalogue, mount, and the reload after an upgrade."""

import re
from pathlib import Path

import click

from sectigo_vault_pki.console.connection import Connection
from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.options import MOUNT, Command, mount_option, with_connection
from sectigo_vault_pki.console.plugin_file import plugin_directory, sha256_of
from sectigo_vault_pki.console.register.catalogue import mounted_at, registered_versions
from sectigo_vault_pki.console.register.registration import Step, Wanted, steps_to
from sectigo_vault_pki.console.server import NO_CONTENT, OK, Server, required_token

_ACCEPTED = 202
_SHA256 = re.compile(r"[0-9a-f]{64}")


@click.command(cls=Command)
@click.argument("command")
@click.option("--name", default=MOUNT, metavar="NAME", help=f"The plugin's name in the catalogue ({MOUNT}).")
@mount_option
@click.option("--version", default="", metavar="TEXT", help="Version to register it under, such as v0.1.0.")
@click.option("--sha256", default="", metavar="HEX", help="The file's checksum, if the file is not on this machine.")
@click.option("--plugin-dir", type=click.Path(path_type=Path), help="The plugin directory, if it is not on the server.")
@click.option("--args", default="", metavar="TEXT", help="Arguments of the plugin, separated by commas.")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="A variable for the plugin; may be repeated.")
@click.option("--reload", is_flag=True, help="Restart the plugin even if its file is the one that runs.")
@click.option("--dry-run", is_flag=True, help="Only print the commands.")
@with_connection
def register(
    connection: Connection,
    *,
    command: str,
    name: str,
    mount: str,
    version: str,
    sha256: str,
    plugin_dir: Path | None,
    args: str,
    env: tuple[str, ...],
    reload: bool,
    dry_run: bool,
) -> int:
    """Register COMMAND, a file in the plugin directory, mount it, and reload it if another file runs.

    Prints each command that does the same. What is done already is left out, so it can be repeated.
    """
    with Server(required_token(connection)) as server:
        wanted = Wanted(
            name=name,
            command=Path(command).name,
            sha256=_checksum(server, Path(command), plugin_dir, sha256),
            mount=mount,
            version=_with_v(version),
            args=[argument for argument in args.split(",") if argument],
            env=[_variable(text) for text in env],
            reload=reload,
        )
        steps = steps_to(wanted, registered_versions(server, name), mounted_at(server, mount))
        for step in steps:
            click.echo(step.command)
            if not dry_run:
                _do(server, step)
    if not steps:
        click.echo(f"nothing to do: {name} is registered with this checksum and runs at {mount}/", err=True)
    return 0


def _do(server: Server, step: Step) -> None:
    answer = server.write(step.path, step.body, method=step.method).expect(OK, _ACCEPTED, NO_CONTENT)
    for warning in answer.warnings:
        click.echo(f"Warning: {warning}", err=True)


def _checksum(server: Server, command: Path, folder: Path | None, given: str) -> str:
    """Return the checksum that was given, or the file's.

    Raises:
        SettingsError: there is none, or the file cannot be read.
    """
    if given:
        if _SHA256.fullmatch(given.lower()) is None:
            raise SettingsError("-sha256 must be 64 hexadecimal digits")
        return given.lower()
    folder = folder or plugin_directory(server)
    if folder is None:
        raise SettingsError("the server names no plugin directory: give -plugin-dir, or -sha256")
    file = folder / command.name
    if not file.exists():
        raise SettingsError(
            f"there is no file {file}: copy it there on every node, or give -sha256 if the server is another machine"
        )
    return sha256_of(file)


def _with_v(version: str) -> str:
    return f"v{version}" if version[:1].isdigit() else version


def _variable(text: str) -> str:
    if not text.partition("=")[0] or "=" not in text:
        raise SettingsError("-env must be NAME=VALUE")
    return text
