"""What writes to stderr, and what is kept from writing there: the host dies of some lines (plugin-protocol.md 2)."""

import asyncio
import io
import logging
import os
import queue
import select
import sys
import threading
from typing import Any

_QUEUE_LINES = 10_000
_FLUSH_SECONDS = 0.3
_PRINTED_LINE_LIMIT = 8 * 1024


class QueuedHandler(logging.Handler):
    """Writes a line at once where there is room for it, else from a thread of its own, in order.

    So a host that reads slowly holds up nothing but the log; when it falls too far behind, lines are dropped and
    counted. A thread that woke for each line would cost the loop more than the line, as both want the interpreter.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._queued = 0
        self._caught_up = 0  # the thread's own count: nobody else changes it
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_lines, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        line = _encoded(self.format(record))
        waiting = self._queued - self._caught_up
        if not waiting and not self._dropped and self._has_room_for(line):
            self._write(line)
        elif waiting < _QUEUE_LINES:
            self._queued += 1
            self._lines.put(line)
        else:
            self._dropped += 1

    def close(self) -> None:
        """Write what is queued, for a moment at most."""
        self._lines.put(None)
        self._thread.join(_FLUSH_SECONDS)
        super().close()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Say no more than that: the standard way prints the record."""
        del record
        self._dropped += 1

    def _has_room_for(self, line: bytes) -> bool:
        """Whether a write does not block: a pipe that takes anything takes `PIPE_BUF` bytes (pipe(7), poll(2))."""
        return len(line) <= select.PIPE_BUF and bool(self._room.poll(0))

    def _write_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._dropped and self.formatter is not None:
                dropped, self._dropped = self._dropped, 0
                note = logging.LogRecord(__name__, logging.WARNING, "", 0, "%d log lines were lost", (dropped,), None)
                self._write(_encoded(self.formatter.format(note)))
            self._write(line)
            self._caught_up += 1

    def _write(self, line: bytes) -> None:
        data = memoryview(line)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._dropped += 1  # nobody reads any more; there is no other place to say it


def _encoded(line: str) -> bytes:
    return line.encode() + b"\n"


class LoggedStream(io.TextIOBase):
    """Stands in for `sys.stdout` and `sys.stderr`: whatever is printed becomes log lines."""

    def __init__(self, name: str, level: int) -> None:
        super().__init__()
        self._log = logging.getLogger(name)
        self._level = level
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        if len(self._rest) > _PRINTED_LINE_LIMIT:
            lines.append(self._rest)
            self._rest = ""
        for line in lines:
            self._log.log(self._level, "%s", line)
        return len(text)


def take_over_streams(package: str) -> None:
    """Turn prints and uncaught exceptions into log lines; prints into those of the engine's package."""
    sys.stdout = LoggedStream(f"{package}.stdout", logging.DEBUG)
    sys.stderr = LoggedStream(f"{package}.stderr", logging.DEBUG)
    sys.excepthook = lambda kind, error, trace: _log_uncaught((kind, error, trace))
    threading.excepthook = lambda hook: _log_uncaught((hook.exc_type, hook.exc_value, hook.exc_traceback))
    sys.unraisablehook = lambda hook: _log_uncaught((hook.exc_type, hook.exc_value, hook.exc_traceback))


def log_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio has to say, without the objects it names: a task's repr quotes its exception."""
    del loop
    error = context.get("exception")
    info = (type(error), error, error.__traceback__) if isinstance(error, BaseException) else None
    message = str(context.get("message", "error in the event loop"))
    logging.getLogger("asyncio").error("%s", message, exc_info=info)


def _log_uncaught(info: Any) -> None:
    kind, error, trace = info
    exc_info = (kind, error, trace) if error is not None else None
    logging.getLogger(__package__).error("uncaught exception", exc_info=exc_info)
