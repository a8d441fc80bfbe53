"""Where a report goes to, and what becomes of what is there."""

import os
from pathlib import Path
from threading import Thread

import pytest

from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.report.output import opened


def write(target: Path | str, text: str = "whole") -> None:
    with opened(str(target)) as out:
        out.write(text)


def test_a_file_appears_when_it_is_complete_and_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    with pytest.raises(TypeError), opened(str(file)) as out:
        out.writelines(["half", None])  # type: ignore[list-item]  # the failure in the middle
    assert list(tmp_path.iterdir()) == []
    with opened(str(file)) as out:
        out.write("whole")
    assert file.read_text() == "whole"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_symbolic_link_is_followed_and_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "report.html", tmp_path / "latest.html"
    link.symlink_to(target)
    for text in ("first", "second"):  # what it points to does not exist yet, then it does
        write(link, text)
        assert link.is_symlink()
        assert target.read_text() == text
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_link_that_leads_in_a_circle_is_named(tmp_path: Path) -> None:
    link = tmp_path / "circle"
    link.symlink_to(link)
    with pytest.raises(SettingsError, match="circle cannot be written"):
        write(link)
    assert link.is_symlink()


@pytest.mark.parametrize("through_link", [False, True])
def test_a_pipe_is_written_to_and_stays(tmp_path: Path, through_link: bool) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    read: list[str] = []
    reader = Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write(link if through_link else pipe)
    reader.join(10)
    assert read == ["whole"]
    assert pipe.is_fifo()


def test_a_device_is_written_to_and_says_that_it_is_full() -> None:
    with Path("/dev/full").open("wb") as device:
        name = f"/proc/self/fd/{device.fileno()}"  # nothing can be put in its place, whatever is wrong
        with pytest.raises(SettingsError, match=f"{name} cannot be written: No space left on device"):
            write(name)
    assert Path("/dev/full").is_char_device()


def test_a_folder_is_named_and_stays(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written: Is a directory"):
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []
