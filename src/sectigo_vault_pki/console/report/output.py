"""Where a report goes to: standard output, a file that appears when it is complete, or a device or pipe."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sectigo_vault_pki.console.failures import SettingsError

STDOUT = "-"


@contextmanager
def opened(name: str) -> Iterator[TextIO]:
    """Open what the name stands for.

    A file appears when it is complete, at the end of its symbolic links, and only its owner may read it. What exists
    and is no regular file is written to as it is.

    Raises:
        SettingsError: it cannot be written.
    """
    if name == STDOUT:
        yield sys.stdout
        return
    try:
        with _replaced(Path(os.path.realpath(name))) if _is_file_or_absent(name) else _written_to(name) as out:
            yield out
    except OSError as error:
        raise SettingsError(f"{name} cannot be written: {error.strerror}") from None


def _is_file_or_absent(name: str) -> bool:
    try:
        return stat.S_ISREG(Path(name).stat().st_mode)
    except FileNotFoundError:
        return True


def _written_to(name: str) -> TextIO:
    return Path(name).open("w", encoding="utf-8", newline="")


@contextmanager
def _replaced(file: Path) -> Iterator[TextIO]:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as out:
            yield out
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
