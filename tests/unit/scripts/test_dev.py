import shlex
import stat
from pathlib import Path

import pytest

from scripts.dev import ChoiceError, env_file, from_here, held_folder, wishes_from


def test_nothing_chosen_means_free_ports_and_the_folder_dot_dev() -> None:
    wishes = wishes_from({})
    assert (wishes.choices.bao_port, wishes.choices.scm_port) == (None, None)
    assert wishes.folder == Path.cwd() / ".dev"


def test_every_variable_is_taken() -> None:
    wishes = wishes_from(
        {
            "BAO_PORT": "8200",
            "SCM_PORT": "9000",
            "SIM_ARGS": "--tls --password 'a b'",
            "PLUGIN_ENV": "A=1 B='two words'",
            "DEV_DIR": "/tmp/elsewhere",
        }
    )
    assert (wishes.choices.bao_port, wishes.choices.scm_port) == (8200, 9000)
    assert wishes.choices.simulator_arguments == ("--tls", "--password", "a b")
    assert wishes.choices.plugin_environment == ("A=1", "B=two words")
    assert wishes.folder == Path("/tmp/elsewhere")


@pytest.mark.parametrize("text", ["0", "65536", "-1", "8200.0", "http", "²"])
def test_port_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(ChoiceError, match="BAO_PORT"):
        wishes_from({"BAO_PORT": text})


@pytest.mark.parametrize("text", ["NAME", "=value", "A=1 2B=3"])
def test_plugin_environment_takes_only_assignments(text: str) -> None:
    with pytest.raises(ChoiceError, match="PLUGIN_ENV"):
        wishes_from({"PLUGIN_ENV": text})


def test_open_quotation_is_refused_by_name() -> None:
    with pytest.raises(ChoiceError, match="SIM_ARGS"):
        wishes_from({"SIM_ARGS": "--password 'a"})


def test_env_file_is_the_users_own_and_goes_at_the_end(tmp_path: Path) -> None:
    with env_file(tmp_path, {"SCM_PASSWORD": "it's $HOME; a secret"}) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert shlex.split(path.read_text()) == ["export", "SCM_PASSWORD=it's $HOME; a secret"]
    assert list(tmp_path.iterdir()) == []


def test_env_file_left_behind_by_a_killed_one_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "env.sh").write_text("export OLD=1\n")
    (tmp_path / ".env.sh").write_text("")
    with env_file(tmp_path, {"NEW": "2"}) as path:
        assert path.read_text() == "export NEW=2\n"


def test_folder_is_held_against_a_second_one_and_goes_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "dev"
    with held_folder(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with pytest.raises(ChoiceError, match="another one runs"), held_folder(folder):
            pass
    assert not folder.exists()


def test_folder_goes_at_the_end_of_one_that_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), held_folder(tmp_path / "dev"):
        raise KeyError
    assert not (tmp_path / "dev").exists()


def test_folder_with_something_of_the_users_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with held_folder(tmp_path):
        pass
    assert (tmp_path / "notes.txt").exists()


def test_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ChoiceError, match="DEV_DIR"), held_folder(tmp_path / "file"):
        pass


def test_paths_are_shown_as_one_types_them() -> None:
    assert from_here(Path.cwd() / ".dev" / "env.sh") == ".dev/env.sh"
    assert from_here(Path("/else where/env.sh")) == "'/else where/env.sh'"
