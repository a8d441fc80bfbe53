"""A real OpenBao server on loopback, or another of its kind, for the demo, for development and for tests.

    with OpenBaoServer.dev() as server:
        command = server.install(Path(".venv/bin/sectigo-vault-pki"))
        server.register("sectigo-vault-pki", command=command)
        server.enable("sectigo-vault-pki", path="sectigo")
        answer = server.api("GET", "sectigo/configs/demo")

`OpenBaoServer.raft()` keeps its state in a folder, starts sealed, and can be restarted; `initialize` and `unseal` open
it.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from scripts.server_api import POLL_SECONDS, START_SECONDS, ServerApi
from scripts.server_binary import BAO, OpenBaoError, product

STOP_SECONDS = 15.0
_MEMORY = Path("/dev/shm")  # noqa: S108  for a folder of our own
"""Where logs lie: the server writes them through to the disk before it believes that a plugin has ended."""
_START_ATTEMPTS = 3  # another process may take the free port before the server does


class OpenBaoServer(ServerApi):
    """One server process with a folder of its own; leaving the context ends both.

    Attributes:
        folder: what it keeps, its configuration among it.
        temporary: where the server and its plugins put sockets and temporary files.
        log_file: the server's output, its plugins' log lines among it.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        log_level: str = "info",
        settings: str = "",
        raft: bool = False,
        node: str = "node1",
        token: str = "",
    ) -> None:
        """Prepare, without starting; see `dev` and `raft`.

        Args:
            port: where the API listens; None chooses a free one.
            env: more environment variables, which plugins inherit (and which beat those of their registration).
            log_level: the server's, which also filters what plugins log.
            settings: more lines for the configuration file.
            raft: keep state in a folder, and start sealed; otherwise it is a dev server.
            node: what a raft server is called among its peers.
            token: the root token of a dev server.
        """
        # Short on purpose: the server and its plugins put unix sockets below it.
        self.folder = Path(tempfile.mkdtemp(prefix="bao"))
        super().__init__(self._make_folder("plugins"), token=token)
        self._log_folder = Path(tempfile.mkdtemp(prefix="bao", dir=_MEMORY if _MEMORY.is_dir() else None))
        self.log_file = self._log_folder / "server.log"
        self.temporary = self._make_folder("tmp")
        self._home = self._make_folder("home")
        self._fixed_port = port
        self._settings = settings
        self._raft = raft
        self._node = node
        self._cluster_port = 0
        self._log_level = log_level
        self._env = dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def dev(
        cls,
        *,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        log_level: str = "info",
        settings: str = "",
        token: str = "root",  # noqa: S107  a server in memory, on loopback
    ) -> Self:
        """Return a server that keeps everything in memory and is open from the start."""
        return cls(port=port, env=env, log_level=log_level, settings=settings, token=token)

    @classmethod
    def raft(
        cls,
        *,
        port: int | None = None,
        env: Mapping[str, str] | None = None,
        log_level: str = "info",
        settings: str = "",
        node: str = "node1",
    ) -> Self:
        """Return a server with a configuration file and raft storage, which starts sealed."""
        return cls(port=port, env=env, log_level=log_level, settings=settings, raft=True, node=node)

    @property
    def pid(self) -> int:
        """The server's process id.

        Raises:
            OpenBaoError: it does not run.
        """
        if self._process is None:
            raise OpenBaoError("the server does not run")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it was started, and has not ended by itself."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the server and wait until its API answers.

        Raises:
            OpenBaoError: it ended by itself, or did not answer in time; or another program has the port.
        """
        if self._fixed_port is not None and is_taken(self._fixed_port):
            raise OpenBaoError(f"another program listens on port {self._fixed_port}")
        for attempt in range(1, _START_ATTEMPTS + 1):
            self.port = self.port or self._fixed_port or free_port()
            offset = self.log_file.stat().st_size if self.log_file.exists() else 0
            with self.log_file.open("ab") as log:
                self._process = subprocess.Popen(
                    self._command(),
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    start_new_session=True,
                )
            if self._answers():
                return
            self.stop()
            said = self.log_file.read_bytes()[offset:].decode(errors="replace")
            if "address already in use" not in said or self._fixed_port is not None or attempt == _START_ATTEMPTS:
                raise OpenBaoError(f"the server did not start; it said:\n{said[-4000:]}")
            self.port = 0

    def stop(self) -> None:
        """Stop the server in an orderly way, and whatever it started."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill()

    def kill(self) -> None:
        """End the server and whatever it started, at once."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self._log_folder, ignore_errors=True)

    def restart(self) -> None:
        """Stop and start on the same port; a raft server is sealed afterwards, a dev server empty."""
        self.stop()
        self.start()

    def install(self, executable: Path, *, command: str | None = None) -> str:
        """Copy an executable file into the plugin directory; return the command's name there."""
        name = command or executable.name
        target = self.plugin_directory / name
        shutil.copyfile(executable, target)
        target.chmod(0o755)
        return name

    def cli(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: str | None = None,
        cwd: Path | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run `bao` as a user of this server would; the exit status is the caller's to look at."""
        return subprocess.run(
            [str(BAO), *arguments],
            env=self._environment() | self.client_environment() | dict(env or {}),
            input=stdin,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def client_environment(self) -> dict[str, str]:
        """Return what `bao` and `vault` need in their environment to talk to this server."""
        values = {"ADDR": self.address, "TOKEN": self.token}
        return {f"{prefix}_{key}": value for prefix in ("BAO", "VAULT") for key, value in values.items()}

    def log(self) -> str:
        """Return what the server has logged so far."""
        return self.log_file.read_text(errors="replace")

    def _command(self) -> list[str]:
        common = [str(BAO), "server", f"-log-level={self._log_level}"]
        if self._raft:
            return [*common, f"-config={self._write_configuration()}"]
        return [
            *common,
            "-dev",
            "-dev-no-store-token",
            f"-dev-root-token-id={self.token}",
            f"-dev-listen-address=127.0.0.1:{self.port}",
            f"-config={self._write_dev_configuration()}",
        ]

    def _write_dev_configuration(self) -> Path:
        # plugin_directory, and not -dev-plugin-dir, which starts and registers everything in the folder by itself.
        # No clustering: the cluster's port would be the one after the API's, and another server may want that.
        return self._write(
            "dev.hcl",
            f"""
            {self._plugin_setting()}
            api_addr = "{self.address}"
            disable_clustering = true
            {self._settings}
            """,
        )

    def _write_configuration(self) -> Path:
        data = self._make_folder("raft")
        self._cluster_port = self._cluster_port or free_port()  # its peers know it by that
        return self._write(
            "server.hcl",
            f"""
            {self._plugin_setting()}
            api_addr = "{self.address}"
            cluster_addr = "https://127.0.0.1:{self._cluster_port}"
            storage "raft" {{
              path = "{data}"
              node_id = "{self._node}"
              performance_multiplier = 1
              autopilot_update_interval = "500ms"
              autopilot_reconcile_interval = "500ms"
            }}
            listener "tcp" {{
              address = "127.0.0.1:{self.port}"
              cluster_address = "127.0.0.1:{self._cluster_port}"
              tls_disable = true
            }}
            {"" if product().is_openbao else "disable_mlock = true"}
            {self._settings}
            """,
        )

    def _plugin_setting(self) -> str:
        return f'plugin_directory = "{self.plugin_directory}"'

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def _make_folder(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def _environment(self) -> dict[str, str]:
        inherited = {key: value for key in ("PATH", "LANG", "TZ") if (value := os.environ.get(key)) is not None}
        return inherited | {"HOME": str(self._home), "TMPDIR": str(self.temporary)} | self._env

    def _answers(self) -> bool:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            with suppress(httpx.TransportError):
                status = self.api("GET", "sys/health", timeout=5).status
                if self._raft or status == httpx.codes.OK:
                    return True
            time.sleep(POLL_SECONDS)
        return False


def free_port() -> int:
    """Return a loopback port that nobody listens on right now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def is_taken(port: int) -> bool:
    """Whether a loopback port cannot be listened on; else a server there would be taken for the one just started."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
        return False
