"""A simulator that issues at once, a clock that only moves when told to, and a client of either listener."""

from collections.abc import AsyncIterator

import httpx
import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator, SimulatorTransport
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings
from tests.unit.scm_simulator.tenant import LOGIN, Clock, token_of


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def simulator(clock: Clock) -> Simulator:
    return Simulator(now=clock.now, sleep=clock.sleep, settings=Settings(pending_polls=0))


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=SimulatorTransport(simulator), base_url="http://scm.test", headers=LOGIN
    ) as client:
        yield client


@pytest.fixture
async def control(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=simulator.control_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://control.test") as client:
        yield client


@pytest.fixture
async def admin(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the admin host: with a token in the place of a header login."""
    transport = SimulatorTransport(simulator)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin.test") as client:
        client.headers["authorization"] = f"Bearer {await token_of(client)}"
        simulator.calls.clear()
        yield client
