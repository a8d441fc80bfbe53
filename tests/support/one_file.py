"""The single-file program, and where it unpacks what it carries."""

import fcntl
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sectigo_vault_pki.vault_plugin.testing.host_identity import new_host_identity
from sectigo_vault_pki.vault_plugin.testing.plugin_host import COOKIE

BY_HAND = "sectigo-vault-pki is a secrets engine plugin"


@dataclass(frozen=True)
class Installed:
    """The program, and the place where it may unpack.

    Attributes:
        program: the file.
        place: the folder in which its own folder lies.
    """

    program: Path
    place: Path

    @property
    def folder(self) -> Path:
        """The folder that it has made, the only one there."""
        (folder,) = self.place.iterdir()
        return folder

    @property
    def env(self) -> dict[str, str]:
        """An environment without a PATH."""
        return {"SECTIGO_VAULT_PKI_UNPACK_DIR": str(self.place)}

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Start it by hand, and wait for its end."""
        return subprocess.run(
            [self.program, *arguments],
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def contents(self) -> dict[str, tuple[int, bytes]]:
        """Return mode and content of everything in its folder."""
        paths = sorted(self.folder.rglob("*"))
        return {
            str(path.relative_to(self.folder)): (path.lstat().st_mode, b"" if path.is_dir() else path.read_bytes())
            for path in paths
        }

    def is_in_use(self) -> bool:
        """Whether a process holds the folder's lock."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False


def host_environment(folder: Path) -> dict[str, str]:
    """Return what a host sets for a plugin whose temporary folder is this one."""
    certificate = new_host_identity(folder).pem
    return {**COOKIE, "PLUGIN_PROTOCOL_VERSIONS": "5", "PLUGIN_CLIENT_CERT": certificate, "TMPDIR": str(folder)}


def of_process(pid: int, name: str) -> str:
    """Return what the kernel tells of a process under a name below `/proc/<pid>`."""
    return Path(f"/proc/{pid}/{name}").read_text()


def mapped_files(pid: int) -> set[Path]:
    """Return the files that a process has in its memory: its program, its libraries."""
    lines = of_process(pid, "maps").splitlines()
    return {Path(f"/{name}") for line in lines if (name := line.partition("/")[2])}
