"""What an import has done so far, in a file, so that it goes on there after an interruption."""

import json
import os
import stat
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.importing.ids import bounded_lines

_KIND = "sectigo-vault-pki import"


class ImportState:
    """A file with a line for each id that is done; leaving the context closes it. Only its owner may read it."""

    def __init__(self, file: Path | None, *, mount: str, config: str) -> None:
        """Prepare; without a file nothing is kept.

        Args:
            file: where to keep it; a device, such as /dev/null, is only written to.
            mount: the engine's path.
            config: the config entry; a file of another mount or entry is refused.
        """
        self._file = file
        self._head = {"kind": _KIND, "mount": mount, "config": config}
        self._stack = ExitStack()
        self._descriptor: int | None = None
        self.done: set[str] = set()

    def __enter__(self) -> Self:
        """Read what is there, and open the file for more.

        Raises:
            SettingsError: it cannot be read or written, or belongs to another import.
        """
        if self._file is None:
            return self
        with ExitStack() as opening:
            try:
                # Without waiting for somebody at the other end of a pipe, which is refused below.
                flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK
                self._descriptor = os.open(self._file, flags, 0o600)
                opening.callback(os.close, self._descriptor)
                self._take_up(self._file, os.fstat(self._descriptor).st_mode)
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{self._file} cannot be used: {error}") from None
            self._stack = opening.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, certificate_id: str) -> None:
        """Keep that an id is done; on the disk when this returns, as far as the system's cache is.

        Raises:
            SettingsError: it cannot be written.
        """
        self.done.add(certificate_id)
        try:
            self._append({"done": certificate_id})
        except OSError as error:
            raise SettingsError(f"{self._file} cannot be written: {error.strerror}") from None

    def _take_up(self, file: Path, mode: int) -> None:
        if stat.S_ISREG(mode):
            with file.open(encoding="utf-8") as lines:
                self._read(file, bounded_lines(lines))
        elif stat.S_ISCHR(mode):
            self._append(self._head)
        else:
            raise SettingsError(f"{file} is no regular file: give another -state")

    def _read(self, file: Path, lines: Iterable[str]) -> None:
        is_known, line = False, ""
        for line in lines:
            entry = _parsed(line)
            if is_known:
                self.done.update([str(entry["done"])] if entry is not None and "done" in entry else ())
            elif entry is None:
                raise SettingsError(f"{file} is no state of an import: give another -state")
            elif entry != self._head:
                raise SettingsError(f"{file} is the state of another import: give another -state, or remove it")
            is_known = True
        if not is_known:
            self._append(self._head)
        elif not line.endswith("\n"):  # the last line was cut off
            self._write("\n")

    def _append(self, entry: dict[str, str]) -> None:
        self._write(f"{json.dumps(entry)}\n")

    def _write(self, text: str) -> None:
        if self._descriptor is not None:
            os.write(self._descriptor, text.encode())


def _parsed(line: str) -> dict[str, object] | None:
    """Return an entry; None for a line that an interruption cut off."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
