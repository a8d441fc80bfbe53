from collections.abc import AsyncIterator, Mapping

import pytest

from sectigo_vault_pki.scm_simulator.simulator import Simulator
from tests.support.mount import Mount
from tests.support.virtual_time import LoopClock, VirtualTimeLoop, virtual_loop_factories


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, type[VirtualTimeLoop]]:
    """Paths are tested in virtual time: waiting costs nothing."""
    return virtual_loop_factories()


@pytest.fixture
async def clock() -> LoopClock:
    return LoopClock()


@pytest.fixture
async def simulator(clock: LoopClock) -> Simulator:
    return Simulator(now=clock.now)


@pytest.fixture
async def mount(simulator: Simulator, clock: LoopClock) -> AsyncIterator[Mount]:
    mounted = Mount(simulator, clock)
    yield mounted
    await mounted.backend.cleanup()


@pytest.fixture
async def ready(mount: Mount) -> Mount:
    """A mount with the config entry `web`, whose orders are issued at once."""
    mount.simulator.settings.pending_polls = 0
    await mount.configure()
    return mount


@pytest.fixture
async def elsewhere(ready: Mount, simulator: Simulator, clock: LoopClock) -> Mount:
    """Another Vault with the same account."""
    other = Mount(simulator, clock)
    await other.configure()
    return other
