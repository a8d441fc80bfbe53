"""The command that the host starts."""

import os
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from sectigo_vault_pki import __version__
from sectigo_vault_pki.vault_plugin.process import serve

if TYPE_CHECKING:
    from sectigo_vault_pki.backend import Mounts
    from sectigo_vault_pki.vault_plugin.logical import Backend, BackendConfig

NAME = "sectigo-vault-pki"


def main() -> int:
    """Serve the engine to the host; return the exit status."""
    if "--version" in sys.argv[1:]:
        print(f"{NAME} {__version__}")  # noqa: T201  what --version prints
        return 0
    return serve(Factory(), name=NAME, version=__version__)


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
        from sectigo_vault_pki.backend import Mounts  # noqa: PLC0415

        return Mounts(os.environ)


if __name__ == "__main__":
    sys.exit(main())
