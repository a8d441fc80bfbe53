"""Commands and options in Vault's style: one dash or two, and the server's options on every command."""

from collections.abc import Callable, Sequence
from functools import update_wrapper
from pathlib import Path
from typing import Any

import click

from sectigo_vault_pki.console.connection import Connection, connection_from

MOUNT = "sectigo-vault-pki"
HELP = {"help_option_names": ["--help", "-h"], "max_content_width": 100}
_CONNECTION = {
    "address": ("ADDR", "Address of the server. The default is https://127.0.0.1:8200."),
    "namespace": ("NAMESPACE", "The namespace."),
    "ca-cert": ("CACERT", "File of CA certificates (PEM) to trust."),
    "ca-path": ("CAPATH", "Folder of such files."),
    "client-cert": ("CLIENT_CERT", "Certificate (PEM) for logging in by TLS."),
    "client-key": ("CLIENT_KEY", "Its private key (PEM)."),
    "tls-server-name": ("TLS_SERVER_NAME", "Name that the server's certificate is for, if it is not the address's."),
    "tls-skip-verify": ("SKIP_VERIFY", "Accept any certificate of the server. Anybody in between can read the token."),
}


class Command(click.Command):
    """A command that takes its options with one dash, too, as Vault's do."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_two_dashes(args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of the command, and those of the server after them."""
        own: list[tuple[str, str]] = []
        server: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if isinstance(parameter, click.Option) and record is not None:
                name, text = record
                where = server if parameter.name in _NAMES else own
                where.append((name.replace("--", "-"), text))
        for title, rows in (("Options", own), ("Server", server)):
            with formatter.section(title):
                formatter.write_dl(rows)


class Group(click.Group):
    """The program itself."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the options in front of the command, which are few.

        Raises:
            click.UsageError: one stands there that is a command's.
        """
        try:
            return super().parse_args(ctx, with_two_dashes(args))
        except click.NoSuchOption as error:
            name = error.option_name.replace("--", "-")
            text = f"{name} stands in front of the command: options follow it, as in `{ctx.info_name} doctor {name} …`"
            raise click.UsageError(text, ctx) from None


def with_two_dashes(arguments: Sequence[str]) -> list[str]:
    """Return the arguments, with `-name` as `--name`, up to a bare `--`."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*map(_with_two_dashes, arguments[:end]), *arguments[end:]]


def _with_two_dashes(argument: str) -> str:
    one_dash = argument.startswith("-") and not argument.startswith("--")
    return f"-{argument}" if one_dash and len(argument.partition("=")[0]) > 2 else argument  # noqa: PLR2004  not -h


_NAMES = {name.replace("-", "_"): variable for name, (variable, _) in _CONNECTION.items()}


def with_connection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the server's options; it gets what they and the environment say as its first argument.

    The context's `obj` is the environment and the home folder, as `Surroundings` has them.
    """

    @click.pass_context
    def connected(context: click.Context, /, **options: Any) -> object:
        chosen = {variable: options.pop(name) for name, variable in _NAMES.items()}
        environ, home = context.obj
        return command(connection_from(chosen, environ, home), **options)

    for name, (variable, text) in reversed(_CONNECTION.items()):
        said = f"{text} Also BAO_{variable} or VAULT_{variable}."
        is_flag = name == "tls-skip-verify"
        metavar = None if is_flag else "TEXT"
        connected = click.option(f"--{name}", is_flag=is_flag, help=said, metavar=metavar)(connected)
    return update_wrapper(connected, command)


def mount_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the option `-mount`."""

    def cleaned(_: click.Context, __: click.Parameter, value: str) -> str:
        if not (path := value.strip("/")):
            raise click.BadParameter("a path is needed")
        return path

    text = f"Where the engine is mounted. The default is {MOUNT}."
    return click.option("--mount", default=MOUNT, callback=cleaned, metavar="PATH", help=text)(command)


Surroundings = tuple[dict[str, str], Path]
"""The environment's variables, and the folder with the token file."""

__all__ = ["HELP", "MOUNT", "Command", "Connection", "Group", "Surroundings", "mount_option", "with_connection"]
