"""The secrets that tests use, and the search for them where none may be."""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BASE64_RUN = re.compile(r"[A-Za-z0-9+/]{40,}")
_SECRET_FIELDS = {
    "password": "password",
    "pkcs12": "key",
    "private_key": "key",
    "sectigo_cm_password": "password",
    "sectigo_private_key": "key",
}


class Secrets:
    """Remembers passwords and private keys, and what must not hold any of them."""

    def __init__(self) -> None:
        self._passwords: set[str] = set()
        self._key_lines: set[str] = set()
        self._said: list[str] = []

    def note(self, fields: Mapping[str, Any] | None) -> None:
        """Remember the secrets among the fields of a request or an answer."""
        for name, kind in _SECRET_FIELDS.items():
            if value := (fields or {}).get(name):
                self.add_password(value) if kind == "password" else self.add_private_key(value)

    def add_password(self, password: str) -> None:
        encoded = base64.b64encode(password.encode()).decode().rstrip("=")
        self._passwords |= {password, encoded}

    def add_private_key(self, pem: str) -> None:
        self._key_lines |= {line.rstrip("=") for line in pem.splitlines() if _BASE64_RUN.fullmatch(line.rstrip("="))}

    def note_said(self, *texts: str) -> None:
        """Remember texts that were shown to somebody: errors, warnings."""
        self._said += texts

    def found_in(self, text: str) -> list[str]:
        """Return what kinds of secrets stand in the text; never the secrets."""
        found = ["a password"] if any(password in text for password in self._passwords) else []
        runs = set(_BASE64_RUN.findall(text))
        if not runs.isdisjoint(self._key_lines) or any(line in run for run in runs for line in self._key_lines):
            found.append("a private key")
        return found

    def found_in_what_was_said(self) -> list[str]:
        """Search the errors and warnings."""
        return self.found_in("\n".join(self._said))

    def found_below(self, folder: Path) -> dict[str, list[str]]:
        """Search every file below a folder."""
        files = (path for path in folder.rglob("*") if path.is_file())
        return {str(path): found for path in files if (found := self.found_in(path.read_text(encoding="latin-1")))}
