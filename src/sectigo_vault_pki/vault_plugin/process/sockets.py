"""Where the process's sockets lie: a folder of our own, gone when we are."""

import fcntl
import grp
import os
import shutil
import tempfile
from glob import escape
from pathlib import Path
from types import TracebackType
from typing import Self

from sectigo_vault_pki.vault_plugin.process.handshake import Launch

_PATH_LIMIT_BYTES = 107  # what fits into sockaddr_un.sun_path with its closing zero
_SOCKET = "s"


class SocketFolder:
    """A folder with the socket for the host, and in it a folder for what must not be seen, which only we may enter.

    It is locked as long as the process lives. A folder without a lock belongs to a process that was killed.

    Args:
        launch: where it must lie, and who may connect.
        name: the plugin's; part of the folder's name.

    Raises:
        OSError: no folder can be made, or its sockets' paths would be too long.
        KeyError: the host named a group that does not exist.
    """

    def __init__(self, launch: Launch, *, name: str) -> None:
        self._prefix = f"plugin-{name}-"
        self._group = _group_id(launch.socket_group)
        self._folder, self._lock = _make_folder(launch.socket_dir, self._prefix)
        self.private = self._folder / "p"
        self.private.mkdir(mode=0o700)
        self.host_socket = self._folder / _SOCKET

    def admit_group(self) -> None:
        """Let the host's group connect, after the socket is made."""
        if self._group is None:
            return
        os.chown(self._folder, -1, self._group)
        os.chown(self.host_socket, -1, self._group)
        self._folder.chmod(0o710)
        self.host_socket.chmod(0o660)

    def remove_abandoned(self) -> None:
        """Remove the folders of processes of ours that were killed; one that cannot be removed stays."""
        for folder in self._folder.parent.glob(f"{escape(self._prefix)}*"):
            if folder != self._folder and (lock := _lock_of(folder)) is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _group_id(name: str | None) -> int | None:
    if name is None:
        return None
    return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid


def _make_folder(wanted: str | None, prefix: str) -> tuple[Path, int | None]:
    """Make a folder that is ours; return it with the descriptor that locks it, if its file system has locks."""
    parents = [wanted] if wanted is not None else [tempfile.gettempdir(), "/tmp"]  # noqa: S108  mkdtemp makes it ours
    for parent in parents:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        if len(os.fsencode(folder / _SOCKET)) <= _PATH_LIMIT_BYTES:
            lock = _lock_of(folder)
            # Another process, which starts at this very moment, may have taken it for abandoned before it was locked.
            return (folder, lock) if folder.exists() else _make_folder(wanted, prefix)
        folder.rmdir()
    raise OSError(f"the path of a unix socket below {parents[0]} would be longer than {_PATH_LIMIT_BYTES} bytes")


def _lock_of(folder: Path) -> int | None:
    """Lock a folder of ours that is not locked; return the descriptor that holds the lock, or None."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_uid == os.geteuid():
            return descriptor
    except OSError:  # a living process has it, or its file system knows no locks: it is not ours to take
        pass
    os.close(descriptor)
    return None
