"""Log lines as the host reads them from stderr: one hclog JSON object each (plugin-protocol.md 2).

Modules log with the standard library, and add key-values as `extra={"kv": {"config": "web"}}`:

    _log = logging.getLogger(__name__)
    _log.info("order sent", extra={"kv": {"config": name, "attempt": 2}})

A line also carries the values of its request (`logical.add_log_values`): the host's id, and what its path names.

Values and message arguments become numbers, booleans, null or text; any other object appears by its type's name. An
exception whose class has `safe_text = True`, as `logical.LogicalError` has, appears by its text, which contains no
secret; an OSError by the meaning of its number; any other by its type, as its text may quote a secret. A line about an
exception lists where it passed through.
"""

import asyncio
import datetime as dt
import enum
import io
import itertools
import json
import logging
import math
import os
import queue
import select
import ssl
import sys
import threading
import traceback
import uuid
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from types import TracebackType
from typing import Any, TypeVar

from sectigo_vault_pki.vault_plugin.logical import log_values

TRACE = 5
OFF = logging.CRITICAL + 10
LEVELS: Mapping[str, int] = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "off": OFF,
}

_LINE_LIMIT_BYTES = 60 * 1024  # the host cuts lines at 64 KiB
_MESSAGE_LIMIT = 8 * 1024
_VALUE_LIMIT = 2 * 1024
_FRAMES_LIMIT = 30
_ITEMS_LIMIT = 100
_DEPTH_LIMIT = 3
_INTEGER_BITS_LIMIT = 1024
_JSON_SAFE_INTEGER = 2**53
_PLAIN_KINDS = frozenset({str, float, bool, uuid.UUID, dt.date, dt.datetime, dt.timedelta})

ItemT = TypeVar("ItemT")

_SDK = __name__.rpartition(".process.")[0]

_LEVEL_NAMES: Mapping[int, str] = {number: name for name, number in LEVELS.items() if number != OFF}
_QUEUE_LINES = 10_000
_FLUSH_SECONDS = 0.3
_PRINTED_LINE_LIMIT = 8 * 1024


def level_from(environ: Mapping[str, str], *, variable: str) -> int:
    """Return the level from which on lines are sent: what the variable names, else debug.

    The host drops what is below its own level (plugin-protocol.md 2), which `sys/loggers` changes while both run. So
    its level at the start means nothing, and no plugin is notified of a change.
    """
    return LEVELS.get(environ.get(variable, "").strip().lower(), logging.DEBUG)


def configure(handler: logging.Handler, level: int, *, package: str) -> None:
    """Send every logger's records to `handler`: the engine's and ours from `level` on, others from warnings on.

    Args:
        handler: writes them.
        level: the lowest that is sent.
        package: the engine's; a program of one file logs as `__main__`.
    """
    handler.setFormatter(HclogFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))
    for name in (package, _SDK, "__main__"):
        logging.getLogger(name).setLevel(level)
    logging.captureWarnings(capture=True)
    # No line shows these, so they need not be looked up ("Optimization" in Python's logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class HclogFormatter(logging.Formatter):
    """Makes a record one line of JSON, short enough for the host, with `@` keys that are always strings."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "@level": _level_name(record.levelno),
            "@message": _clip(_message(record), _MESSAGE_LIMIT),
            "@module": _clip(str(record.name), _VALUE_LIMIT),
            "@timestamp": _timestamp(record.created),
        }
        values = _values(record)
        text = json.dumps(line | values)
        if len(text) > _LINE_LIMIT_BYTES:
            text = json.dumps(line | {"left_out": f"{len(values)} values, too long for one line"})
        return text


def _level_name(number: int) -> str:
    if number in _LEVEL_NAMES:
        return _LEVEL_NAMES[number]
    lower = [name for level, name in _LEVEL_NAMES.items() if level <= number]
    return lower[-1] if lower else "trace"


def _timestamp(seconds: float) -> str:
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _message(record: logging.LogRecord) -> str:
    message = _text(record.msg)
    arguments = record.args
    if not arguments:
        return message
    try:
        if isinstance(arguments, Mapping):
            return message % {key: _argument(value) for key, value in arguments.items()}
        return message % tuple(_argument(value) for value in arguments)
    except (TypeError, ValueError, KeyError):
        return message


def _argument(value: object) -> object:
    return value if type(value) in {bool, int, float, str} else _text(value)


def _values(record: logging.LogRecord) -> dict[str, object]:
    given = getattr(record, "kv", None)
    known = {**log_values(), **given} if isinstance(given, Mapping) else log_values()
    values = {_key(key): _value(value) for key, value in known.items()}
    if record.exc_info and record.exc_info[1] is not None:
        values["error"] = _text(record.exc_info[1])
        values["traceback"] = _frames(record.exc_info[1], record.exc_info[2])
    return values


def _key(key: object) -> str:
    """Return the key as text that cannot be taken for one of the host's own."""
    return _clip(_text(key), 128).lstrip("@") or "_"


def _value(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if type(value) is int and abs(value) <= _JSON_SAFE_INTEGER:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    return _clip(_text(value), _VALUE_LIMIT)


def _text(value: object, depth: int = 0) -> str:
    """Return the value as text if its type is known to be safe, else only the type's name."""
    if isinstance(value, BaseException):
        return _error_text(value)
    if value is None or type(value) in _PLAIN_KINDS or isinstance(value, enum.Enum | PurePath):
        return str(value)
    if depth < _DEPTH_LIMIT and isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(k, depth + 1)}: {_text(v, depth + 1)}" for k, v in _first(value.items())) + "}"
    if depth < _DEPTH_LIMIT and isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(_text(item, depth + 1) for item in _first(value)) + "]"
    return _size(value)


def _size(value: object) -> str:
    """Return the kind's name, with how much of it there is where that is known."""
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, int):
        # Python refuses to write the longest ones out.
        return f"<{value.bit_length()} bits>" if value.bit_length() > _INTEGER_BITS_LIMIT else str(int(value))
    return f"<{type(value).__name__}>"


def _first(items: Iterable[ItemT]) -> Iterable[ItemT]:
    return itertools.islice(items, _ITEMS_LIMIT)


def _error_text(error: BaseException) -> str:
    if getattr(type(error), "safe_text", False) is True and str(error):
        return str(error)
    if isinstance(error, OSError) and type(error.errno) is int and not isinstance(error, ssl.SSLError):
        return os.strerror(error.errno)
    return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")


def _frames(error: BaseException, trace: TracebackType | None) -> str:
    """Return where the exception, and what it came from, went through; innermost last."""
    parts: list[str] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and cause is not error:
        parts.append(f"{_error_text(cause)} at {_places(cause.__traceback__)}; then")
    parts.append(_places(trace))
    return _clip(" ".join(parts), 4 * _VALUE_LIMIT)


def _places(trace: TracebackType | None) -> str:
    frames = traceback.StackSummary.extract(traceback.walk_tb(trace), lookup_lines=False)[-_FRAMES_LIMIT:]
    return " > ".join(f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames)


def _clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


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
        self._caught_up = 0  # only the thread changes it
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
        """Count it only: the standard library would print the record."""
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
            self._dropped += 1  # the reader is gone, and there is nowhere else to report it


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
