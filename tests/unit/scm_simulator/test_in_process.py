"""The in-process transport behaves as a connection does."""

import asyncio

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from tests.unit.scm_simulator.tenant import LOGIN, SSL, enrolment


class Gate:
    """A sleep that somebody else ends."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.open = asyncio.Event()

    async def sleep(self, _seconds: float) -> None:
        self.entered.set()
        await self.open.wait()


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def slow(gate: Gate) -> Simulator:
    simulator = Simulator(sleep=gate.sleep)
    simulator.faults.add("enroll", "slow", seconds=60)
    return simulator


async def test_the_read_timeout_is_held(slow: Simulator) -> None:
    timeout = httpx.Timeout(5, read=0.01)
    async with httpx.AsyncClient(transport=SimulatorTransport(slow), headers=LOGIN, timeout=timeout) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"http://scm.test{SSL}/enroll", json=enrolment())
    assert len(slow.orders) == 1


async def test_a_request_goes_on_when_its_caller_gives_up(slow: Simulator, gate: Gate) -> None:
    slow.faults.clear()
    slow.settings.latency = 1  # waits before it books
    async with httpx.AsyncClient(transport=SimulatorTransport(slow), headers=LOGIN) as client:
        task = asyncio.create_task(client.post(f"http://scm.test{SSL}/enroll", json=enrolment()))
        await gate.entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(slow.orders) == 0
        gate.open.set()
        await client.get(f"http://scm.test{SSL}/types")
    assert len(slow.orders) == 1


async def test_closing_ends_what_still_runs(slow: Simulator, gate: Gate) -> None:
    transport = SimulatorTransport(slow)
    client = httpx.AsyncClient(transport=transport, headers=LOGIN)
    task = asyncio.create_task(client.post(f"http://scm.test{SSL}/enroll", json=enrolment()))
    await gate.entered.wait()
    await client.aclose()
    with pytest.raises(asyncio.CancelledError):
        await task
