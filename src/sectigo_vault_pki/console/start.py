"""The start of a command, as far as it needs no other package."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

COMMANDS = {
    "doctor": "check the server, the plugin, the mount, the logins and the roles",
    "import": "fetch many certificates from SCM into Vault",
    "register": "register and mount the plugin",
    "report": "list the certificates as a page, as CSV or as JSON",
}


def run(arguments: Sequence[str]) -> int:
    """Run a command for a person; return the exit status."""
    try:
        from sectigo_vault_pki.console.program import run_program  # noqa: PLC0415  needs an optional package
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        print(  # noqa: T201  for a person at a terminal
            "the commands need the package click: pip install 'sectigo-vault-pki[cli]'", file=sys.stderr
        )
        return 1
    return run_program(list(arguments), (dict(os.environ), Path.home()))


def list_of_commands(name: str) -> str:
    """Return what a person should read who starts the program without a command."""
    rows = [f"  {name} {command:<10}{text}" for command, text in COMMANDS.items()]
    return "\n".join(["Commands for people, which talk to a server that runs:", *rows])
