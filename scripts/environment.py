"""The engine on real parts: an OpenBao server that runs the plugin, and a simulated Sectigo Certificate Manager.

    with running(Choices()) as environment:
        environment.register()
        environment.mount()
        environment.configure("demo")
        environment.configure("demo-client", CLIENT)
        environment.server.api("POST", f"{MOUNT}/enroll/demo", {...})

Everything listens on loopback, lives in folders of its own below the temporary folder, and ends with the context. Used
by `make demo`, `make dev`, `make bench` and `make profile`.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.openbao import OpenBaoServer

PLUGIN = "sectigo-vault-pki"
MOUNT = "sectigo-vault-pki"
EXECUTABLE = Path(sys.executable).parent / PLUGIN
SSL, CLIENT = "ssl_cert", "client_cert"
START_SECONDS = 60.0
STOP_SECONDS = 15.0


class PartError(Exception):
    """A part could not be started, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What whoever starts it may choose.

    Attributes:
        bao_port: where OpenBao's API listens; None for a free port.
        scm_port: where the simulator's API listens; None for a free port.
        simulator_arguments: the simulator's own, see its `--help`; they win over `scm_port`.
        plugin_environment: `NAME=value`, for the plugin.
        server_settings: more lines for OpenBao's configuration file.
        executable: the plugin's executable file.
        raft: OpenBao keeps its state on the disk, as in production, and not in memory.
    """

    bao_port: int | None = None
    scm_port: int | None = None
    simulator_arguments: Sequence[str] = ()
    plugin_environment: Sequence[str] = ()
    server_settings: str = ""
    executable: Path = EXECUTABLE
    raft: bool = False


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator, as it announced itself.

    Attributes:
        url: its root; the API lies under `/api`.
        control_url: the root of its control listener.
        ca_file: the root that its certificates lead to, in PEM.
        server_ca_file: the CA of its https listener, in PEM; None for plain http.
        log_file: what it writes to stderr.
    """

    process: "subprocess.Popen[bytes]" = field(repr=False)
    url: str
    control_url: str
    user: str
    password: str = field(repr=False)
    customer_uri: str
    org_id: int
    ca_file: Path
    server_ca_file: Path | None
    log_file: Path


@dataclass(frozen=True, slots=True)
class Environment:
    """The running parts.

    Attributes:
        folder: for files of the caller's; removed at the end.
        command: the plugin's executable file in the server's plugin directory.
    """

    server: OpenBaoServer
    simulator: Simulator
    folder: Path
    command: str
    plugin_environment: Sequence[str] = ()

    def register(self) -> None:
        """Register the plugin with its checksum."""
        self.server.register(PLUGIN, command=self.command, env=self.plugin_environment)

    def mount(self) -> None:
        """Mount the plugin at `MOUNT`."""
        self.server.enable(PLUGIN, path=MOUNT)

    def configure(self, config_name: str, certificate_type: str = SSL) -> None:
        """Write a config entry for SSL or client certificates, which orders at the simulator."""
        fields = self.config_fields(certificate_type)
        self.server.api("POST", f"{MOUNT}/configs/{config_name}", fields).expect(200, 204)

    def config_fields(self, certificate_type: str = SSL) -> dict[str, Any]:
        """Return the fields of such a config entry, the password among them."""
        fields: dict[str, Any] = {
            "sectigo_cm_user": self.simulator.user,
            "sectigo_cm_password": self.simulator.password,
            "sectigo_cm_uri": self.simulator.customer_uri,
            "sectigo_config_type": certificate_type,
            "sectigo_cm_org_id": self.simulator.org_id,
            "sectigo_cm_base_url": self.simulator.url,
        }
        if self.simulator.server_ca_file is not None:
            fields["sectigo_cm_ca_cert"] = self.simulator.server_ca_file.read_text()
        return fields

    def shell_environment(self) -> Mapping[str, str]:
        """Return the variables that a user of both servers has in the shell."""
        simulator = self.simulator
        variables = {
            **self.server.client_environment(),
            "MOUNT": MOUNT,
            "SCM_URL": simulator.url,
            "SCM_CONTROL_URL": simulator.control_url,
            "SCM_USER": simulator.user,
            "SCM_PASSWORD": simulator.password,
            "SCM_CUSTOMER_URI": simulator.customer_uri,
        }
        if simulator.server_ca_file is not None:
            variables["SCM_CA_FILE"] = str(simulator.server_ca_file)
        return variables

    def check(self) -> None:
        """Make sure that both servers still run.

        Raises:
            PartError: one has ended by itself.
        """
        if not self.server.running:
            raise PartError(f"OpenBao has ended by itself; it said:\n{self.server.log()[-2000:]}")
        if self.simulator.process.poll() is not None:
            said = self.simulator.log_file.read_text(errors="replace")
            raise PartError(f"the simulator has ended by itself; it said:\n{said[-2000:]}")


@contextmanager
def running(choices: Choices) -> Iterator[Environment]:
    """Start both servers, and lay the plugin's executable file into OpenBao's plugin directory.

    Raises:
        PartError: the simulator does not start.
        OpenBaoError: OpenBao does not.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="sectigo-vault-pki-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        simulator = stack.enter_context(_simulator(folder, choices))
        make = OpenBaoServer.raft if choices.raft else OpenBaoServer.dev
        server = stack.enter_context(make(port=choices.bao_port, settings=choices.server_settings))
        if choices.raft:
            server.initialize()
        command = server.install(choices.executable)
        yield Environment(server, simulator, folder, command, choices.plugin_environment)


@contextmanager
def _simulator(folder: Path, choices: Choices) -> Iterator[Simulator]:
    ready_file, log_file = folder / "simulator.json", folder / "simulator.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sectigo_vault_pki.scm_simulator"),
                *(("--port", str(choices.scm_port)) if choices.scm_port is not None else ()),
                *choices.simulator_arguments,
                *("--ready-file", str(ready_file)),
                *("--exit-with-parent", str(os.getpid())),
            ],
            env=small_environment() | {"TMPDIR": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is ours to handle
        )
    try:
        _wait_until_announced(process, log_file)
        announced = json.loads(ready_file.read_bytes())
        https_ca = announced["server_ca_file"]
        yield Simulator(
            process=process,
            url=announced["url"],
            control_url=announced["control_url"],
            user=announced["user"],
            password=announced["password"],
            customer_uri=announced["customer_uri"],
            org_id=announced["org_id"],
            ca_file=Path(announced["ca_file"]),
            server_ca_file=None if https_ca is None else Path(https_ca),
            log_file=log_file,
        )
    finally:
        _end(process)


def _wait_until_announced(process: "subprocess.Popen[bytes]", log_file: Path) -> None:
    """Wait for the first line, which the simulator prints when it listens and its ready file is written."""
    assert process.stdout is not None  # noqa: S101  it is a pipe
    if not select.select([process.stdout], [], [], START_SECONDS)[0]:
        raise PartError(f"the simulator did not start within {START_SECONDS:.0f} s")
    if not process.stdout.readline():
        process.wait(STOP_SECONDS)
        said = log_file.read_text(errors="replace").strip().splitlines() or ["nothing"]
        raise PartError(f"the simulator did not start; it said: {said[-1]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        if process.stdout is not None:
            process.stdout.close()


def small_environment() -> dict[str, str]:
    """Return what a program needs of our own environment: no proxy, no token, no format of the user's own."""
    return {name: value for name in ("PATH", "LANG", "TZ") if (value := os.environ.get(name)) is not None}
