"""`make dev` and `make demo` as processes of their own, on real servers."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.openbao import free_port, is_taken

pytestmark = pytest.mark.vault

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = ROOT / "sample_data_jsons"
ORDER = {
    "sectigo_csr_domain": "web.example.test",
    "sectigo_csr_key_algo": "EC",
    "sectigo_ssl_cert_type": 501,
    "sectigo_ssl_cert_validity": 365,
}
CLIENT_ORDER = {
    "sectigo_csr_domain": "Ann Example",
    "sectigo_csr_key_algo": "EC",
    "sectigo_client_cert_type": 601,
    "sectigo_client_cert_validity": 365,
    "sectigo_client_cert_email": "ann@example.test",
    "sectigo_client_cert_first_name": "Ann",
    "sectigo_client_cert_last_name": "Example",
}


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Give a temporary folder of our own; a short one, because servers put sockets below it."""
    folder = Path(tempfile.mkdtemp(prefix="t"))
    yield folder
    shutil.rmtree(folder)


class Dev:
    """A running `make dev`."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.folder = folder / "dev"
        self.process = start("scripts.dev", folder, DEV_DIR=str(self.folder), **variables)

    @property
    def file(self) -> Path:
        return self.folder / "env.sh"

    def lines(self) -> list[str]:
        """Return what it prints until it is ready, or ends."""
        assert self.process.stdout is not None
        lines: list[str] = []
        for line in self.process.stdout:
            lines.append(line.rstrip("\n"))
            if lines[-1] == "ready":
                break
        return lines

    def variables(self) -> dict[str, str]:
        words = (shlex.split(line) for line in self.file.read_text().splitlines())
        return dict(assignment.split("=", 1) for _export, assignment in words)

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal as a terminal does, to the whole group; return the exit status and the rest of the output."""
        os.killpg(self.process.pid, number)
        rest, _ = self.process.communicate(timeout=30)
        return self.process.returncode, rest


def start(module: str, folder: Path, **variables: str) -> "subprocess.Popen[str]":
    (folder / "tmp").mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder / "tmp"), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def dev(temporary: Path) -> Iterator[Callable[..., Dev]]:
    running: list[Dev] = []

    def start_dev(name: str = "a", **variables: str) -> Dev:
        folder = temporary / name
        folder.mkdir()
        running.append(Dev(folder, **variables))
        return running[-1]

    yield start_dev
    for each in running:
        if each.process.poll() is None:
            each.process.terminate()
        each.process.communicate(timeout=30)


def request(variables: Mapping[str, str], method: str, path: str, **arguments: Any) -> httpx.Response:
    return httpx.request(
        method,
        f"{variables['BAO_ADDR']}/v1/{variables['MOUNT']}/{path}",
        headers={"X-Vault-Token": variables["BAO_TOKEN"]},
        timeout=60,
        **arguments,
    )


def listens(url: str) -> bool:
    address = httpx.URL(url)
    with socket.socket() as client:
        return client.connect_ex((address.host, address.port or 0)) == 0


def test_dev_serves_what_env_sh_says_and_leaves_nothing_behind(dev: Callable[..., Dev], temporary: Path) -> None:
    bao_port, scm_port = free_port(), free_port()
    running = dev(BAO_PORT=str(bao_port), SCM_PORT=str(scm_port), SIM_ARGS="--tls --pending-polls 0")
    assert running.lines()[-1] == "ready"
    variables = running.variables()
    assert running.file.stat().st_mode & 0o777 == 0o600
    assert list(variables) == [
        "BAO_ADDR",
        "BAO_TOKEN",
        "VAULT_ADDR",
        "VAULT_TOKEN",
        "MOUNT",
        "SCM_URL",
        "SCM_CONTROL_URL",
        "SCM_USER",
        "SCM_PASSWORD",
        "SCM_CUSTOMER_URI",
        "SCM_CA_FILE",
    ]
    assert variables["BAO_ADDR"] == variables["VAULT_ADDR"] == f"http://127.0.0.1:{bao_port}"
    assert variables["SCM_URL"] == f"https://127.0.0.1:{scm_port}"
    assert Path(variables["SCM_CA_FILE"]).read_text().startswith("-----BEGIN CERTIFICATE-----")

    issued = request(variables, "POST", "enroll/demo", json=ORDER).json()["data"]
    assert issued["status"] == "Issued"
    (order,) = httpx.get(f"{variables['SCM_CONTROL_URL']}/orders").json()
    assert issued["cert_unique_id"] == f"{order['id']}_{variables['SCM_CUSTOMER_URI']}"

    assert running.end(signal.SIGINT) == (0, "ended; nothing is left running\n")
    assert not any(listens(variables[name]) for name in ("BAO_ADDR", "SCM_URL", "SCM_CONTROL_URL"))
    assert [path.name for path in temporary.rglob("*")] == ["a", "tmp"]


def test_command_line_reads_certificates_of_both_types_with_their_sample_files(dev: Callable[..., Dev]) -> None:
    running = dev(SIM_ARGS="--pending-polls 0")
    assert running.lines()[-1] == "ready"
    variables = running.variables()
    for config_name, order, name in (("demo", ORDER, "ssl_cert"), ("demo-client", CLIENT_ORDER, "client_cert")):
        issued = request(variables, "POST", f"enroll/{config_name}", json=order).json()["data"]
        assert issued["certificate_type"] == name
        read = subprocess.run(
            [
                *(Path(sys.executable).parent / "bao", "read", "-field=status"),
                f"{variables['MOUNT']}/certs/{config_name}/{issued['cert_unique_id']}",
                f"@{SAMPLES / name / f'{name}.json'}",
            ],
            env={"PATH": os.environ["PATH"], "HOME": str(running.folder), **variables},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (read.returncode, read.stdout, read.stderr) == (0, "Issued", "")


def test_two_run_side_by_side_even_on_neighbouring_ports(dev: Callable[..., Dev]) -> None:
    port = next(port for port in iter(free_port, None) if not is_taken(port + 1))
    first = dev("a", BAO_PORT=str(port))
    assert first.lines()[-1] == "ready"
    second = dev("b", BAO_PORT=str(port + 1), PLUGIN_ENV="SECTIGO_VAULT_PKI_LOG_LEVEL=debug")
    assert second.lines()[-1] == "ready"
    request(second.variables(), "DELETE", "configs/demo").raise_for_status()
    assert request(second.variables(), "GET", "configs/demo").status_code == 404
    assert request(first.variables(), "GET", "configs/demo").status_code == 200
    assert second.end(signal.SIGTERM)[0] == 0
    assert request(first.variables(), "GET", "configs/demo").status_code == 200


def test_port_of_another_server_is_refused_in_one_sentence(dev: Callable[..., Dev], temporary: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        running = dev(BAO_PORT=str(other.getsockname()[1]))
        assert running.lines() == [f"make dev: another program listens on port {other.getsockname()[1]}"]
    assert running.process.wait(30) == 1
    assert [path.name for path in temporary.rglob("*")] == ["a", "tmp"]


def test_argument_that_the_simulator_does_not_know_is_passed_on_as_its_complaint(dev: Callable[..., Dev]) -> None:
    running = dev(SIM_ARGS="--nonsense")
    (line,) = running.lines()
    assert "the simulator did not start" in line
    assert "unrecognized arguments: --nonsense" in line
    assert running.process.wait(30) == 1


def test_demo_shows_that_all_of_it_works(temporary: Path) -> None:
    demo = start("scripts.demo", temporary)
    output, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, output
    assert "all of them answered as they should" in output
    assert "NOT AS IT SHOULD BE" not in output
    assert "is being processed at SCM" in output
    assert "certificate           TimeoutStateSaved" in output
    assert "demo-password" not in output
    assert "\033[" not in output
    assert max(map(len, output.splitlines())) <= 120
    assert list((temporary / "tmp").iterdir()) == []


def test_demo_that_is_interrupted_says_so_and_leaves_nothing_behind(temporary: Path) -> None:
    demo = start("scripts.demo", temporary)
    assert demo.stdout is not None
    next(line for line in demo.stdout if "is being processed at SCM" in line)
    os.killpg(demo.pid, signal.SIGINT)
    output, _ = demo.communicate(timeout=30)
    assert demo.returncode == 128 + signal.SIGINT
    assert "stopped by SIGINT" in output
    assert list((temporary / "tmp").iterdir()) == []
