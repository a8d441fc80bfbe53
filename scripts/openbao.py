"""A real OpenBao server on loopback, or another of its kind, for the demo, for development and for tests.

    with OpenBaoServer.dev() as server:
        command = server.install(Path(".venv/bin/sectigo-vault-pki"))
        server.register("sectigo-vault-pki", command=command)
        server.enable("sectigo-vault-pki", path="sectigo")
        answer = server.api("GET", "sectigo/configs/demo")

`OpenBaoServer.raft()` keeps its state in a folder, starts sealed, and can be restarted; `initialize` and `unseal` open
it.

The environment variable `SERVER` names another binary, of OpenBao or of HashiCorp Vault, in place of the package's.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

BAO = Path(os.environ.get("SERVER") or Path(sys.executable).parent / "bao").absolute()
START_SECONDS = 60.0
STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
_MEMORY = Path("/dev/shm")  # noqa: S108  for a folder of our own
"""Where logs lie: the server writes them through to the disk before it believes that a plugin has ended."""
_START_ATTEMPTS = 3  # another process may take the free port before the server does


class OpenBaoError(Exception):
    """The server could not be started, or refused what was asked of it."""


@dataclass(frozen=True, slots=True)
class Product:
    """What a server's binary is.

    Attributes:
        name: `OpenBao` or `Vault`.
        version: its numbers, such as `(1, 21, 4)`.
    """

    name: str
    version: tuple[int, ...]

    @property
    def is_openbao(self) -> bool:
        return self.name == "OpenBao"

    def is_vault_before(self, *version: int) -> bool:
        """Whether it is a Vault older than this version; OpenBao began with what 1.14 has."""
        return not self.is_openbao and self.version < version

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}"


@cache
def product() -> Product:
    """Return what `BAO` says it is.

    Raises:
        OpenBaoError: it is neither, or cannot be run.
    """
    try:
        said = subprocess.run([str(BAO), "version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise OpenBaoError(f"{BAO} does not say its version: {error}") from None
    return product_from(said)


def product_from(said: str) -> Product:
    """Return the product in a server's words about its version.

    Raises:
        OpenBaoError: it is another, or none.
    """
    match = re.match(r"(OpenBao|Vault) v(\d+)\.(\d+)\.(\d+)", said)
    if match is None:
        raise OpenBaoError(f"this is neither OpenBao nor Vault; it says: {said[:200]}")
    name, *numbers = match.groups()
    return Product(name, tuple(map(int, numbers)))


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: its status, and its JSON body (empty where there is none)."""

    status: int
    body: dict[str, Any] = field(default_factory=dict, repr=False)
    seconds: float = 0.0

    @property
    def data(self) -> dict[str, Any]:
        """What stands under `data`."""
        return self.body.get("data") or {}

    @property
    def errors(self) -> list[str]:
        """What stands under `errors`."""
        return self.body.get("errors") or []

    @property
    def warnings(self) -> list[str]:
        """What stands under `warnings`."""
        return self.body.get("warnings") or []

    def expect(self, *statuses: int) -> Self:
        """Return the answer itself.

        Raises:
            OpenBaoError: its status is none of these.
        """
        if self.status not in statuses:
            raise OpenBaoError(f"HTTP {self.status}: {'; '.join(self.errors)}")
        return self


class OpenBaoServer:
    """One server process with a folder of its own; leaving the context ends both.

    Attributes:
        address: the URL of its API, such as `http://127.0.0.1:34567`.
        token: the root token; empty until a raft server is initialized.
        plugin_directory: where plugin commands must lie.
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
        self.plugin_directory = self._make_folder("plugins")
        self._log_folder = Path(tempfile.mkdtemp(prefix="bao", dir=_MEMORY if _MEMORY.is_dir() else None))
        self.log_file = self._log_folder / "server.log"
        self.token = token
        self.unseal_key = ""
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
        self._port = 0
        self._client = httpx.Client(timeout=120, trust_env=False)

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
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

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
            self._port = self._port or self._fixed_port or free_port()
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
            self._port = 0

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
        self._client.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self._log_folder, ignore_errors=True)

    def restart(self) -> None:
        """Stop and start on the same port; a raft server is sealed afterwards, a dev server empty."""
        self.stop()
        self.start()

    def initialize(self) -> None:
        """Initialize a raft server with one key, keep that and the root token, and unseal it."""
        answer = self.api("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}).expect(200)
        self.unseal_key = answer.body["keys_base64"][0]
        self.token = answer.body["root_token"]
        self.unseal()

    def unseal(self) -> None:
        """Unseal a raft server, and wait until it is active.

        Raises:
            OpenBaoError: it is not active in time.
        """
        self.api("PUT", "sys/unseal", {"key": self.unseal_key}).expect(200)
        self._wait_until_healthy("sys/health", "the unsealed server did not become active")

    def join(self, leader: "OpenBaoServer") -> None:
        """Let a new raft server join another's cluster, and unseal it.

        Raises:
            OpenBaoError: it is no standby in time.
        """
        self.unseal_key, self.token = leader.unseal_key, leader.token
        self.api("PUT", "sys/storage/raft/join", {"leader_api_addr": leader.address}).expect(200)
        self.api("PUT", "sys/unseal", {"key": self.unseal_key}).expect(200)
        self._wait_until_healthy("sys/health?standbyok=true", "the server that joined did not become a standby")

    def _wait_until_healthy(self, path: str, complaint: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.api("GET", path).status != httpx.codes.OK:
            if time.monotonic() > deadline:
                raise OpenBaoError(complaint)
            time.sleep(_POLL_SECONDS)

    def is_leader(self) -> bool:
        """Whether it is the active node of its cluster."""
        return bool(self.api("GET", "sys/leader").body.get("is_self"))

    def install(self, executable: Path, *, command: str | None = None) -> str:
        """Copy an executable file into the plugin directory; return the command's name there."""
        name = command or executable.name
        target = self.plugin_directory / name
        shutil.copyfile(executable, target)
        target.chmod(0o755)
        return name

    def register(
        self,
        name: str,
        *,
        command: str,
        sha256: str | None = None,
        args: Sequence[str] = (),
        env: Sequence[str] = (),
        version: str = "",
    ) -> None:
        """Register a secrets engine; the checksum is the installed command's where none is given.

        Raises:
            OpenBaoError: the server refuses.
        """
        checksum = sha256 or hashlib.sha256((self.plugin_directory / command).read_bytes()).hexdigest()
        body = {"command": command, "sha256": checksum, "args": list(args), "env": list(env), "version": version}
        self.api("PUT", f"sys/plugins/catalog/secret/{name}", body).expect(200, 204)

    def enable(self, name: str, *, path: str, **options: Any) -> None:
        """Mount a registered engine at `path`.

        Raises:
            OpenBaoError: the server refuses.
        """
        self.api("POST", f"sys/mounts/{path}", {"type": name, **options}).expect(200, 204)

    def disable(self, path: str) -> None:
        """Unmount what lies at `path`.

        Raises:
            OpenBaoError: the server refuses.
        """
        self.api("DELETE", f"sys/mounts/{path}").expect(200, 204)

    def reload(self, name: str) -> None:
        """Start an engine's process anew.

        Raises:
            OpenBaoError: the server refuses.
        """
        self.api("PUT", "sys/plugins/reload/backend", {"plugin": name}).expect(200, 202, 204)

    def api(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Call the HTTP API; `path` is what follows `/v1/`, a query included. `LIST` is a method.

        Raises:
            httpx.HTTPError: no answer.
        """
        token = self.token if token is None else token
        answer = self._client.request(
            method,
            f"{self.address}/v1/{path}",
            content=None if body is None else json.dumps(body),
            headers={"X-Vault-Token": token, **(headers or {})} if token else headers,
            timeout=timeout if timeout is not None else httpx.USE_CLIENT_DEFAULT,
        )
        text = answer.text
        parsed = json.loads(text) if text.startswith("{") else {}
        return Answer(answer.status_code, parsed, answer.elapsed.total_seconds())

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
            f"-dev-listen-address=127.0.0.1:{self._port}",
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
            }}
            listener "tcp" {{
              address = "127.0.0.1:{self._port}"
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
            time.sleep(_POLL_SECONDS)
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
