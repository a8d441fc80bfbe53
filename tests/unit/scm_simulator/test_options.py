"""The command line, and what the program says about itself."""

import json
import shlex
from pathlib import Path

import pytest

from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue, Credentials
from sectigo_vault_pki.scm_simulator.serve import program
from sectigo_vault_pki.scm_simulator.serve.announce import Announcement
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings


def test_without_options_it_is_a_demo_on_loopback() -> None:
    parsed = program.parse([])
    assert (parsed.host, parsed.port, parsed.control_port, parsed.tls) == ("127.0.0.1", 0, 0, False)
    assert parsed.credentials == Credentials()
    assert parsed.settings == Settings()
    assert parsed.settings.pending_polls > 0


def test_every_knob_arrives() -> None:
    parsed = program.parse(
        shlex.split(
            "--host ::1 --port 8443 --control-port 8444 --tls --user u --password p --customer-uri c --pending-polls 0"
            " --pending-seconds 1.5 --never-issue --no-auto-approve --lenient-renew-body --latency 0.1"
            " --validity-seconds 8 --ready-file /run/ready.json --exit-with-parent"
        )
    )
    assert (parsed.host, parsed.port, parsed.control_port, parsed.tls) == ("::1", 8443, 8444, True)
    assert parsed.credentials == Credentials("u", "p", "c")
    assert parsed.settings == Settings(
        pending_polls=0,
        pending_seconds=1.5,
        never_issue=True,
        auto_approve=False,
        strict_renew_body=False,
        latency=0.1,
        validity_seconds=8,
    )
    assert parsed.ready_file == Path("/run/ready.json")
    assert parsed.parent == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("--port 65536", "is not a number between 0 and 65535"),
        ("--port -1", "is not a number"),
        ("--pending-polls few", "is not a number"),
        ("--pending-seconds nan", "is not a number of seconds"),
        ("--latency soon", "is not a number of seconds"),
        ("--validity-seconds 0", "valid for a second at least"),
        ("--validity-seconds 1.5", "is not a number"),
        ("--host 0.0.0.0", "is not a loopback address; --allow-remote"),
        ("--host scm.example.test", "is not a loopback address; --allow-remote"),
        ("--exit-with-parent -1", "is not a number"),
        ("--unheard-of", "unrecognized arguments"),
    ],
)
def test_a_mistake_is_a_sentence_and_status_2(
    arguments: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        program.parse(shlex.split(arguments))
    assert exited.value.code == 2
    assert sentence in capsys.readouterr().err


def test_the_parent_may_be_named() -> None:
    assert program.parse([]).parent is None
    assert program.parse(["--exit-with-parent", "17"]).parent == 17


def test_other_addresses_must_be_meant() -> None:
    assert program.parse(["--host", "0.0.0.0", "--allow-remote"]).host == "0.0.0.0"
    assert program.parse(["--host", "localhost"]).host == "localhost"


def _announcement(credentials: Credentials, server_ca_file: Path | None = None) -> Announcement:
    return Announcement(
        url="http://127.0.0.1:1",
        control_url="http://127.0.0.1:2",
        credentials=credentials,
        catalogue=Catalogue(),
        ca_file=Path("/tmp/root-ca.pem"),
        server_ca_file=server_ca_file,
    )


@pytest.mark.parametrize(("line", "name", "kind"), [(-2, "demo", "ssl_cert"), (-1, "demo-client", "client_cert")])
def test_the_last_lines_configure_the_engine(line: int, name: str, kind: str) -> None:
    command = _announcement(Credentials(), Path("/tmp/server-ca.pem")).text().splitlines()[line]
    assert shlex.split(command) == [
        "vault",
        "write",
        f"sectigo-vault-pki/configs/{name}",
        "sectigo_cm_user=demo-user",
        "sectigo_cm_password=demo-password",
        "sectigo_cm_uri=demo-customer",
        f"sectigo_config_type={kind}",
        "sectigo_cm_org_id=7001",
        "sectigo_cm_base_url=http://127.0.0.1:1",
        "sectigo_cm_ca_cert=@/tmp/server-ca.pem",
    ]


def test_every_profile_is_announced() -> None:
    text = _announcement(Credentials()).text()
    for profile in Catalogue().profiles:
        assert f"  SSL profile    {profile.id}  {profile.name}, days " in text
    assert "  client profile 601  Simulated S/MIME, days 365, 730, 1095\n" in text


def test_a_password_of_the_users_own_is_not_shown() -> None:
    announcement = _announcement(Credentials(user="it's me", password="of my own"))
    assert "of my own" not in announcement.text()
    assert "of my own" not in repr(announcement)
    line = announcement.text().splitlines()[-1]
    assert 'sectigo_cm_password="$SCM_PASSWORD"' in line
    assert "sectigo_cm_user=it's me" in shlex.split(line)
    assert "sectigo_cm_ca_cert" not in line


def test_the_document_is_for_programs() -> None:
    document = json.loads(_announcement(Credentials()).document())
    profiles, client_profiles = document.pop("profiles"), document.pop("client_profiles")
    assert document == {
        "url": "http://127.0.0.1:1",
        "control_url": "http://127.0.0.1:2",
        "user": "demo-user",
        "password": "demo-password",
        "customer_uri": "demo-customer",
        "org_id": 7001,
        "ca_file": "/tmp/root-ca.pem",
        "server_ca_file": None,
    }
    assert profiles[0]["id"] == 501
    assert profiles[0]["terms"] == [365, 398]
    assert [(profile["id"], profile["renewable"]) for profile in client_profiles] == [
        (601, True),
        (602, False),
        (603, True),
    ]
    assert client_profiles[0].keys() == profiles[0].keys()
