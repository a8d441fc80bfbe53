"""The single-file program as a process of a host's: its own interpreter and libraries, and one process."""

import os
import shutil
import signal
import ssl
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from secrets import token_hex
from statistics import median

import pytest
import trustme

from sectigo_vault_pki import __version__
from sectigo_vault_pki.vault_plugin.testing.plugin_host import UNWRAP, PluginHost
from tests.support.one_file import Installed, host_environment, mapped_files, of_process
from tests.support.scm_process import ScmProcess
from tests.support.vault import ORDER

pytestmark = pytest.mark.process

PT_INTERP, PT_DYNAMIC = 3, 2
START_SECONDS = 1.2


@pytest.fixture(scope="module")
def scm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScmProcess]:
    with ScmProcess(tmp_path_factory.mktemp("scm"), password=token_hex(12), options=("--pending-polls", "0")) as scm:
        yield scm


class Cell:
    """A root folder that holds the program and nothing else; what runs in it sees itself under the same paths."""

    def __init__(self, program: Path) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="cell", dir="/tmp"))  # short, for the sockets below it
        (self.root / "tmp").mkdir()
        (self.root / self.root.relative_to("/")).symlink_to("/")
        (self.root / "dev").mkdir()
        os.mknod(self.root / "dev" / "null", 0o666 | 0o020000, os.makedev(1, 3))
        shutil.copy2(program, self.root / "plugin")

    @property
    def command(self) -> list[str]:
        return ["/usr/sbin/chroot", str(self.root), "/plugin"]


@pytest.fixture
def cell(program: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cell]:
    """Such a root, in which hosts of this test have their folders."""
    cell = Cell(program)
    monkeypatch.setattr(tempfile, "tempdir", str(cell.root / "tmp"))
    yield cell
    shutil.rmtree(cell.root)


@pytest.fixture
async def host(unpacked_once: Installed) -> AsyncIterator[PluginHost]:
    async with PluginHost([str(unpacked_once.program)], env={**unpacked_once.env, "PATH": None}) as host:
        yield host


def test_it_says_which_version_it_is_and_that_it_needs_no_libc_without_unpacking(installed: Installed) -> None:
    said = installed.run("--version")
    assert (said.returncode, said.stderr) == (0, "")
    version, needs = said.stdout.splitlines()
    assert version == f"sectigo-vault-pki {__version__}"
    assert "needs no libc and no Python of the host" in needs
    assert not installed.place.exists()


def test_it_has_neither_a_loader_nor_libraries_to_ask_for(program: Path) -> None:
    content = program.read_bytes()
    offset, size, count = struct.unpack_from("<Q", content, 32)[0], *struct.unpack_from("<HH", content, 54)
    kinds = {struct.unpack_from("<I", content, offset + number * size)[0] for number in range(count)}
    assert kinds
    assert kinds.isdisjoint({PT_INTERP, PT_DYNAMIC})


async def test_in_an_empty_root_it_serves_a_mount(cell: Cell, scm: ScmProcess) -> None:
    async with PluginHost(cell.command) as host:
        mount = await host.mount()
        await mount.request("create", "configs/web", scm.config())
        enrolled = await mount.data("update", "enroll/web", ORDER)
        assert enrolled["status"] == "Issued"
        assert await mount.data("read", f"certs/web/{enrolled['cert_unique_id']}") == enrolled
        assert {path.name for path in cell.root.iterdir()} == {"dev", "plugin", "tmp"}
        assert await host.shut_down() < 2


async def test_in_an_empty_root_it_reads_its_arguments_and_trusts_the_cas_of_that_system(cell: Cell) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    bundle = cell.root / "etc" / "pki" / "tls" / "certs" / "ca-bundle.crt"
    bundle.parent.mkdir(parents=True)
    for arguments, trusted in (["-tls-skip-verify"], trustme.CA()), ([], authority):
        trusted.cert_pem.write_to_path(str(bundle))
        async with PluginHost([*cell.command, *arguments], mode=UNWRAP, api_tls=tls) as host:
            await host.mount()
            assert len(host.api.calls) == 1
            await host.shut_down()


async def test_the_process_that_the_host_starts_is_the_plugin(unpacked_once: Installed, host: PluginHost) -> None:
    await host.mount()
    pid = host.process.pid
    program, loader, *_ = of_process(pid, "cmdline").split("\0")
    assert (program, loader) == (str(unpacked_once.program), "--inhibit-cache")
    assert of_process(pid, "comm") == "sectigo-vault-p\n"
    assert of_process(pid, f"task/{pid}/children") == ""


@pytest.mark.parametrize(
    "env",
    [
        {"LD_PRELOAD": "{library}", "LD_LIBRARY_PATH": "{foreign}", "LD_AUDIT": "{foreign}/a.so"},
        {"PYTHONPATH": "{foreign}", "PYTHONHOME": "{foreign}", "PYTHONSTARTUP": "{foreign}/json.py"},
        {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.ISO-8859-1", "LOCPATH": "{foreign}", "GCONV_PATH": "{foreign}"},
        {"PATH": "{foreign}", "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=0"},
    ],
    ids=lambda env: next(iter(env)),
)
async def test_nothing_of_the_host_is_loaded(unpacked_once: Installed, tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the host')")
    (tmp_path / "libc.so.6").touch()
    library = next(path for path in mapped_files(os.getpid()) if path.name.startswith("libssl"))
    chosen = {name: value.format(foreign=tmp_path, library=library) for name, value in env.items()}
    async with PluginHost([str(unpacked_once.program)], env={**unpacked_once.env, **chosen}) as host:
        mount = await host.mount()
        await mount.request("list", "configs/")
        mapped = mapped_files(host.process.pid)
    assert {path for path in mapped if not path.is_relative_to(unpacked_once.folder)} == set()
    assert any(path.name == "libc.so.6" for path in mapped)


async def test_the_folder_is_locked_against_cleaners_while_it_is_run_from(
    unpacked_once: Installed, host: PluginHost
) -> None:
    assert unpacked_once.is_in_use()
    host.process.send_signal(signal.SIGKILL)
    await host.wait()
    assert not unpacked_once.is_in_use()


def time_to_handshake(installed: Installed, folder: Path) -> float:
    """Return the seconds from the start to the first line."""
    started = time.monotonic()
    process = subprocess.Popen(
        [installed.program],
        env=installed.env | host_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    with process:
        assert process.stdout.readline().startswith(b"1|5|unix|")
        seconds = time.monotonic() - started
        process.terminate()
    return seconds


def test_it_shakes_hands_within_the_time_that_is_promised(unpacked_once: Installed, tmp_path: Path) -> None:
    assert median(time_to_handshake(unpacked_once, tmp_path) for _ in range(5)) < START_SECONDS
