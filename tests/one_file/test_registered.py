"""The single-file program on a real OpenBao server that has no Python: registered with the guide's own commands."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_hex

import pytest

from scripts.openbao import OpenBaoServer
from sectigo_vault_pki import __version__
from tests.support.certificates import key_fits
from tests.support.one_file import mapped_files, of_process
from tests.support.registry import Registry
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.terminal import Terminal, open_terminal
from tests.support.vault import PLUGIN, SSL, kill_plugin, pids_that_name, plugin_pids, watched

pytestmark = [pytest.mark.vault, pytest.mark.process]

NAME = f"sectigo-vault-pki_{__version__}"
WITHOUT_PYTHON = {"PATH": "/var/empty"}


@pytest.fixture(scope="module")
def secrets() -> Iterator[Secrets]:
    secrets = Secrets()
    yield secrets
    assert secrets.found_in_what_was_said() == []


@pytest.fixture(scope="module")
def scm(tmp_path_factory: pytest.TempPathFactory, secrets: Secrets) -> Iterator[ScmProcess]:
    """An SCM that issues at once, over https."""
    password = f"canary-{token_hex(12)}"
    secrets.add_password(password)
    folder, options = tmp_path_factory.mktemp("scm"), ("--tls", "--pending-polls", "0")
    with ScmProcess(folder, password=password, options=options) as scm:
        yield scm


@pytest.fixture(scope="module")
def server(secrets: Secrets) -> Iterator[OpenBaoServer]:
    """A server that hands its plugins a PATH without any program."""
    with watched(OpenBaoServer.dev(log_level="trace", env=WITHOUT_PYTHON), secrets) as server:
        yield server


@pytest.fixture
def terminal(
    server: OpenBaoServer, scm: ScmProcess, secrets: Secrets, program: Path, tmp_path: Path
) -> Iterator[Terminal]:
    """A user's shell, with the program in the plugin directory and the engine mounted as the guide says."""
    terminal = open_terminal(server, secrets, tmp_path, SSL)
    plugins = server.plugin_directory
    shutil.copyfile(program, plugins / NAME)
    terminal.type(f"chmod +x {plugins}/{NAME}")
    terminal.type(
        f"SHA256=$(shasum -a 256 {plugins}/{NAME} | cut -d' ' -f1)\n"
        f'vault write sys/plugins/catalog/secret/{NAME} sha_256="${{SHA256}}" command={NAME}'
    )
    terminal.type(f"vault secrets enable -path=sectigo-vault-pki -plugin-name={NAME} {NAME}")
    config = {**scm.config(), "sectigo_cm_ca_cert": scm.server_ca_file.read_text()}
    terminal.fill_in("_config", **config)
    terminal.fill_in(
        "", sectigo_ssl_cert_type=501, sectigo_ssl_cert_custom_fields='[{"name": "Ticket", "value": "OPS-1"}]'
    )
    yield terminal
    terminal.type("vault secrets disable sectigo-vault-pki")


def unpacked_below(server: OpenBaoServer) -> set[Path]:
    """Return the folders from which the program runs, wherever the server lets it make them."""
    return set(server.folder.rglob("sectigo-vault-pki-*-*"))


def only_pid(server: OpenBaoServer) -> int:
    (pid,) = plugin_pids(server, name=NAME)
    return pid


def test_it_is_registered_with_the_guides_commands_and_does_the_job(terminal: Terminal, scm: ScmProcess) -> None:
    terminal.type("vault write sectigo-vault-pki/configs/web @ssl_cert_config.json")
    shell = replace(terminal, output_format="json")
    enrolled = shell.type("vault write sectigo-vault-pki/enroll/web @ssl_cert.json").data
    assert enrolled["status"] == "Issued"
    assert key_fits(enrolled)
    assert enrolled["ssl_id"] == scm.order()["id"]
    assert shell.type(f"vault read sectigo-vault-pki/certs/web/{enrolled['cert_unique_id']}").data == enrolled


def test_tls_to_scm_is_verified_with_the_cas_that_it_brings(terminal: Terminal) -> None:
    terminal.fill_in("_config", sectigo_cm_ca_cert="")
    terminal.type("vault write sectigo-vault-pki/configs/strange @ssl_cert_config.json")
    said = terminal.type_wrong("vault write sectigo-vault-pki/enroll/strange @ssl_cert.json")
    assert "certificate" in said
    assert "Code: 502" in said


def test_the_plugin_is_the_process_that_the_server_started_and_runs_nothing_of_the_host(
    terminal: Terminal,
) -> None:
    server, pid = terminal.server, only_pid(terminal.server)
    assert f"PPid:\t{server.pid}\n" in of_process(pid, "status")
    assert "PATH=/var/empty" in of_process(pid, "environ").split("\0")
    (folder,) = unpacked_below(server)
    assert {path for path in mapped_files(pid) if not path.is_relative_to(folder)} == set()
    assert pids_that_name(folder) == [pid]


def test_a_killed_plugin_is_back_at_the_next_request_and_leaves_nothing(terminal: Terminal) -> None:
    server = terminal.server
    terminal.type("vault write sectigo-vault-pki/configs/web @ssl_cert_config.json")
    pid, folders = only_pid(server), unpacked_below(server)
    (folder,) = folders
    before = {path: path.lstat().st_mtime_ns for path in folder.rglob("*")}
    kill_plugin(server, name=NAME)  # waits for the server's word on this very process id
    assert pids_that_name(folder) == []
    assert terminal.type("vault list sectigo-vault-pki/configs").keys == ["web"]
    assert only_pid(server) != pid
    assert pids_that_name(folder) == [only_pid(server)]
    assert unpacked_below(server) == folders
    assert {path: path.lstat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_changed_program_is_not_started(terminal: Terminal, program: Path) -> None:
    installed = terminal.server.plugin_directory / NAME
    with installed.open("ab") as file:
        file.write(b"\0")
    kill_plugin(terminal.server, name=NAME)
    assert "checksums did not match" in terminal.type_wrong("vault read sectigo-vault-pki/status")
    shutil.copyfile(program, installed)


def declaration(program: Path, **keys: str) -> str:
    """Return what an OpenBao server's configuration says about the plugin."""
    settings = {"version": f"v{__version__}", "sha256sum": hashlib.sha256(program.read_bytes()).hexdigest(), **keys}
    lines = "\n".join(f'{key} = "{value}"' for key, value in settings.items())
    return f'plugin_auto_register = true\nplugin "secret" "{PLUGIN}" {{\n{lines}\n}}\n'


def mounts_it(server: OpenBaoServer) -> bool:
    """Mount what the server has registered by itself, and ask it for something."""
    server.enable(PLUGIN, path="declared")
    answer = server.api("GET", "declared/status").expect(200)
    server.disable("declared")
    return "background" in answer.data


def test_openbao_registers_it_from_its_configuration(program: Path, secrets: Secrets) -> None:
    server = OpenBaoServer.dev(env=WITHOUT_PYTHON, settings=declaration(program, command=NAME))
    server.install(program)
    with watched(server, secrets):
        assert mounts_it(server)


def test_openbao_fetches_it_from_an_image_that_holds_nothing_else(program: Path, secrets: Secrets) -> None:
    with Registry(program, name=PLUGIN, tag=f"v{__version__}") as registry:
        settings = declaration(program, image=registry.image, binary_name=PLUGIN) + "plugin_auto_download = true\n"
        with watched(OpenBaoServer.dev(env=WITHOUT_PYTHON, settings=settings), secrets) as server:
            assert mounts_it(server)
