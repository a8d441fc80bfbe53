"""The writer of log lines, and what stands in for the standard streams."""

import asyncio
import json
import logging
import os

import pytest

from sectigo_vault_pki.vault_plugin.process import logs
from sectigo_vault_pki.vault_plugin.process.logs import HclogFormatter, LoggedStream, QueuedHandler, log_loop_error


class Pipe:
    """A handler that writes into a pipe."""

    def __init__(self) -> None:
        self.read_end, self.write_end = os.pipe()
        self.handler = QueuedHandler(self.write_end)
        self.handler.setFormatter(HclogFormatter())

    def log(self, message: str) -> None:
        self.handler.handle(logging.LogRecord("x", logging.INFO, "", 0, message, (), None))

    def lines(self) -> list[str]:
        """Close the handler and return the messages that were written."""
        self.handler.close()
        os.close(self.write_end)
        with os.fdopen(self.read_end) as file:
            return [json.loads(line)["@message"] for line in file]


@pytest.fixture
def pipe() -> Pipe:
    return Pipe()


def test_lines_are_written_in_order(pipe: Pipe) -> None:
    for number in range(50):
        pipe.log(str(number))
    assert pipe.lines() == [str(number) for number in range(50)]


def test_line_is_written_before_its_caller_goes_on(pipe: Pipe) -> None:
    os.set_blocking(pipe.read_end, False)
    pipe.log("at once")
    assert json.loads(os.read(pipe.read_end, 65536))["@message"] == "at once"
    pipe.lines()


def test_lines_behind_one_that_has_no_room_stay_in_order_and_hold_nobody_up(pipe: Pipe) -> None:
    long = "x" * 8000  # more than a pipe takes at a time
    messages = [f"{number} {long if number % 3 == 0 else ''}" for number in range(60)]
    for message in messages:
        pipe.log(message)
    chunks = [os.read(pipe.read_end, 65536)]
    while sum(chunk.count(b"\n") for chunk in chunks) < len(messages):
        chunks.append(os.read(pipe.read_end, 65536))
    assert [json.loads(line)["@message"] for line in b"".join(chunks).splitlines()] == messages
    pipe.lines()


def test_lines_that_a_slow_reader_has_no_room_for_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_QUEUE_LINES", 10)
    pipe = Pipe()
    for _ in range(400):  # more than the pipe and the queue hold
        pipe.log("x" * 1000)
    chunk = os.read(pipe.read_end, 65536)
    while pipe.handler._dropped:
        chunk += os.read(pipe.read_end, 65536)
    lines = chunk.decode() + "".join(pipe.lines())
    assert "log lines were lost" in lines


def test_reader_that_is_gone_stops_nothing(pipe: Pipe) -> None:
    os.close(pipe.read_end)
    pipe.log("nobody reads this")
    pipe.handler.close()
    os.close(pipe.write_end)


def test_prints_become_log_lines_one_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stream = LoggedStream("printed", logging.INFO)
    print("one\ntw", end="", file=stream)
    print("o", file=stream)
    assert [record.getMessage() for record in caplog.records] == ["one", "two"]


def test_endless_line_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    stream = LoggedStream("printed", logging.INFO)
    for _ in range(100):
        stream.write("x" * 1000)
    assert len(caplog.records) > 5
    assert sum(len(record.getMessage()) for record in caplog.records) <= 100_000


async def test_event_loop_error_does_not_quote_the_task_it_names(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("hunter2")

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    error = task.exception()
    loop = asyncio.get_running_loop()
    log_loop_error(loop, {"message": "Task exception was never retrieved", "exception": error, "future": task})
    (line,) = [HclogFormatter().format(record) for record in caplog.records if record.name == "asyncio"]
    assert "hunter2" not in line
    assert json.loads(line)["error"] == "RuntimeError"
