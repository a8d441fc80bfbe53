"""What an import keeps, so that it can go on."""

import os
from pathlib import Path

import pytest

from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.importing.import_state import ImportState


def state(file: Path | None, *, config: str = "web") -> ImportState:
    return ImportState(file, mount="pki", config=config)


def test_what_was_done_is_known_the_next_time(tmp_path: Path) -> None:
    file = tmp_path / "ids.state"
    with state(file) as first:
        first.add("101")
        first.add("102")
    assert file.stat().st_mode & 0o777 == 0o600
    with state(file) as second:
        assert second.done == {"101", "102"}
        second.add("103")
    with state(file) as third:
        assert third.done == {"101", "102", "103"}


def test_a_line_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    file = tmp_path / "ids.state"
    with state(file) as first:
        first.add("101")
    file.write_text(file.read_text() + '{"done": "10')
    with state(file) as second:
        assert second.done == {"101"}
        second.add("102")
    with state(file) as third:
        assert third.done == {"101", "102"}


def test_the_state_of_another_import_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ids.state"
    with state(file):
        pass
    with pytest.raises(SettingsError, match="another import"):
        state(file, config="shop").__enter__()


def test_a_file_that_is_something_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("my notes\n")
    with pytest.raises(SettingsError, match="no state"):
        state(file).__enter__()
    assert file.read_text() == "my notes\n"


def test_a_device_takes_what_is_done_and_is_not_read() -> None:
    with state(Path("/dev/null")) as done:
        done.add("101")
        assert done.done == {"101"}
    with state(Path("/dev/zero")) as done:
        assert done.done == set()


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SettingsError, match="pipe is no regular file: give another -state"):
        state(tmp_path / "pipe").__enter__()


def test_a_disk_that_is_full_is_said() -> None:
    with pytest.raises(SettingsError, match=r"/dev/full cannot be used: .*No space left"):
        state(Path("/dev/full")).__enter__()


def test_what_has_no_lines_is_not_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_text("x" * 200_000)
    with pytest.raises(SettingsError, match="line 1 has more than 65536 characters"):
        state(file).__enter__()


def test_without_a_file_nothing_is_kept() -> None:
    with state(None) as done:
        done.add("101")
        assert done.done == {"101"}
