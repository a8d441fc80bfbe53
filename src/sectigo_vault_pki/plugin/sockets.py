"""Where the process's sockets lie: a folder of our own, gone when we are."""

import grp
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from sectigo_vault_pki.plugin.handshake import Launch

_PATH_LIMIT_BYTES = 107  # what fits into sockaddr_un.sun_path with its closing zero
_LONGEST_NAME = "p/broker4294967295"


class SocketFolder:
    """A folder with the socket for the host, and in it a folder for what must not be seen, which only we may enter.

    Raises:
        OSError: no folder can be made, or its sockets' paths would be too long.
        KeyError: the host named a group that does not exist.
    """

    def __init__(self, launch: Launch) -> None:
        self._group = _group_id(launch.socket_group)
        self._folder = _make_folder(launch.socket_dir)
        self.private = self._folder / "p"
        self.private.mkdir(mode=0o700)
        self.host_socket = self._folder / "s"

    def admit_group(self) -> None:
        """Let the host's group connect, once the socket is there."""
        if self._group is None:
            return
        os.chown(self._folder, -1, self._group)
        os.chown(self.host_socket, -1, self._group)
        self._folder.chmod(0o710)
        self.host_socket.chmod(0o660)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)


def _group_id(name: str | None) -> int | None:
    if name is None:
        return None
    return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid


def _make_folder(wanted: str | None) -> Path:
    parents = [wanted] if wanted is not None else [tempfile.gettempdir(), "/tmp"]  # noqa: S108  mkdtemp makes it ours
    for parent in parents:
        folder = Path(tempfile.mkdtemp(prefix="plugin", dir=parent))
        if len(os.fsencode(folder / _LONGEST_NAME)) <= _PATH_LIMIT_BYTES:
            return folder
        folder.rmdir()
    raise OSError(f"the path of a unix socket below {parents[0]} would be longer than {_PATH_LIMIT_BYTES} bytes")
