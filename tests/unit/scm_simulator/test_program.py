"""`python -m sectigo_vault_pki.scm_simulator`, as a process of its own."""

import json
import os
import signal
import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509

from sectigo_vault_pki.scm_simulator import __main__ as command
from tests.unit.scm_simulator.tenant import CLIENT_V1, LOGIN, SSL, enrolment

pytestmark = pytest.mark.process

pytestmark = pytest.mark.process

PROGRAM = [sys.executable, "-m", "sectigo_vault_pki.scm_simulator"]


@contextmanager
def running(*arguments: str, temporary: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any], list[str]]]:
    """Run the program until the block ends; give the process, its ready document and what it printed."""
    ready_file = temporary / "ready.json"
    process = subprocess.Popen(
        [*PROGRAM, "--ready-file", str(ready_file), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    with process:
        try:
            printed = []
            for line in process.stdout:
                printed.append(line.rstrip("\n"))
                if line.startswith("vault write sectigo-vault-pki/configs/demo-client "):
                    break
            assert ready_file.exists(), printed
            assert stat.S_IMODE(ready_file.stat().st_mode) == 0o600
            yield process, json.loads(ready_file.read_bytes()), printed
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    with running("--pending-polls", "1", temporary=tmp_path) as (process, ready, printed):
        assert any(ready["url"] in line for line in printed)
        assert any(ready["control_url"] in line for line in printed)
        ca_file = Path(ready["ca_file"])
        assert stat.S_IMODE(ca_file.parent.stat().st_mode) == 0o700
        root = x509.load_pem_x509_certificate(ca_file.read_bytes())
        with httpx.Client(base_url=ready["url"], headers=LOGIN) as client:
            ssl_id = client.post(f"{SSL}/enroll", json=enrolment()).json()["sslId"]
            assert client.get(f"{SSL}/collect/{ssl_id}/x509").status_code == 400
            chain = x509.load_pem_x509_certificates(client.get(f"{SSL}/collect/{ssl_id}/x509").content)
        assert chain[0] == root
        (order,) = httpx.get(f"{ready['control_url']}/orders").json()
        assert (order["id"], order["status"], order["collects"]) == (ssl_id, "Issued", 2)
        process.send_signal(number)
        assert process.wait(timeout=20) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert list(tmp_path.iterdir()) == []


def test_https_with_a_ca_of_its_own(tmp_path: Path) -> None:
    with running("--tls", temporary=tmp_path) as (process, ready, printed):
        assert ready["url"].startswith("https://127.0.0.1:")
        assert printed[-1].endswith(f"sectigo_cm_ca_cert=@{ready['server_ca_file']}")
        trust = ssl.create_default_context(cafile=ready["server_ca_file"])
        answer = httpx.get(f"{ready['url']}{SSL}/types", headers=LOGIN, verify=trust)
        assert [profile["id"] for profile in answer.json()] == [profile["id"] for profile in ready["profiles"]]
        answer = httpx.get(f"{ready['url']}{CLIENT_V1}/types", headers=LOGIN, verify=trust)
        assert [profile["id"] for profile in answer.json()] == [profile["id"] for profile in ready["client_profiles"]]
        process.terminate()
        assert process.wait(timeout=20) == 0


PARENT = """
import os, subprocess, sys
named = [str(os.getpid())] if sys.argv[1] == "named" else []
subprocess.Popen([*sys.argv[2:], "--exit-with-parent", *named])
print("started", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize(("option", "until"), [("unnamed", "vault write"), ("named", "started")])
def test_it_ends_with_its_parent(tmp_path: Path, option: str, until: str) -> None:
    """The parent is killed, the hardest way for it to go; named by its PID even before the child is up."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, option, *PROGRAM, "--ready-file", str(tmp_path / "ready.json")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as parent:
        assert parent.stdout is not None
        assert any(line.startswith(until) for line in parent.stdout)
        parent.kill()
        # Both hold this end of the pipe: it ends when both are gone.
        parent.stdout.read()
    assert list(tmp_path.iterdir()) == []


def test_https_takes_a_client_certificate_that_the_control_listener_issued(tmp_path: Path) -> None:
    with running("--tls", temporary=tmp_path) as (_, ready, _):
        issued = httpx.post(f"{ready['control_url']}/client-certificates", json={"login": "demo-user"}).json()
        files = tmp_path / "client.pem", tmp_path / "client-key.pem"
        files[0].write_text(issued["certificate"])
        files[1].write_text(issued["private_key"])
        trust = ssl.create_default_context(cafile=ready["server_ca_file"])
        url = f"{ready['url']}/private{SSL}/types"
        headers = {name: value for name, value in LOGIN.items() if name != "password"}
        assert httpx.get(url, headers=headers, verify=trust).status_code == 401
        trust.load_cert_chain(*files)
        assert httpx.get(url, headers=headers, verify=trust).status_code == 200


def test_a_taken_port_is_one_friendly_line(tmp_path: Path) -> None:
    with running(temporary=tmp_path) as (_, ready, _printed):
        port = str(httpx.URL(ready["url"]).port)
        second = subprocess.run([*PROGRAM, "--port", port], capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert second.stderr.startswith("The simulator cannot run: ")
    assert second.stderr.count("\n") == 1
    assert second.stdout == ""


def test_without_its_extra_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "EXTRA", ("starlette", "no_such_package"))
    assert command.main() == 1
    assert capsys.readouterr().err == "The simulator needs its extra: pip install 'sectigo-vault-pki[simulator]'\n"


def test_looking_for_the_extra_imports_none_of_it() -> None:
    code = (
        "import sys, sectigo_vault_pki.scm_simulator.__main__;"
        "sys.exit(any(name in sys.modules for name in ('starlette', 'uvicorn', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
