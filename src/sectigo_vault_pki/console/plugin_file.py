"""The plugin's file in the server's plugin directory, if that is on this machine."""

import hashlib
from pathlib import Path

from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.server import OK, Server

_BLOCK = 1024 * 1024


def plugin_directory(server: Server) -> Path | None:
    """Return the directory that the server's configuration names; None if it names none, or the token may not see it.

    Raises:
        UnreachableError: the server gives no answer.
    """
    answer = server.read("sys/config/state/sanitized")
    named = answer.data.get("plugin_directory") if answer.status == OK else None
    return Path(named) if isinstance(named, str) and named else None


def sha256_of(file: Path) -> str:
    """Return a file's checksum.

    Raises:
        SettingsError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while block := opened.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from None
    return digest.hexdigest()
