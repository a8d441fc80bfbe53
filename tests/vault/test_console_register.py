"""`sectigo-vault-pki register` on a server: from nothing to a mount that answers, and from one file to the next."""

import subprocess
from secrets import token_hex

import pytest

from scripts.openbao import OpenBaoServer
from tests.support.console import Ran, run
from tests.support.vault import EXECUTABLE, plugin_pids

pytestmark = pytest.mark.vault


@pytest.fixture
def name(server: OpenBaoServer) -> str:
    """A name that nobody has registered, whose file is in the plugin directory."""
    name = f"console-{token_hex(4)}"
    server.install(EXECUTABLE, command=name)
    return name


def register(server: OpenBaoServer, name: str, *options: str) -> Ran:
    home = server.folder
    return run("register", name, f"-name={name}", f"-mount={name}", *options, home=home, **server.client_environment())


def test_it_registers_mounts_and_says_how_and_then_has_nothing_left_to_do(server: OpenBaoServer, name: str) -> None:
    planned = register(server, name, "-dry-run")
    assert server.api("GET", f"sys/mounts/{name}").status == 400
    done = register(server, name)
    assert (done.status, done.errors) == (0, "")
    assert done.output == planned.output
    registration, mounting = done.output.splitlines()
    assert registration.startswith("bao plugin register -sha256=")
    assert mounting == f"bao secrets enable {name}"
    assert server.api("LIST", f"{name}/configs").status == 404
    again = register(server, name)
    assert (again.status, again.output) == (0, "")
    assert again.errors.startswith("nothing to do")
    server.disable(name)


def test_the_commands_that_it_prints_do_the_same_when_they_are_typed(server: OpenBaoServer, name: str) -> None:
    for line in register(server, name, "-dry-run").output.splitlines():
        bao, *words = line.split()
        assert bao == "bao"
        assert server.cli(*words).returncode == 0
    assert register(server, name).output == ""
    server.disable(name)


def test_after_an_upgrade_the_new_file_runs(server: OpenBaoServer, name: str) -> None:
    assert register(server, name).status == 0
    server.api("LIST", f"{name}/configs").expect(404)
    file = server.plugin_directory / name
    file.unlink()
    file.write_text(EXECUTABLE.read_text() + "\n# another build\n")
    file.chmod(0o755)
    (before,) = plugin_pids(server, name=name)
    done = register(server, name)
    assert (done.status, done.errors) == (0, "")
    assert [line.split()[2] for line in done.output.splitlines()] == ["register", "reload"]
    server.api("LIST", f"{name}/configs").expect(404)
    (after,) = plugin_pids(server, name=name)
    assert after != before
    assert register(server, name).output == ""
    server.disable(name)


def test_a_token_that_may_not_register_gets_the_servers_refusal(server: OpenBaoServer, name: str) -> None:
    token = server.api("POST", "auth/token/create", {"policies": ["default"]}).body["auth"]["client_token"]
    environ = {**server.client_environment(), "BAO_TOKEN": token}
    sha256 = "0" * 64
    ran = run("register", name, f"-name={name}", f"-sha256={sha256}", home=server.folder, **environ)
    assert (ran.status, ran.output) == (2, "")
    assert "HTTP 403" in ran.errors


def test_as_a_program_it_takes_the_environment(server: OpenBaoServer, name: str) -> None:
    done = subprocess.run(
        [EXECUTABLE, "register", "-dry-run", "-name", name, "-mount", name, name],
        env=server.client_environment() | {"HOME": str(server.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
