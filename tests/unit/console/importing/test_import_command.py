"""`sectigo-vault-pki import` as somebody at a terminal sees it, and as a script calls it."""

import json
import os
import pty
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support.console import TOKEN, Ran, run


@contextmanager
def storing(arrived: Callable[[str], None]) -> Iterator[str]:
    """Serve a mount that stores whatever is fetched; give its address."""

    class Mount(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.reply(404, {"errors": []})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            arrived(self.path.rpartition("/")[2])
            self.reply(200, {"data": {}})

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
        assert "/200" in shown
        assert TOKEN not in shown
        done = len(ids.with_name("ids.txt.state").read_text().splitlines()) - 1
        assert 0 < done < 200
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
