"""How a run is spread over workers, and how much of what is generated it tries."""

import gc

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from tests.support.fuzzing import examples
from tests.support.units import rank_of, unit_of

pytest.register_assert_rewrite("sectigo_vault_pki.vault_plugin.testing")

# How long an example takes depends on what else the machine does; --timeout bounds the whole test.
settings.register_profile(
    "ours", max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ours")


class UnitScheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist ships no types
    """Gives each worker one unit after the other, in the order of the tests."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> UnitScheduling:
    return UnitScheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests, which pytest-randomly has shuffled."""
    items.sort(key=lambda item: rank_of(item.nodeid))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep five thousand tests and their modules out of every garbage collection: a tenth of the run's time."""
    gc.collect()
    gc.freeze()
