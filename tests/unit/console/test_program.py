"""How the commands are called, and how they end."""

import subprocess
import sys
from pathlib import Path

import pytest

from sectigo_vault_pki import __version__
from sectigo_vault_pki.console.options import with_two_dashes
from sectigo_vault_pki.console.start import COMMANDS, list_of_commands
from tests.support.console import TOKEN, run

SERVER_OPTIONS = ("-address", "-namespace", "-ca-cert", "-ca-path", "-client-cert", "-client-key", "-tls-skip-verify")


def test_options_have_one_dash_or_two() -> None:
    words = ["-format=json", "--format", "csv", "-h", "-", "--", "-format"]
    assert with_two_dashes(words) == ["--format=json", "--format", "csv", "-h", "-", "--", "-format"]


def test_every_command_that_is_announced_exists_and_takes_the_servers_options(tmp_path: Path) -> None:
    for command in COMMANDS:
        ran = run(command, "-help", home=tmp_path)
        assert ran.status == 0
        assert all(f"  {option} " in ran.output for option in SERVER_OPTIONS), ran.output
    assert "sectigo-vault-pki doctor " in list_of_commands("sectigo-vault-pki")


def test_a_misspelt_option_is_wrong_use_and_gets_a_hint(tmp_path: Path) -> None:
    ran = run("register", "-dry-rn", "file", home=tmp_path)
    assert ran.status == 1
    assert "--dry-run" in ran.errors


@pytest.mark.parametrize("words", [("-address=http://a", "doctor"), ("--mount", "pki", "report")])
def test_an_option_in_front_of_the_command_is_told_its_place(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = run(*words, home=tmp_path)
    name = words[0].partition("=")[0].replace("--", "-")
    assert ran.status == 1
    assert f"{name} stands in front of the command: options follow it" in ran.errors


def test_without_a_token_it_ends_before_it_asks(tmp_path: Path) -> None:
    ran = run("register", "file", home=tmp_path)
    assert (ran.status, ran.output) == (1, "")
    assert ran.errors.startswith("Error: there is no token")


def test_the_version_is_the_packages(tmp_path: Path) -> None:
    assert run("-version", home=tmp_path).output == f"sectigo-vault-pki {__version__}\n"


@pytest.mark.parametrize(
    "environ", [{"BAO_ADDR": "http://[::1"}, {"BAO_ADDR": "http://.."}, {"BAO_NAMESPACE": "t\u00e9am"}]
)
@pytest.mark.parametrize("words", [("doctor",), ("report",), ("register", "file"), ("import", "web", "ids.txt")])
def test_a_setting_that_cannot_be_used_is_wrong_use_of_every_command(
    words: tuple[str, ...], environ: dict[str, str], tmp_path: Path
) -> None:
    ran = run(*words, home=tmp_path, BAO_TOKEN=TOKEN, **environ)
    assert (ran.status, ran.output) == (1, "")
    assert ran.errors.startswith("Error: ")
    assert len(ran.errors.splitlines()) == 1


@pytest.mark.process
def test_without_the_package_for_commands_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['click'] = None; from sectigo_vault_pki.console.start import run;"
        "sys.exit(run(['doctor']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "the commands need the package click: pip install 'sectigo-vault-pki[cli]'\n"
