"""The gRPC ends for the host: our HTTP/2 on mutual TLS (docs/decisions/0005), on sockets in a folder of our own."""

import asyncio
import fcntl
import grp
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from glob import escape
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast

import grpc

from sectigo_vault_pki.vault_plugin.grpc import Channel, Server, tcp_dial, unix_dial
from sectigo_vault_pki.vault_plugin.http2.limits import Budget
from sectigo_vault_pki.vault_plugin.process.handshake import Launch
from sectigo_vault_pki.vault_plugin.process.tls import Credentials

if TYPE_CHECKING:
    import ssl

_log = logging.getLogger(__name__)

_PATH_LIMIT_BYTES = 107  # what fits into sockaddr_un.sun_path with its closing zero
_SOCKET = "s"
_PLAINTEXT_AUTHORITY = "unused"
"""What Go's hosts and plugins send without TLS (plugin-protocol.md 3.1)."""
_LINES_TOLD = 10
_QUIET_SECONDS = 60.0


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


class Transport:
    """The process's server for the host, and its way back to the host; made on a running loop."""

    def __init__(
        self,
        credentials: Credentials | None,
        sockets: SocketFolder,
        *,
        connected: Callable[[], None],
        disconnected: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            credentials: None in metadata mode, the only one without TLS.
            sockets: where the sockets lie.
            connected: called when the host has connected.
            disconnected: called when its connection ends.
        """
        self._server_tls: ssl.SSLContext | None = None
        self._client_tls: ssl.SSLContext | None = None
        self._server_name: str | None = None
        if credentials is not None:
            self._server_tls = credentials.server_context(sockets.private)
            self._client_tls = credentials.client_context(sockets.private)
            self._server_name = credentials.server_name
        self._sockets = sockets
        self._refusals = RefusalLog()
        self._server = Server(connected=connected, disconnected=disconnected, refused=self._refusals, exclusive=True)

    @property
    def server(self) -> grpc.aio.Server:
        """What services are registered on before `listen`."""
        return cast("grpc.aio.Server", self._server)  # as much of it as generated code uses

    def listen(self) -> str:
        """Serve; return the path of the socket for the host."""
        self._server.start(self._sockets.host_socket, tls=self._server_tls)
        self._sockets.admit_group()
        return str(self._sockets.host_socket)

    def dial(self, network: str, address: str) -> grpc.aio.Channel:
        """Return a channel to an address of the host's, which is really connected at its first call.

        Raises:
            ValueError: the network is neither `unix` nor `tcp`.
        """
        tls, server_name = self._client_tls, self._server_name
        if network == "unix":
            dial = unix_dial(address, tls=tls, server_name=server_name)
        elif network == "tcp":
            host, _, port = address.rpartition(":")
            # An IPv6 address stands in brackets.
            dial = tcp_dial(host.strip("[]"), int(port), tls=tls, server_name=server_name)
        else:
            raise ValueError(f'unknown network "{network}"')
        if server_name is None:
            channel = Channel(dial, authority=_PLAINTEXT_AUTHORITY, scheme="http")
        else:
            channel = Channel(dial, authority=server_name)
        return cast("grpc.aio.Channel", channel)  # as much of it as a stub uses

    async def close(self, *, grace: float) -> None:
        """Let running calls end for `grace` seconds, then end everything."""
        await self._server.stop(grace)
        self._refusals.close()


class RefusalLog:
    """Logs at most ten refusals a minute, and once a minute how many more there were."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines = Budget(_LINES_TOLD, _LINES_TOLD / _QUIET_SECONDS, clock=self._loop.time)
        self._untold = 0
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, reason: str) -> None:
        """Log or count a refused connection."""
        if self._timer is None and self._lines.spend():
            _log.warning("refused a connection", extra={"kv": {"reason": reason}})
            return
        self._untold += 1
        if self._timer is None:
            self._timer = self._loop.call_later(_QUIET_SECONDS, self._tell)

    def close(self) -> None:
        """Log the count of those that were not logged."""
        if self._timer is not None:
            self._timer.cancel()
            self._tell()

    def _tell(self) -> None:
        self._timer = None
        untold, self._untold = self._untold, 0
        _log.warning("refused more connections", extra={"kv": {"connections": untold}})
