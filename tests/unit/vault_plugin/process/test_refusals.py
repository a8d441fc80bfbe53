"""What is said about connections that are not the host's, in virtual time."""

import asyncio

import pytest

from sectigo_vault_pki.vault_plugin.process.transport import RefusalLog
from tests.support.virtual_time import VirtualTimeLoop


def told(caplog: pytest.LogCaptureFixture) -> list[object]:
    """Return the reasons and the numbers that were logged."""
    return [value for record in caplog.records for value in record.__dict__["kv"].values()]


def run(*steps: float | str) -> None:
    """Refuse for each text, wait for each number of seconds, and close."""

    async def take() -> None:
        refusals = RefusalLog()
        for step in steps:
            if isinstance(step, str):
                refusals(step)
            else:
                await asyncio.sleep(step)
        refusals.close()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(take())


def test_refusals_now_and_then_are_told_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    often: list[float | str] = ["no TLS", 10.0]
    run(*often * 30)
    assert told(caplog) == ["no TLS"] * 30


def test_many_at_once_are_told_ten_times_and_then_counted(caplog: pytest.LogCaptureFixture) -> None:
    run(*["no TLS"] * 1000)
    assert told(caplog) == ["no TLS"] * 10 + [990]


def test_those_of_a_long_attack_are_counted_each_minute(caplog: pytest.LogCaptureFixture) -> None:
    often: list[float | str] = ["x", 0.01]
    run(*often * 18_000)
    values = told(caplog)
    numbers = [value for value in values if isinstance(value, int)]
    lines = len(values) - len(numbers)
    assert lines <= 10 + 3 * 10
    assert len(numbers) == 3
    assert sum(numbers) + lines == 18_000


def test_nothing_more_is_said_where_nothing_is_left_to_say(caplog: pytest.LogCaptureFixture) -> None:
    run(*["x"] * 10, 200.0)
    assert told(caplog) == ["x"] * 10
