"""App protocols 3 and 4 on a server of today, which falls back to them: the plugin is told to speak no higher one."""

import re
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest
import trustme

from scripts.openbao import OpenBaoServer, free_port
from scripts.server_binary import product
from sectigo_vault_pki import __version__
from tests.support.certificates import key_fits
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import EXECUTABLE, PLUGIN, VaultMount, install, kill_plugin, plugin_pids, watched

pytestmark = pytest.mark.vault

_JWT = re.compile(r"\beyJ[\w-]{10,}")  # as a JSON object begins in base64url (RFC 7515 3.1); random ids are shorter


@pytest.fixture(params=["3", "4"], ids=lambda version: f"protocol {version}")
def old(
    server: OpenBaoServer, scm: ScmProcess, secrets: Secrets, request: pytest.FixtureRequest
) -> Iterator[VaultMount]:
    """A mount on a catalogue entry of its own, which has the mount's name."""
    name = f"old{request.param}-{token_hex(4)}"
    install(server, name=name, env=[f"SECTIGO_VAULT_PKI_MAX_PROTOCOL={request.param}"])
    server.enable(name, path=name)
    yield VaultMount(server, name, scm, secrets)
    server.disable(name)
    until(lambda: not plugin_pids(server, name=name), what="the end of the last mount's process")


def lines(server: OpenBaoServer, *parts: str) -> list[str]:
    return [line for line in server.log().splitlines() if all(part in line for part in parts)]


def test_the_main_job_is_done(old: VaultMount) -> None:
    server, name, version = old.server, old.path, old.path[3]
    until(lambda: not plugin_pids(server, name=name), what="the end of a process that was only asked what it is")
    speaks_5 = not product().is_vault_before(1, 12)  # which also brought versions into the catalogue
    if speaks_5:
        listed = server.api("GET", "sys/plugins/catalog").expect(200).data["detailed"]
        assert [entry["version"] for entry in listed if entry["name"] == name] == [f"v{__version__}"]
    data = old.enrolled()
    assert key_fits(data)
    assert old.read(data["cert_unique_id"]).expect(200).data == data
    assert old.ids() == [data["cert_unique_id"]]
    (before,) = plugin_pids(server, name=name)
    for mode in ("metadata", "unwrap"):
        assert lines(server, f"{name}: serving", f"mode={mode}", f"protocol={version}")
    assert bool(lines(server, f"{name}: the host offers plugin protocol 5", "[INFO]")) is speaks_5
    assert not _JWT.search(server.log())  # the unwrap token is one

    server.reload(name)
    assert old.read(data["cert_unique_id"]).expect(200).data == data
    (after,) = plugin_pids(server, name=name)
    assert after != before
    renewed = old.renew(data["cert_unique_id"]).expect(200).data
    assert key_fits(renewed)
    assert old.revoke(renewed["cert_unique_id"]).expect(200).data["status"] == "Revoked"


def test_the_first_request_after_the_plugin_was_killed_is_answered(old: VaultMount) -> None:
    data = old.enrolled()
    kill_plugin(old.server, name=old.path)
    assert old.read(data["cert_unique_id"]).expect(200).data == data


def test_mounts_have_a_process_each(old: VaultMount) -> None:
    second = VaultMount(old.server, f"{old.path}-second", old.scm, old.secrets)
    old.server.enable(old.path, path=second.path)
    try:
        data = old.enrolled()
        assert second.api("LIST", "configs").status == 404
        assert second.enrolled()["serial_number"] != data["serial_number"]
        assert len(plugin_pids(old.server, name=old.path)) == 2
    finally:
        old.server.disable(second.path)


def test_a_server_whose_api_has_tls_is_trusted_by_the_registered_arguments_also_after_a_restart(
    tmp_path: Path, secrets: Secrets, scm: ScmProcess
) -> None:
    ca, leaf = trustme.CA(), tmp_path / "leaf.pem"
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    ca.issue_cert("vault.example.test").private_key_and_cert_chain_pem.write_to_path(leaf)
    address = f"127.0.0.1:{free_port()}"
    listener = f"""
        listener "tcp" {{
          address = "{address}"
          tls_cert_file = "{leaf}"
          tls_key_file = "{leaf}"
        }}
    """
    env = {f"{prefix}_API_ADDR": f"https://{address}" for prefix in ("BAO", "VAULT")}
    with watched(OpenBaoServer.raft(settings=listener, env=env), secrets) as server:
        server.initialize()
        limit = ["SECTIGO_VAULT_PKI_MAX_PROTOCOL=4"]
        name_and_ca = [f"-ca-cert={tmp_path / 'ca.pem'}", "-tls-server-name=vault.example.test"]
        for path, arguments in (("trusting", name_and_ca), ("strict", [])):
            install(server, name=f"{PLUGIN}-{path}", env=limit, args=arguments)
            server.enable(f"{PLUGIN}-{path}", path=path)
        trusting = VaultMount(server, "trusting", scm, secrets)
        data = trusting.enrolled()
        server.restart()
        server.unseal()
        assert trusting.read(data["cert_unique_id"]).expect(200).data == data
        refused = server.api("LIST", "strict/configs")
        assert refused.status == 500
        assert lines(server, "strict: the host's API at", "CERTIFICATE_VERIFY_FAILED", "[ERROR]")
        assert plugin_pids(server, name=f"{PLUGIN}-strict") == []
        server.disable("trusting")
        # An error of the mount's ends the disabling in older servers; newer ones only log it.
        disabled = server.api("DELETE", "sys/mounts/strict")
        if product().is_vault_before(1, 21):  # 1.14 still ends it; of those between none was tried
            assert (disabled.status, disabled.errors[0].partition(":")[0]) == (
                400,
                "Unrecognized remote plugin message",
            )
        else:
            disabled.expect(204)
        until(lambda: not plugin_pids(server), what="the end of the last mount's process")
        killed = product().is_vault_before(1, 12)  # it closes the connection that it would say Shutdown on
        assert killed or list(server.temporary.iterdir()) == []


def write_command(path: Path, *, starts: bool) -> None:
    """Write a command that says what it is, and starts, or does not, when the server wants to use it."""
    refusal = "" if starts else '[ -n "$BAO_UNWRAP_TOKEN$VAULT_UNWRAP_TOKEN" ] && exit 1\n'
    path.write_text(f'#!/bin/sh\n{refusal}exec {EXECUTABLE} "$@"\n')
    path.chmod(0o755)


def test_a_mount_whose_process_cannot_start_is_got_rid_of_as_the_readme_says(tmp_path: Path, secrets: Secrets) -> None:
    real = tmp_path / "real"
    write_command(real, starts=True)
    wrapper = tmp_path / PLUGIN  # its checksum stays, whatever becomes of what it starts
    wrapper.write_text(f'#!/bin/sh\nexec {real} "$@"\n')
    with watched(OpenBaoServer.raft(), secrets) as server:
        server.initialize()
        command = server.install(wrapper)
        server.register(PLUGIN, command=command, env=["SECTIGO_VAULT_PKI_MAX_PROTOCOL=4"])
        server.enable(PLUGIN, path="lost")
        write_command(real, starts=False)
        server.restart()
        server.unseal()
        refused = server.api("LIST", "lost/configs")
        assert refused.status == 500
        assert "Unrecognized remote plugin message" in refused.errors[0]

        server.api("DELETE", f"sys/plugins/catalog/secret/{PLUGIN}?version=v{__version__}").expect(204)
        server.api("PUT", "sys/seal").expect(204)
        server.unseal()
        without_plugin = "no handler for route" if product().is_vault_before(1, 12) else "backend is nil"
        assert without_plugin in server.api("LIST", "lost/configs").errors[0]
        server.disable("lost")
        assert "lost/" not in server.api("GET", "sys/mounts").data
