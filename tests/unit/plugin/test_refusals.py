"""What is said about connections that are not the host's, in virtual time."""

import asyncio
import logging

import pytest

from sectigo_vault_pki.plugin.refusals import RefusalLog
from tests.support.virtual_time import VirtualTimeLoop


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> list[object]:
    """The reasons and the numbers that were logged."""
    seen: list[object] = []

    def note(record: logging.LogRecord) -> bool:
        seen.extend(record.__dict__["kv"].values())
        return True

    caplog.handler.addFilter(note)
    return seen


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


def test_refusals_now_and_then_are_told_one_by_one(told: list[object]) -> None:
    often: list[float | str] = ["no TLS", 10.0]
    run(*often * 30)
    assert told == ["no TLS"] * 30


def test_many_at_once_are_told_ten_times_and_then_counted(told: list[object]) -> None:
    run(*["no TLS"] * 1000)
    assert told == ["no TLS"] * 10 + [990]


def test_those_of_a_long_attack_are_counted_each_minute(told: list[object]) -> None:
    often: list[float | str] = ["x", 0.01]
    run(*often * 18_000)
    numbers = [number for number in told if isinstance(number, int)]
    assert len(told) - len(numbers) <= 10 + 3 * 10
    assert len(numbers) == 3
    assert sum(numbers) + len(told) - len(numbers) == 18_000


def test_nothing_more_is_said_where_nothing_is_left_to_say(told: list[object]) -> None:
    run(*["x"] * 10, 200.0)
    assert told == ["x"] * 10
