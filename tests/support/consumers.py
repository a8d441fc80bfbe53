"""Programs beside the server, as the recipes start them: the agent and the proxy of the same `bao`."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from scripts.server_binary import BAO
from tests.support import recipes
from tests.support.vault import VaultMount

_STOP_SECONDS = 15
_APPROLE = "approle"


def prepare(mount: VaultMount, folder: Path) -> None:
    """Write what the recipes build on: the entry `web`, the role `web`, and in the folder a login for programs."""
    mount.configure()
    mount.api("POST", "roles/web", json.loads(recipes.json_of("web_role", mount))).expect(200)
    for name in ("requester", "reader"):
        write_policy(mount, name)
    server = mount.server
    if f"{_APPROLE}/" not in server.api("GET", "sys/auth").data:
        server.api("POST", f"sys/auth/{_APPROLE}", {"type": _APPROLE}).expect(204)
    login = f"auth/{_APPROLE}/role/{mount.path}"
    server.api("POST", login, {"token_policies": [policy(mount, "requester"), policy(mount, "reader")]}).expect(204)
    role_id = server.api("GET", f"{login}/role-id").expect(200).data["role_id"]
    secret_id = server.api("POST", f"{login}/secret-id").expect(200).data["secret_id"]
    (folder / "role_id").write_text(role_id)
    (folder / "secret_id").write_text(secret_id)


def write_policy(mount: VaultMount, name: str) -> str:
    """Write one of the page's policies, and return what it is called on the server."""
    called = policy(mount, name)
    body = {"policy": recipes.file(f"{name}.hcl", mount)}
    mount.server.api("PUT", f"sys/policies/acl/{called}", body).expect(204)
    return called


def policy(mount: VaultMount, name: str) -> str:
    return f"{mount.path}-{name}"


def run_agent(mount: VaultMount, folder: Path, text: str) -> None:
    """Let an agent write all its templates once, and end."""
    configuration = folder / "once.hcl"
    configuration.write_text(text)
    done = mount.server.cli(
        "agent", f"-config={configuration}", "-exit-after-auth", env={"BAO_TOKEN": "", "VAULT_TOKEN": ""}, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def running(mount: VaultMount, folder: Path, kind: str, name: str, text: str) -> Iterator[None]:
    """Run `bao agent` or `bao proxy` with a configuration file."""
    configuration = folder / name
    configuration.write_text(text)
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(BAO), kind, f"-config={configuration}"],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "BAO_ADDR": mount.server.address},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
        if process.poll() is not None:
            pytest.fail(f"bao {kind} has ended by itself:\n{(folder / f'{name}.log').read_text()[-2000:]}")
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


def lines(file: Path) -> int:
    """Return how many lines a file has; none where there is no file."""
    return len(file.read_text().splitlines()) if file.exists() else 0


def rendered(file: Path) -> list[x509.Certificate]:
    """Return the certificates in a file, the leaf first, having checked them against each other and the file's key."""
    text = file.read_bytes()
    certificates = x509.load_pem_x509_certificates(text)
    for certificate, issuer in pairwise(certificates):
        certificate.verify_directly_issued_by(issuer)
    key = load_pem_private_key(text[text.index(b"-----BEGIN EC PRIVATE KEY") :], None)
    assert key.public_key() == certificates[0].public_key()
    return certificates
