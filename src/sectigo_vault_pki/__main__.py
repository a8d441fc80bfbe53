"""The command that the host starts."""

import os
import sys
from typing import TYPE_CHECKING

from sectigo_vault_pki import __version__
from sectigo_vault_pki.plugin import serve

if TYPE_CHECKING:
    from sectigo_vault_pki.logical import Backend, BackendConfig

NAME = "sectigo-vault-pki"


def main() -> int:
    """Serve the engine to the host; return the exit status."""
    if "--version" in sys.argv[1:]:
        print(f"{NAME} {__version__}")  # noqa: T201  asked for
        return 0
    return serve(build_backend, name=NAME, version=__version__)


async def build_backend(config: "BackendConfig") -> "Backend":
    """Build one mount's engine; its imports are slow, and the host waits for the handshake before.

    Raises:
        LogicalError: the environment says something that cannot be meant.
    """
    from sectigo_vault_pki.backend import build, does_background_work  # noqa: PLC0415

    return build(config, background=does_background_work(os.environ))


if __name__ == "__main__":
    sys.exit(main())
