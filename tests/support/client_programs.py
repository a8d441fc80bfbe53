"""Programs that know Vault's PKI, in other languages: how they are built, run, and what they must have read.

What is built is kept in `build/clients`, so that only the first run downloads something.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from scripts.environment import MOUNT, Environment, small_environment

Command = Sequence[str | Path]

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "tests" / "clients"
BUILT = ROOT / "build" / "clients"
BUILD_SECONDS = 840
RUN_SECONDS = 120
REFUSAL = "common name evil.test not allowed by this role"


@dataclass(frozen=True)
class Tool:
    """A program that the tests of some clients need.

    Attributes:
        command: its name on PATH.
        version: the arguments with which it says its version.
        tests: beginnings of the ids of the tests that need it, below `tests/clients/`.
    """

    command: str
    version: Sequence[str]
    tests: Sequence[str]

    def found(self) -> str:
        """Return what it says of its version; empty if it is not on PATH."""
        if shutil.which(self.command) is None:
            return ""
        return run([self.command, *self.version], timeout=RUN_SECONDS).strip().splitlines()[0]


TOOLS: Sequence[Tool] = (
    Tool("npm", ("--version",), ("test_node_vault.py",)),
    Tool("node", ("--version",), ("test_node_vault.py",)),
    Tool("go", ("version",), ("test_go_api.py", "test_consul_template.py", "test_deployment.py::test_the_dashboard")),
    Tool("terraform", ("version",), ("test_terraform.py",)),
    Tool("systemd-analyze", ("--version",), ("test_deployment.py::test_the_unit",)),
)


def run(command: Command, *, cwd: Path = ROOT, env: Mapping[str, str] | None = None, timeout: float) -> str:
    """Run a program with the user's own environment and some more of it, and return what it printed.

    Raises:
        AssertionError: its exit status is not 0.
    """
    done = subprocess.run(
        [*map(str, command)],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, (
        f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
    )
    return done.stdout


def node_vault() -> Path:
    """Install node-vault as its lock file says, and return the folder of the modules."""
    folder = BUILT / "node"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCES / "node" / name, folder / name)
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, timeout=BUILD_SECONDS)
    return folder / "node_modules"


def go_program(name: str = "go") -> Path:
    """Build the program of a folder: by default the one with Vault's and OpenBao's api packages."""
    program = BUILT / name / "program"
    run(["go", "build", "-buildvcs=false", "-o", program, "."], cwd=SOURCES / name, timeout=BUILD_SECONDS)
    return program


def consul_template(version: str) -> Path:
    """Build consul-template."""
    folder = BUILT / f"consul-template-{version}"
    if not (folder / "consul-template").exists():
        package = f"github.com/hashicorp/consul-template@v{version}"
        run(["go", "install", "-buildvcs=false", package], env={"GOBIN": str(folder)}, timeout=BUILD_SECONDS)
    return folder / "consul-template"


def python_with(name: str) -> Path:
    """Install what a folder's lock file names into a virtual environment, and return its Python."""
    folder = BUILT / name / "venv"
    python, lock_file = folder / "bin" / "python", SOURCES / name / "requirements.lock"
    lock = lock_file.read_text()
    if not (marker := folder / "requirements.lock").exists() or marker.read_text() != lock:
        run([sys.executable, "-m", "venv", "--clear", folder], timeout=BUILD_SECONDS)
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes")
        run([python, *install, "--requirement", lock_file], timeout=BUILD_SECONDS)
        marker.write_text(lock)
    return python


def generated_client(document: Mapping[str, Any]) -> Mapping[str, str]:
    """Generate a client from an OpenAPI document, and return the environment of a Python that imports it."""
    folder, configuration = BUILT / "openapi", SOURCES / "openapi"
    python = python_with("openapi")
    (folder / "document.json").write_text(json.dumps(document))
    generator: Command = (python.with_name("openapi-python-client"), "generate", "--overwrite", "--fail-on-warning")
    configured: Command = ("--meta", "none", "--config", configuration / "generator.yaml")
    paths: Command = ("--path", folder / "document.json", "--output-path", folder / "generated")
    run((*generator, *configured, *paths), timeout=BUILD_SECONDS)
    return {"PYTHONPATH": str(folder), "PYTHON": str(python)}


def calls(environment: Environment, command: Command, folder: Path, **env: str) -> Mapping[str, Any]:
    """Run a program that goes through the PKI paths, and return what it read."""
    csr = folder / "csr.pem"
    variables = {"MOUNT": MOUNT, "CSR_FILE": str(csr), "BAO_TOKEN": environment.server.token}
    address = {"BAO_ADDR": environment.server.address, "VAULT_ADDR": environment.server.address}
    token = {"VAULT_TOKEN": environment.server.token}
    # Nothing of the user's own: these programs read many variables.
    small = {**small_environment(), **variables, **address, **token, **env}
    printed = subprocess.run(
        [*map(str, command)], env=small, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
    assert printed.returncode == 0, printed.stderr[-4000:]
    outcome: Mapping[str, Any] = json.loads(printed.stdout)
    return outcome


def check(outcome: Mapping[str, Any]) -> None:
    """Compare what a program read with what it did."""
    role, issued, signed = outcome["role"], outcome["issued"], outcome["signed"]
    own = {"config": "web", "certificate_type": 501, "validity": 365, "key_type": "ec", "key_bits": 256}
    assert {name: role[name] for name in own} == own
    assert role["allowed_domains"] == ["example.com"]
    assert outcome["patched"] == {**role, "max_orders_per_day": 20}
    assert "tool" in outcome["roles"]
    leaf = x509.load_pem_x509_certificate(issued["certificate"].encode())
    assert load_pem_private_key(issued["private_key"].encode(), None).public_key() == leaf.public_key()
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(issued["issuing_ca"].encode()))
    assert leaf.not_valid_after_utc.timestamp() == issued["expiration"]
    assert "private_key" not in signed
    assert {issued["serial_number"], signed["serial_number"]} <= {*outcome["serials"]}
    assert outcome["page"] == outcome["serials"][1:2]
    assert (outcome["read"]["certificate"].strip(), outcome["read"]["revocation_time"]) == (signed["certificate"], 0)
    assert outcome["ca"].strip() == issued["issuing_ca"]
    assert outcome["chain"].split() == "\n".join(issued["ca_chain"]).split()
    assert outcome["revoked"]["state"] == "revoked"
    assert REFUSAL in outcome["refused"]
    assert outcome["gone"] == 404
