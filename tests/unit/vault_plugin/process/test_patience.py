"""How long the process stays without a host, in virtual time."""

import asyncio

from sectigo_vault_pki.vault_plugin.process.run import Patience
from tests.support.virtual_time import VirtualTimeLoop


def gave_up(*steps: float | str) -> list[float]:
    """Return when, with 90 s of patience: names of steps are taken, and so many seconds waited."""
    times: list[float] = []

    async def take() -> None:
        loop = asyncio.get_running_loop()
        patience = Patience(90.0, lambda: times.append(round(loop.time())))
        for step in steps:
            if isinstance(step, str):
                getattr(patience, step)()
            else:
                await asyncio.sleep(step)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(take())
    return times


def test_host_that_never_comes_is_given_up_once() -> None:
    assert gave_up("begin", 500.0) == [90]


def test_host_that_comes_in_time_is_not() -> None:
    assert gave_up("begin", 89.0, "end", 500.0) == []


def test_host_that_goes_and_does_not_come_back_is_given_up() -> None:
    assert gave_up("begin", "end", 500.0, "begin", 50.0, "end", 5.0, "begin", 500.0) == [645]


def test_end_of_the_process_is_no_reason_to_give_up() -> None:
    assert gave_up("begin", "close", 500.0) == []
    assert gave_up("begin", "end", "close", "begin", 500.0) == []
