"""The folder of the process's sockets."""

import os
import stat
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sectigo_vault_pki.vault_plugin.process.handshake import Launch
from sectigo_vault_pki.vault_plugin.process.transport import SocketFolder as AnyFolder

SocketFolder = partial(AnyFolder, name="web-demo")


def test_folder_is_ours_alone_and_goes_with_us() -> None:
    with SocketFolder(Launch("pem")) as sockets:
        folder = sockets.host_socket.parent
        assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, sockets.private)] == [0o700, 0o700]
        (sockets.private / "host.pem").touch()
    assert not folder.exists()


def test_too_long_a_temporary_folder_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    with SocketFolder(Launch("pem")) as sockets:
        assert len(str(sockets.host_socket)) < 108
    assert list(long.iterdir()) == []


def test_too_long_a_folder_of_the_hosts_is_an_error(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    with pytest.raises(OSError, match="longer than 107 bytes"):
        SocketFolder(Launch("pem", socket_dir=str(long)))
    assert list(long.iterdir()) == []


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: pytest's own, a level deeper with workers, can be too long for sockets below it."""
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(folder: Path) -> None:
    abandoned = folder / "plugin-web-demo-killed"
    (abandoned / "p").mkdir(parents=True)
    (abandoned / "s").touch()
    foreign = folder / "plugin-of-somebody"
    foreign.mkdir()
    launch = Launch("pem", socket_dir=str(folder))
    with SocketFolder(launch) as living, SocketFolder(launch) as newcomer:
        newcomer.remove_abandoned()
        assert {*folder.iterdir()} == {foreign, living.host_socket.parent, newcomer.host_socket.parent}
    assert [*folder.iterdir()] == [foreign]


def test_a_link_in_the_place_of_a_folder_is_left_alone(folder: Path) -> None:
    target = folder / "target"
    target.mkdir()
    link = folder / "plugin-web-demo-link"
    link.symlink_to(target)
    with SocketFolder(Launch("pem", socket_dir=str(folder))) as sockets:
        sockets.remove_abandoned()
    assert link.is_symlink()
    assert target.is_dir()


@pytest.mark.parametrize("name", ["name", "id"])
def test_group_may_be_a_name_or_a_number(name: str) -> None:
    import grp

    group = os.getgid()
    with SocketFolder(Launch("pem", socket_group=grp.getgrgid(group).gr_name if name == "name" else str(group))) as own:
        own.host_socket.touch()
        own.admit_group()
        assert stat.S_IMODE(own.host_socket.stat().st_mode) == 0o660
        assert stat.S_IMODE(own.private.stat().st_mode) == 0o700
        assert own.host_socket.stat().st_gid == group


def test_unknown_group_is_an_error() -> None:
    with pytest.raises(KeyError):
        SocketFolder(Launch("pem", socket_group="no such group"))
