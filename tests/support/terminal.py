"""A user's shell: commands typed as a document prints them, and what they answer."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.openbao import OpenBaoServer
from scripts.server_binary import BAO
from tests.support.secrecy import Secrets
from tests.support.vault import Kind

SAMPLES = Path(__file__).resolve().parents[2] / "sample_data_jsons"
_TABLE_ROW = re.compile(r"^([a-z]\w*) +(.*)$", re.MULTILINE)
_YAML_ROW = re.compile(r"^  ([a-z]\w*): (.*)$", re.MULTILINE)
"""A row of `data`; what goes on in further lines, PEM mostly, is left out."""
_BRACKETS = re.compile(r"<[^<>]+>")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(.*?)-----END", re.DOTALL)


@dataclass(frozen=True)
class Typed:
    """What a command printed."""

    command: str
    output: str
    output_format: str

    @property
    def data(self) -> Mapping[str, Any]:
        """The answer's fields; as text, and without those of several lines, unless the output is JSON."""
        match self.output_format:
            case "json":
                answer = json.loads(self.output)
                assert not answer["warnings"], self.command
                fields: dict[str, Any] = answer["data"]
                return fields
            case "yaml":
                return {name: value.strip("\"'") for name, value in _YAML_ROW.findall(self.output)}
            case _:
                return {name: value.strip() for name, value in _TABLE_ROW.findall(self.output)}

    @property
    def keys(self) -> list[str]:
        """The entries of a list."""
        match self.output_format:
            case "json":
                listed: list[str] = json.loads(self.output)
                return listed
            case "yaml":
                return [line.removeprefix("- ").strip("\"'") for line in self.output.splitlines() if line]
            case _:
                return self.output.split()[2:]


@dataclass(frozen=True)
class Terminal:
    """A user's shell, in a folder with the sample files; `vault` is the server's own command line."""

    server: OpenBaoServer
    secrets: Secrets
    folder: Path
    kind: Kind
    output_format: str = "table"

    def type(self, command: str) -> Typed:
        """Run a command, and expect it to succeed without a warning."""
        done = self._run(command)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        for key in _PRIVATE_KEY.findall(done.stdout.replace("\\n", "\n")):
            self.secrets.add_private_key("\n".join(line.strip() for line in key.splitlines()))
        assert "WARNING" not in done.stderr, f"{command}\n{done.stderr}"
        return Typed(command, done.stdout, self.output_format)

    def type_wrong(self, command: str) -> str:
        """Run a command, expect it to fail, and return what it said."""
        done = self._run(command)
        assert done.returncode != 0, command
        return done.stderr

    def _run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command. The environment selects the format, so that it is typed as printed."""
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "VAULT_FORMAT": self.output_format,
            "VAULT_CLIENT_TIMEOUT": "600",
            **self.server.client_environment(),
        }
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        self.secrets.note_said(done.stderr)
        return done

    def sample(self, suffix: str) -> Path:
        """Return the copy of a sample file, such as `_revoke`."""
        return self.folder / f"{self.kind.name}{suffix}.json"

    def fill_in(self, suffix: str, **values: object) -> None:
        """Do in a sample what a user does: customize it, and replace what stands in angle brackets."""
        file = self.sample(suffix)
        fields = {**json.loads(_BRACKETS.sub("own text", file.read_text())), **values}
        file.write_text(json.dumps(fields, indent=2))


def open_terminal(server: OpenBaoServer, secrets: Secrets, folder: Path, kind: Kind) -> Terminal:
    """Return a shell in a folder, with the sample files in it."""
    (folder / "bin").mkdir()
    (folder / "bin" / "vault").symlink_to(BAO)
    for file in (SAMPLES / kind.name).iterdir():
        shutil.copy(file, folder)
    return Terminal(server, secrets, folder, kind)
