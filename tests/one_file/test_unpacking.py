"""The folder that the single-file program runs from: made once, compared at each start, nobody else's."""

import os
import py_compile
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.one_file import BY_HAND, Installed
from tests.support.polling import until

pytestmark = pytest.mark.process

PUT_RIGHT = re.compile(
    r"\[WARN\] sectigo-vault-pki: files in (\S+) were missing, changed or foreign and were put right: (\d+)\n"
)
NOBODY = 65534


def python_version(folder: Path) -> Path:
    (modules,) = (folder / "lib").glob("python3.*")
    return modules


def test_it_is_unpacked_into_one_folder_that_only_its_user_may_enter(installed: Installed) -> None:
    first = installed.run()
    assert (first.returncode, first.stdout) == (1, "")
    assert first.stderr.startswith(BY_HAND)
    folder = installed.folder
    assert re.fullmatch(rf"sectigo-vault-pki-{os.geteuid()}-[0-9a-f]{{64}}", folder.name)
    folders = {folder, *(path for path in folder.rglob("*") if path.is_dir())}
    assert {stat.S_IMODE(path.lstat().st_mode) for path in folders} == {0o700}
    others = {stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*") if path not in folders}
    assert others == {0o400, 0o500}


def test_a_second_start_changes_nothing_and_says_nothing(unpacked_once: Installed) -> None:
    before, times = unpacked_once.contents(), {path: path.lstat() for path in unpacked_once.folder.rglob("*")}
    assert unpacked_once.run().stderr.startswith(BY_HAND)
    assert unpacked_once.contents() == before
    assert {path: path.lstat().st_mtime_ns for path in times} == {p: s.st_mtime_ns for p, s in times.items()}


def evil_module(folder: Path, mark: Path) -> bytes:
    """Return a compiled module that leaves a mark where it runs."""
    source, target = folder / "evil.py", folder / "evil.pyc"
    source.write_text(f"open({str(mark)!r}, 'w').close()\n")
    py_compile.compile(
        str(source), cfile=str(target), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, doraise=True
    )
    return target.read_bytes()


def overwrite(path: Path, content: bytes) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(mode)


def changed_start(folder: Path, evil: bytes) -> None:
    overwrite(folder / "start.pyc", evil)


def changed_in_length_only(folder: Path, evil: bytes) -> None:
    module = python_version(folder) / "os.pyc"
    overwrite(module, module.read_bytes() + b"\0")


def changed_in_one_byte(folder: Path, evil: bytes) -> None:
    python = folder / "bin" / "python3"
    content = bytearray(python.read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(python, bytes(content))


def changed_in_mode(folder: Path, evil: bytes) -> None:
    (folder / "start.pyc").chmod(0o666)


def missing_module(folder: Path, evil: bytes) -> None:
    (python_version(folder) / "os.pyc").unlink()


def missing_package(folder: Path, evil: bytes) -> None:
    shutil.rmtree(python_version(folder) / "json")


def module_in_front(folder: Path, evil: bytes) -> None:
    (python_version(folder) / "json" / "__init__.py").write_bytes(b"raise SystemExit('foreign')")


def new_module(folder: Path, evil: bytes) -> None:
    (python_version(folder) / "sitecustomize.pyc").write_bytes(evil)


def new_folders(folder: Path, evil: bytes) -> None:
    (folder / "lib" / "glibc-hwcaps" / "x86-64-v2").mkdir(parents=True)
    (folder / "lib" / "glibc-hwcaps" / "x86-64-v2" / "libc.so.6").write_bytes(evil)


def file_by_link(folder: Path, evil: bytes) -> None:
    own = folder.parent.parent / "own.pyc"
    own.write_bytes(evil)
    (folder / "start.pyc").unlink()
    (folder / "start.pyc").symlink_to(own)


def folder_by_link(folder: Path, evil: bytes) -> None:
    json = python_version(folder) / "json"
    shutil.move(json, folder.parent.parent / "json")
    json.symlink_to(folder.parent.parent / "json")


def folder_for_file(folder: Path, evil: bytes) -> None:
    (folder / "start.pyc").unlink()
    (folder / "start.pyc").mkdir()
    (folder / "start.pyc" / "__main__.pyc").write_bytes(evil)


@pytest.mark.parametrize(
    "tamper",
    [
        *(changed_start, changed_in_length_only, changed_in_one_byte, changed_in_mode, missing_module, missing_package),
        *(module_in_front, new_module, new_folders, file_by_link, folder_by_link, folder_for_file),
    ],
)
def test_what_was_changed_is_put_right_before_it_runs(
    unpacked_once: Installed, tmp_path: Path, tamper: Callable[[Path, bytes], None]
) -> None:
    installed, mark = Installed(unpacked_once.program, tmp_path / "place"), tmp_path / "mark"
    shutil.copytree(unpacked_once.place, installed.place)
    as_shipped = installed.contents()
    tamper(installed.folder, evil_module(tmp_path, mark))
    assert installed.contents() != as_shipped
    started = installed.run()
    assert not mark.exists()
    assert installed.contents() == as_shipped
    warning, _, rest = started.stderr.partition("\n")
    assert PUT_RIGHT.fullmatch(f"{warning}\n")
    assert rest.startswith(BY_HAND)


def test_an_unpacking_that_was_killed_is_finished_by_the_next_start(
    unpacked_once: Installed, installed: Installed
) -> None:
    process = subprocess.Popen([installed.program], env=installed.env, stderr=subprocess.DEVNULL)
    until(lambda: installed.place.exists() and len(list(installed.folder.rglob("*"))) > 50, what="a first part")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert installed.run().returncode == 1
    assert installed.contents() == unpacked_once.contents()


def test_first_starts_at_the_same_time_do_not_disturb_each_other(
    unpacked_once: Installed, installed: Installed
) -> None:
    command, env = [installed.program], installed.env
    processes = [subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) for _ in range(6)]
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert [text.startswith(BY_HAND) for text in said] == [True] * len(said)
    assert installed.contents() == unpacked_once.contents()


def refusal(started: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that says why it did not start."""
    assert (started.returncode, started.stdout) == (1, "")
    (line,) = started.stderr.splitlines()
    assert line.startswith("[ERROR] sectigo-vault-pki has no folder to run from, set SECTIGO_VAULT_PKI_UNPACK_DIR")
    return line


@pytest.mark.parametrize("change", [lambda path: path.chmod(0o750), lambda path: os.chown(path, NOBODY, NOBODY)])
def test_a_folder_of_somebody_else_or_open_to_others_is_refused(
    installed: Installed, program: Path, change: Callable[[Path], None]
) -> None:
    installed.run()
    change(installed.folder)
    assert "belongs to somebody else, or is open to others" in refusal(installed.run())


def test_a_link_to_a_folder_is_refused(installed: Installed, tmp_path: Path) -> None:
    installed.run()
    folder = installed.folder
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    refusal(installed.run())


@pytest.mark.parametrize("place", ["relative", "/with:colon", "/with$dollar"])
def test_a_place_that_the_loader_would_misread_is_refused(program: Path, place: str) -> None:
    assert "not an absolute path without" in refusal(Installed(program, Path(place)).run())


def test_a_place_that_is_full_is_refused_and_left_empty(installed: Installed) -> None:
    script = "trap '' XFSZ; ulimit -f 1000; exec \"$0\""  # the limit stands for a full disk
    command = ["/bin/sh", "-c", script, str(installed.program)]
    started = subprocess.run(command, env=installed.env, capture_output=True, text=True, check=False, timeout=60)
    assert "File too large" in refusal(started)
    assert list(installed.place.iterdir()) == []


def usual_place(program: Path, tmp_path: Path, **env: str) -> tuple[subprocess.CompletedProcess[str], set[Path]]:
    """Start it without a chosen place; return the folders that are new below `tmp_path`."""
    started = subprocess.run([program], env=env, capture_output=True, text=True, timeout=60, check=False)
    return started, set(tmp_path.rglob("sectigo-vault-pki-*-*"))


def test_without_a_choice_the_users_cache_is_taken(program: Path, tmp_path: Path) -> None:
    _, made = usual_place(program, tmp_path, HOME=str(tmp_path / "nowhere"), XDG_CACHE_HOME=str(tmp_path / "xdg"))
    assert {path.parent for path in made} == {tmp_path / "xdg"}
    shutil.rmtree(tmp_path / "xdg")
    _, made = usual_place(program, tmp_path, HOME=str(tmp_path))
    assert {path.parent for path in made} == {tmp_path / ".cache"}


def test_a_usual_place_in_which_others_can_rename_is_passed_over(program: Path, tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    _, made = usual_place(program, tmp_path, XDG_CACHE_HOME=str(tmp_path / "open"), HOME=str(tmp_path))
    assert {path.parent for path in made} == {tmp_path / ".cache"}
    (tmp_path / "open").chmod(0o1777)
    _, made = usual_place(program, tmp_path, XDG_CACHE_HOME=str(tmp_path / "open"))
    assert {path.parent for path in made} == {tmp_path / "open", tmp_path / ".cache"}


def test_a_place_that_nothing_may_be_run_from_is_passed_over(program: Path, tmp_path: Path) -> None:
    """A mount namespace of the test's own has the place mounted noexec."""
    place = tmp_path / "noexec"
    place.mkdir()
    script = 'mount -t tmpfs -o noexec none "$1" && exec "$2"'
    command = ["unshare", "--mount", "/bin/sh", "-c", script, "sh", str(place), str(program)]
    for env, says in ({"SECTIGO_VAULT_PKI_UNPACK_DIR": str(place)}, "noexec"), ({"HOME": str(tmp_path)}, BY_HAND):
        env |= {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(place)}
        started = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert says in started.stderr
