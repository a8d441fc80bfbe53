"""The command that the host starts, and people: the plugin for the one, the console's commands for the others."""

import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from sectigo_vault_pki import __version__
from sectigo_vault_pki.vault_plugin.process import is_launched_by_host, serve

if TYPE_CHECKING:
    from sectigo_vault_pki.backend import Mounts
    from sectigo_vault_pki.vault_plugin.logical import Backend, BackendConfig

NAME = "sectigo-vault-pki"


def main() -> int:
    """Serve the engine to the host that started the process, or run a person's command; return the exit status."""
    arguments = sys.argv[1:]
    if arguments in (["--version"], ["-version"]):
        print(f"{NAME} {__version__}")  # noqa: T201  what --version prints
        return 0
    if is_launched_by_host(os.environ):
        return serve(Factory(), name=NAME, version=__version__)
    # Imported here, so that the plugin's start costs no more than before.
    from sectigo_vault_pki.console.start import list_of_commands, run  # noqa: PLC0415

    if arguments:
        return run(arguments)
    status = serve(Factory(), name=NAME, version=__version__)  # says what the program is
    print(f"\n{list_of_commands(NAME)}", file=sys.stderr)  # noqa: T201  for a person at a terminal
    return status


class Factory:
    """Builds mounts; the first one imports the engine, which is slow, after the handshake for which the host waits."""

    async def __call__(self, config: "BackendConfig") -> "Backend":
        """Build one mount's backend.

        Raises:
            LogicalError: a variable of the environment has an invalid value.
        """
        return self._mounts.build(config)

    @cached_property
    def _mounts(self) -> "Mounts":
        # httpx imports click, rich and pygments, where it finds them, for a command of its own that nobody calls here.
        sys.modules["httpx._main"] = None  # type: ignore[assignment]  # how the import system writes "not there"
        from sectigo_vault_pki.backend import Mounts  # noqa: PLC0415

        return Mounts(os.environ)


if __name__ == "__main__":
    sys.exit(main())
