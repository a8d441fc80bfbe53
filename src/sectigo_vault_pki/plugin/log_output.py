"""What writes to stderr, and what is kept from writing there: the host dies of some lines (plugin-protocol.md 2)."""

import asyncio
import io
import logging
import os
import queue
import sys
import threading
from typing import Any

_QUEUE_LINES = 10_000
_FLUSH_SECONDS = 0.3
_PRINTED_LINE_LIMIT = 8 * 1024


class QueuedHandler(logging.Handler):
    """Writes lines from a thread of its own, so that a host that reads slowly holds up nothing but the log.

    When it falls too far behind, lines are dropped and counted.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_lines, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() < _QUEUE_LINES:
            self._lines.put(self.format(record))
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

    def _write_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._dropped and self.formatter is not None:
                dropped, self._dropped = self._dropped, 0
                note = logging.LogRecord(__name__, logging.WARNING, "", 0, "%d log lines were lost", (dropped,), None)
                self._write(self.formatter.format(note))
            self._write(line)

    def _write(self, line: str) -> None:
        data = memoryview(line.encode() + b"\n")
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._dropped += 1  # nobody reads any more; there is no other place to say it


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


def take_over_streams() -> None:
    """Turn prints and uncaught exceptions into log lines."""
    package = __package__.partition(".")[0]
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
