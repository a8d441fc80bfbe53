"""What an import has done so far, in a file, so that it goes on there after an interruption."""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from sectigo_vault_pki.console.failures import SettingsError

_KIND = "sectigo-vault-pki import"


class ImportState:
    """A file with a line for each id that is done; leaving the context closes it. Only its owner may read it."""

    def __init__(self, file: Path | None, *, mount: str, config: str) -> None:
        """Prepare; without a file nothing is kept.

        Args:
            file: where to keep it.
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
        try:
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            self._stack.callback(os.close, self._descriptor)
            self._read(self._file, self._file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            self._stack.close()
            raise SettingsError(f"{self._file} cannot be used: {error}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, certificate_id: str) -> None:
        """Keep that an id is done; on the disk when this returns, as far as the system's cache is."""
        self.done.add(certificate_id)
        self._append({"done": certificate_id})

    def _read(self, file: Path, text: str) -> None:
        entries = [entry for line in text.splitlines() if (entry := _parsed(line)) is not None]
        if text and not entries:
            raise SettingsError(f"{file} is no state of an import: give another -state")
        if entries and entries[0] != self._head:
            raise SettingsError(f"{file} is the state of another import: give another -state, or remove it")
        self.done.update(str(entry["done"]) for entry in entries[1:] if "done" in entry)
        if not entries:
            self._append(self._head)
        elif not text.endswith("\n"):  # the last line was cut off
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
