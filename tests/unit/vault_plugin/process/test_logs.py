"""Log lines: what the host can read, and nothing that it dies of or that should stay secret."""

import asyncio
import errno
import functools
import json
import logging
import re
import ssl
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.vault_plugin.logical import StorageError, add_log_values
from sectigo_vault_pki.vault_plugin.process import logs

SECRET = "hunter2"

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(object),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def line_of(message: object, *args: object, level: int = logging.INFO, kv: object = None, error: Any = None) -> Any:
    info = (type(error), error, error.__traceback__) if error is not None else None
    record = logging.LogRecord("sectigo_vault_pki.scm.client", level, "", 0, message, args, info)
    if kv is not None:
        record.kv = kv
    text = logs.HclogFormatter().format(record)
    assert "\n" not in text
    assert len(text.encode()) < 64 * 1024
    return json.loads(text, parse_constant=pytest.fail)


def raised(error: Exception, cause: Exception | None = None) -> Exception:
    try:
        raise error from cause
    except type(error):
        return error


@given(message=anything, args=st.lists(anything, max_size=3), kv=st.dictionaries(anything.map(repr), anything))
def test_any_message_and_values_make_a_line_with_string_keys_of_the_hosts(
    message: object, args: list[object], kv: Mapping[Any, object]
) -> None:
    line = line_of(message, *args, kv=kv)
    assert {key for key in line if key.startswith("@")} == {"@level", "@message", "@module", "@timestamp"}
    assert all(isinstance(line[key], str) for key in line if key.startswith("@"))


@given(key=st.text(), value=anything)
def test_a_value_can_never_stand_in_for_one_of_the_hosts_keys(key: str, value: object) -> None:
    line = line_of("message", kv={f"@{key}": value, "@level": 5, "@message": {}})
    assert line["@level"] == "info"
    assert line["@message"] == "message"


def test_line_has_the_hosts_time_form_with_six_digits() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line_of("x")["@timestamp"])


@pytest.mark.parametrize(
    ("level", "name"),
    [
        (1, "trace"),
        (5, "trace"),
        (10, "debug"),
        (20, "info"),
        (25, "info"),
        (30, "warn"),
        (40, "error"),
        (logs.OFF, "error"),
        (90, "error"),
    ],
)
def test_levels_are_called_as_the_host_calls_them(level: int, name: str) -> None:
    assert line_of("x", level=level)["@level"] == name


def test_values_keep_their_kind_or_become_text() -> None:
    values = {
        "count": 3,
        "share": 0.5,
        "on": True,
        "none": None,
        "big": 2**60,
        "huge": 10**9000,
        "key": b"abc",
        "list": [1, 2],
    }
    line = line_of("x", kv=values)
    assert {key: line[key] for key in values} == {
        "count": 3,
        "share": 0.5,
        "on": True,
        "none": None,
        "big": str(2**60),
        "huge": "<29898 bits>",
        "key": "3 bytes",
        "list": "[1, 2]",
    }


@pytest.mark.parametrize(
    "hiding_place",
    [
        lambda error: [error],
        lambda error: {"deep": {"deeper": [error]}},
        lambda error: functools.partial(raised, error),
        lambda error: types.SimpleNamespace(error=error),
    ],
)
def test_exception_inside_a_value_keeps_its_text_to_itself(hiding_place: Callable[[Exception], object]) -> None:
    value = hiding_place(RuntimeError(SECRET))
    assert SECRET not in json.dumps(line_of("failed: %s", value, kv={"value": value}))
    assert SECRET not in json.dumps(line_of(value))


def test_message_arguments_are_filled_in() -> None:
    assert line_of("sent %d of %s", 2, "web")["@message"] == "sent 2 of web"


def test_message_whose_arguments_do_not_fit_is_told_as_it_is() -> None:
    assert line_of("sent %d", "two")["@message"] == "sent %d"


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_long_messages_and_values_are_cut(size: int) -> None:
    line = line_of("\N{SNOWMAN}" * size, kv={f"k{n}": "x" * size for n in range(50)})
    assert f"({size} characters)" in line["@message"]


def test_exception_is_told_by_type_and_places_without_its_text() -> None:
    error = raised(RuntimeError(f"the password is {SECRET}"), raised(ValueError(SECRET)))
    line = line_of("failed: %s", error, kv={"reason": error}, error=error)
    assert SECRET not in json.dumps(line)
    assert line["@message"] == "failed: RuntimeError"
    assert line["reason"] == line["error"] == "RuntimeError"
    assert re.search(
        r"ValueError at \S+test_logs\.py:\d+ in raised; then \S+test_logs\.py:\d+ in raised", line["traceback"]
    )


@pytest.mark.parametrize("error", [StorageError("disk on fire"), InvalidInputError("disk on fire")])
def test_our_own_errors_are_told_by_their_text(error: Exception) -> None:
    assert line_of("failed", error=raised(error))["error"] == "disk on fire"


def test_error_that_only_says_of_itself_that_its_text_is_safe_is_told_by_its_type() -> None:
    error = RuntimeError(SECRET)
    error.safe_text = True  # type: ignore[attr-defined]  # it is the class that has to know
    assert line_of("failed", error=raised(error))["error"] == "RuntimeError"


def test_level_is_that_of_the_engine_and_of_the_sdk_and_others_begin_with_warnings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "captureWarnings", lambda **_: None)
    loggers = [logging.getLogger(name) for name in ("web_demo.paths", logs.__name__, "__main__", "httpx", "root")]
    before = {logger: logger.level for logger in map(logging.getLogger, ("web_demo", logs._SDK, "__main__", ""))}
    root, flags = logging.getLogger(), (logging.logThreads, logging.logProcesses, logging.logMultiprocessing)
    handlers = root.handlers[:]
    try:
        logs.configure(logging.NullHandler(), logging.INFO, package="web_demo")
        levels = [logger.getEffectiveLevel() for logger in loggers]
    finally:
        logging.logThreads, logging.logProcesses, logging.logMultiprocessing = flags
        root.handlers[:] = handlers
        for logger, level in before.items():
            logger.setLevel(level)
    assert levels == [logging.INFO] * 3 + [logging.WARNING] * 2


def test_error_of_the_system_is_told_by_what_its_number_means() -> None:
    line = line_of(
        "failed: %s", OSError(errno.ENOSPC, SECRET, SECRET), error=raised(ConnectionRefusedError(111, SECRET))
    )
    assert line["@message"] == "failed: No space left on device"
    assert line["error"] == "Connection refused"
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize("error", [OSError(SECRET), OSError(SECRET, SECRET), ssl.SSLError(1, SECRET), StorageError("")])
def test_error_that_says_nothing_safe_is_told_by_its_type(error: Exception) -> None:
    line = line_of("failed", error=raised(error))
    assert line["error"].endswith("Error")
    assert SECRET not in json.dumps(line)


def test_value_that_cannot_be_shown_does_not_take_the_log_down() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError(SECRET)

    line = line_of("%s", Broken(), kv={"broken": Broken()})
    assert line["@message"] == line["broken"] == "<Broken>"
    assert SECRET not in json.dumps(line)


@pytest.mark.parametrize(
    ("word", "level"),
    [
        ("", logging.DEBUG),
        ("Trace", logs.TRACE),
        (" info ", logging.INFO),
        ("WARN", logging.WARNING),
        ("error", logging.ERROR),
        ("OFF", logs.OFF),
        ("loud", logging.DEBUG),
    ],
)
def test_level_is_the_variables_and_debug_without_one(word: str, level: int) -> None:
    assert logs.level_from({"OWN_LOG_LEVEL": word}, variable="OWN_LOG_LEVEL") == level


def test_level_that_the_host_was_started_with_is_not_ours_as_it_may_change() -> None:
    started = {"BAO_LOG_LEVEL": "error", "VAULT_LOG_LEVEL": "error"}
    assert logs.level_from(started, variable="OWN_LOG_LEVEL") == logging.DEBUG


def test_sys_exc_info_of_nothing_adds_nothing() -> None:
    record = logging.LogRecord("x", logging.ERROR, "", 0, "m", (), sys.exc_info())
    assert "error" not in json.loads(logs.HclogFormatter().format(record))


async def test_a_line_carries_what_is_known_of_its_request() -> None:
    async def serve(request_id: str, config: str) -> Any:
        add_log_values(request_id=request_id)
        add_log_values(config=config, unique_id="1_customer")
        await asyncio.sleep(0)
        return await asyncio.create_task(tell())

    async def tell() -> Any:
        return line_of("told", kv={"unique_id": "2_customer"})

    lines = await asyncio.gather(serve("a", "web"), serve("b", "mail"))
    assert [(line["request_id"], line["config"], line["unique_id"]) for line in lines] == [
        ("a", "web", "2_customer"),
        ("b", "mail", "2_customer"),
    ]
    assert "request_id" not in line_of("between requests")
