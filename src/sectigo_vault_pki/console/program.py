"""The program of the commands."""

import sys
from collections.abc import Sequence

import click

from sectigo_vault_pki import __version__
from sectigo_vault_pki.console.doctor.doctor_command import doctor
from sectigo_vault_pki.console.failures import ConsoleError
from sectigo_vault_pki.console.importing.import_command import import_
from sectigo_vault_pki.console.options import HELP, Group, Surroundings
from sectigo_vault_pki.console.register.register_command import register
from sectigo_vault_pki.console.report.report_command import report

NAME = "sectigo-vault-pki"
_INTERRUPTED = 130


@click.group(cls=Group, context_settings=HELP, no_args_is_help=True)
@click.version_option(__version__, "--version", prog_name=NAME, message="%(prog)s %(version)s")
def program() -> None:
    """Check, register, report and import: what people do beside using the engine.

    The commands talk to a server with the address, the token and the TLS settings that `bao` and `vault` use.
    Options may have one dash or two.
    """


for _command in (doctor, import_, register, report):
    program.add_command(_command)


def run_program(arguments: Sequence[str], surroundings: Surroundings) -> int:
    """Run a command; return the exit status."""
    try:
        result = program.main(list(arguments), prog_name=NAME, standalone_mode=False, obj=surroundings)
    except click.UsageError as error:
        error.show()
        return 1
    except click.ClickException as error:
        error.show()
        return 1
    except ConsoleError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_status
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    return result if isinstance(result, int) else 0
