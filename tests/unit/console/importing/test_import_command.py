"""`sectigo-vault-pki import` as somebody at a terminal sees it, and as a script calls it."""

import json
import os
import pty
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support.console import TOKEN, Ran, run


@contextmanager
def storing(arrived: Callable[[str], int | None], listing: object = None) -> Iterator[str]:
    """Serve a mount that stores whatever is fetched, or answers the status that `arrived` says; give its address."""

    class Mount(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(404, listing or {"errors": []})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(arrived(self.path.rpartition("/")[2]) or 200, {"data": {}})

        def reply(self, status: int, body: object) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mount)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def imported(address: str, file: Path, *options: str) -> Ran:
    return run("import", "web", str(file), *options, home=file.parent, BAO_ADDR=address, BAO_TOKEN=TOKEN)


def at_a_terminal(address: str, file: Path, interrupt: Event | None = None) -> tuple[int, str]:
    """Run it in a terminal of its own, interrupt it with the event; return its exit status and what it showed."""
    pid, terminal = pty.fork()
    if pid == 0:
        words = [sys.executable, "-m", "sectigo_vault_pki", "import", "web", str(file)]
        environ = {"BAO_ADDR": address, "BAO_TOKEN": TOKEN, "HOME": str(file.parent), "TERM": "xterm"}
        os.execve(sys.executable, words, environ)
    shown = b""
    while True:
        if interrupt is not None and interrupt.is_set():
            interrupt.clear()
            os.kill(pid, signal.SIGINT)
        try:
            read = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not read:
            break
        shown += read
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


@pytest.fixture
def ids(tmp_path: Path) -> Path:
    file = tmp_path / "ids.txt"
    file.write_text("\n".join(map(str, range(200))))
    return file


@pytest.mark.process
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_an_interrupted_import_shows_its_progress_and_continues_where_it_was(ids: Path) -> None:
    asked: Counter[str] = Counter()
    enough = Event()

    def arrived(certificate_id: str) -> None:
        asked[certificate_id] += 1
        if asked.total() == 50:
            enough.set()

    with storing(arrived) as address:
        status, shown = at_a_terminal(address, ids, enough)
        assert status == 130
        assert "interrupted" in shown
        counts = re.search(r"(\d+) imported, 0 were stored before, 0 failed, (\d+) are left", shown)
        assert counts is not None
        assert "the same command continues" in shown
        assert "/200" in shown
        assert TOKEN not in shown
        done = len(ids.with_name("ids.txt.state").read_text().splitlines()) - 1
        assert 0 < done < 200
        assert (int(counts[1]), int(counts[2])) == (done, 200 - done)
        status, shown = at_a_terminal(address, ids)
    assert status == 0
    assert f"{200 - done} imported, {done} were stored before, 0 failed" in shown
    assert set(asked) == {str(number) for number in range(200)}
    assert asked.total() <= 200 + 4  # those that were in progress when it was interrupted


def test_what_is_done_is_in_the_file_that_is_named(ids: Path, tmp_path: Path) -> None:
    state = tmp_path / "elsewhere"
    with storing(lambda _: None) as address:
        assert imported(address, ids, f"-state={state}", "-format=json").json["imported"] == 200
        assert imported(address, ids, f"-state={state}", "-format=json").json["skipped"] == 200
    assert not ids.with_name("ids.txt.state").exists()


def test_a_file_that_cannot_be_read_is_wrong_use(tmp_path: Path) -> None:
    ran = imported("http://127.0.0.1:9", tmp_path / "nothing.txt")
    assert (ran.status, ran.output) == (1, "")
    assert "nothing.txt cannot be read" in ran.errors


@pytest.mark.parametrize("file", ["-", "pipe"])
def test_beside_what_is_no_regular_file_nothing_is_kept(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", StringIO("1\n"))
    writer = Thread(target=lambda: Path("pipe").write_text("1\n"), daemon=True)
    if file == "pipe":
        writer.start()
    with storing(lambda _: None) as address:
        ran = imported(address, Path(file))
    assert (ran.status, ran.output) == (0, "1 imported, 0 were stored before, 0 failed\n")
    assert [one.name for one in tmp_path.iterdir()] == ["pipe"]


def test_standard_input_is_imported_with_a_state_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("1\n2\n"))
    with storing(lambda _: None) as address:
        ran = imported(address, Path("-"), f"-state={tmp_path}/state")
    assert (ran.status, ran.output) == (0, "2 imported, 0 were stored before, 0 failed\n")


def test_a_file_that_never_ends_is_not_read_to_its_end(tmp_path: Path) -> None:
    ran = imported("http://127.0.0.1:9", Path("/dev/zero"), f"-state={tmp_path}/state")
    assert ran.status == 1
    assert "line 1 has more than 65536 characters" in ran.errors


def test_an_import_that_the_server_ends_says_how_far_it_came(ids: Path) -> None:
    def arrived(_: str) -> int:
        return 200 if ids.with_name("ids.txt.state").read_text().count("\n") < 1 + 20 else 403

    with storing(arrived) as address:
        ran = imported(address, ids, "-parallel=1")
    assert (ran.status, ran.output) == (2, "")
    counts, error = ran.errors.splitlines()
    assert counts == "20 imported, 0 were stored before, 0 failed, 180 are left: the same command continues"
    assert "HTTP 403" in error


def test_an_entry_that_does_not_exist_ends_the_import_before_it_begins(ids: Path) -> None:
    asked: list[str] = []
    with storing(asked.append, listing={"errors": ['no config entry named "web"']}) as address:
        ran = imported(address, ids)
    assert (ran.status, asked) == (1, [])
    assert "no config entry" in ran.errors
