"""Which server's binary is used, and what it is: OpenBao's of the dev dependency, or another of its kind.

The environment variable `SERVER` names another binary, of OpenBao or of HashiCorp Vault, in place of the package's.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BAO = Path(os.environ.get("SERVER") or Path(sys.executable).parent / "bao").absolute()


class OpenBaoError(Exception):
    """The server could not be started, or refused what was asked of it."""


@dataclass(frozen=True, slots=True)
class Product:
    """What a server's binary is.

    Attributes:
        name: `OpenBao` or `Vault`.
        version: its numbers, such as `(1, 21, 4)`.
    """

    name: str
    version: tuple[int, ...]

    @property
    def is_openbao(self) -> bool:
        return self.name == "OpenBao"

    def is_vault_before(self, *version: int) -> bool:
        """Whether it is a Vault older than this version; OpenBao began with what 1.14 has."""
        return not self.is_openbao and self.version < version

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"


@cache
def product() -> Product:
    """Return what `BAO` says it is.

    Raises:
        OpenBaoError: it is neither, or cannot be run.
    """
    try:
        said = subprocess.run([str(BAO), "version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise OpenBaoError(f"{BAO} does not say its version: {error}") from None
    return product_from(said)


def product_from(said: str) -> Product:
    """Return the product in a server's words about its version.

    Raises:
        OpenBaoError: it is another, or none.
    """
    match = re.match(r"(OpenBao|Vault) v(\d+)\.(\d+)\.(\d+)", said)
    if match is None:
        raise OpenBaoError(f"this is neither OpenBao nor Vault; it says: {said[:200]}")
    name, *numbers = match.groups()
    return Product(name, tuple(map(int, numbers)))
