"""`sectigo-vault-pki doctor`: it finds each fault that is put in, and nothing on a healthy server."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from scripts.openbao import OpenBaoServer, free_port
from scripts.server_binary import product
from sectigo_vault_pki.console.doctor.checks import CHECKS
from tests.support.console import run
from tests.support.patient import FAULTS, FAULTS_OF_PLUGINS, Patient, healthy, healthy_with_its_own_plugin, problems
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import PLUGIN, install, watched

pytestmark = pytest.mark.vault

AUDIT = 'audit "file" "log" {{\n  options {{\n    file_path = "/dev/null"\n    log_raw = "{raw}"\n  }}\n}}\n'


def audited(server: OpenBaoServer) -> None:
    """Enable an audit device on a server that is not told of one by its configuration, as OpenBao is."""
    if not product().is_openbao:
        server.api("PUT", "sys/audit/log", {"type": "file", "options": {"file_path": "/dev/null"}}).expect(200, 204)


@pytest.fixture(scope="module")
def hospital(secrets: Secrets) -> Iterator[OpenBaoServer]:
    """A server with an audit device, whose plugins work in the background."""
    settings = AUDIT.format(raw="false") if product().is_openbao else ""
    with watched(OpenBaoServer.dev(settings=settings), secrets) as server:
        audited(server)
        install(server)
        server.enable(PLUGIN, path="keeper")
        yield server


@pytest.fixture
def patient(hospital: OpenBaoServer, scm: ScmProcess, secrets: Secrets) -> Iterator[Patient]:
    with healthy(hospital, scm, secrets) as patient:
        yield patient


def test_on_a_healthy_server_it_finds_nothing(patient: Patient) -> None:
    ran = patient.examine()
    assert problems(ran) == {}
    assert (ran.status, ran.errors) == (0, "")
    assert list(ran.json) == list(CHECKS)
    assert {one["status"] for results in ran.json.values() for one in results} == {"ok"}


@pytest.fixture
def with_its_own_plugin(hospital: OpenBaoServer, scm: ScmProcess, secrets: Secrets) -> Iterator[Patient]:
    with healthy_with_its_own_plugin(hospital, scm, secrets) as patient:
        yield patient


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_it_finds_each_fault(patient: Patient, fault: Callable[[Patient], None]) -> None:
    assert_found(patient, fault, *FAULTS[fault])


@pytest.mark.parametrize("fault", FAULTS_OF_PLUGINS, ids=lambda fault: fault.__name__)
def test_it_finds_each_fault_of_a_plugin(with_its_own_plugin: Patient, fault: Callable[[Patient], None]) -> None:
    assert_found(with_its_own_plugin, fault, *FAULTS_OF_PLUGINS[fault])


def assert_found(patient: Patient, fault: Callable[[Patient], None], check: str, status: str, part: str) -> None:
    """Put a fault in, and check that the doctor names it, with that status and a text that says so."""
    fault(patient)
    ran = patient.examine()
    found = problems(ran)
    assert check in found, found
    mine = [one for one in found[check] if part in one["message"]]
    assert [one["status"] for one in mine] == [status] * len(mine)
    assert mine, found[check]
    assert ran.status == max(one["status_code"] for results in found.values() for one in results)
    if fault.__name__ != "clocks_apart":  # the engine's own text says what to do
        assert all(one["advice"] for one in mine) or status == "informational"


def test_a_plugin_whose_file_was_changed_does_not_answer_after_a_reload(with_its_own_plugin: Patient) -> None:
    patient = with_its_own_plugin
    patient.file.unlink()
    patient.file.write_text("#!/bin/sh\nexit 1\n")
    patient.file.chmod(0o755)
    patient.server.api("PUT", "sys/plugins/reload/backend", {"plugin": patient.name})
    found = problems(patient.examine())
    assert found["plugin_checksum"][0]["status"] == "critical"
    assert found["mount_answers"][0]["status"] == "critical"


def test_background_work_that_is_off_is_found(hospital: OpenBaoServer, scm: ScmProcess, secrets: Secrets) -> None:
    env = ["SECTIGO_VAULT_PKI_BACKGROUND=off"]
    with healthy_with_its_own_plugin(hospital, scm, secrets, env=env) as patient:
        ran = patient.examine()
    assert [*problems(ran)] == ["background_work"]
    assert ran.status == 3


def test_without_scm_nothing_is_asked_of_it(patient: Patient) -> None:
    patient.mount.configure("bad", sectigo_cm_password="canary-wrong-password")
    ran = patient.examine("-no-scm")
    assert problems(ran) == {}
    assert {name for name, (one, *_) in ran.json.items() if one["status"] == "not_applicable"} == {
        "logins",
        "profiles",
        "domain_validations",
    }


def test_what_the_token_may_not_see_is_named_with_the_policy_that_it_lacks(patient: Patient) -> None:
    policy = f'path "{patient.mount.path}/status" {{ capabilities = ["read"] }}'
    patient.server.api("PUT", f"sys/policies/acl/{patient.name}", {"policy": policy}).expect(200, 204)
    created = patient.server.api("POST", "auth/token/create", {"policies": [patient.name]})
    ran = patient.examine(BAO_TOKEN=created.body["auth"]["client_token"])
    found = problems(ran)
    assert ran.status == 6
    assert found["config_entries"][0]["status"] == "insufficient_permissions"
    assert f'path "{patient.mount.path}/configs" {{ capabilities = ["list"] }}' in found["config_entries"][0]["advice"]
    assert "engine_warnings" not in found


@pytest.mark.parametrize(("token", "part"), [("", "no token"), ("s.not-a-token-of-this-server", "not valid")])
def test_a_token_that_is_missing_or_ended_is_found(patient: Patient, token: str, part: str) -> None:
    ran = patient.examine(BAO_TOKEN=token, VAULT_TOKEN=token)
    (found,) = problems(ran)["token"]
    assert part in found["message"]
    assert ran.status == 4
    assert ran.json["mount"][0]["status"] == "not_applicable"


def test_a_server_that_does_not_answer_is_found(tmp_path: Path) -> None:
    ran = run("doctor", "-format=json", "-address=http://127.0.0.1:9", home=tmp_path)
    assert [*problems(ran)] == ["server_reachable"]
    assert ran.status == 4


def test_a_server_without_an_audit_device_is_found(server: OpenBaoServer, scm: ScmProcess, secrets: Secrets) -> None:
    with healthy(server, scm, secrets) as patient:
        found = problems(patient.examine())
    assert found["audit_devices"][0]["status"] == "warning"


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[OpenBaoServer, str, Path]]:
    """A server that is not initialized, with an https listener whose certificate ends in 5 days, and raw audit."""
    ca, port = trustme.CA(), free_port()
    ends = datetime.now(UTC) + timedelta(days=5)
    leaf = ca.issue_cert("127.0.0.1", "vault.example.test", not_after=ends.replace(tzinfo=None))
    for name, blob in (("cert", leaf.cert_chain_pems[0]), ("key", leaf.private_key_pem), ("ca", ca.cert_pem)):
        blob.write_to_path(tmp_path / f"{name}.pem")
    listener = (
        f'listener "tcp" {{\n  address = "127.0.0.1:{port}"\n  cluster_address = "127.0.0.1:{free_port()}"\n'
        f'  tls_cert_file = "{tmp_path}/cert.pem"\n  tls_key_file = "{tmp_path}/key.pem"\n}}\n'
    )
    audit = AUDIT.format(raw="true") if product().is_openbao else ""
    with OpenBaoServer.raft(settings=listener + audit) as server:
        yield server, f"https://127.0.0.1:{port}", tmp_path / "ca.pem"


def test_what_is_wrong_with_the_server_itself_is_found(
    listening: tuple[OpenBaoServer, str, Path], tmp_path: Path
) -> None:
    server, address, ca = listening

    def found(**environ: str) -> dict[str, str]:
        ran = run("doctor", "-format=json", home=tmp_path, **{"BAO_ADDR": address, "BAO_CACERT": str(ca), **environ})
        return {name: f"{results[0]['status']} {results[0]['message']}" for name, results in problems(ran).items()}

    assert "not initialized" in found()["server_seal"]
    assert "critical" in found(BAO_CACERT="")["server_reachable"]
    assert "is not accepted" in found(BAO_CACERT="")["server_reachable"]
    assert "listener's certificate ends on" in found()["server_tls"]
    assert "is not verified" in found(BAO_CACERT="", BAO_SKIP_VERIFY="true")["server_tls"]
    assert "is not accepted" in found(BAO_TLS_SERVER_NAME="other.example.test")["server_reachable"]
    assert "server_reachable" not in found(BAO_TLS_SERVER_NAME="vault.example.test")

    server.initialize()
    if not product().is_openbao:
        options = {"file_path": "/dev/null", "log_raw": "true"}
        server.api("PUT", "sys/audit/log", {"type": "file", "options": options}).expect(200, 204)
    assert "log_raw is on" in found(BAO_TOKEN=server.token)["audit_devices"]
    server.api("PUT", "sys/seal").expect(204)
    assert "sealed" in found()["server_seal"]
