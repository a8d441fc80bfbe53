from collections.abc import Iterator

import pytest

from scripts.environment import Choices, Environment, running
from tests.browser.api_explorer import ApiExplorer, browser


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """OpenBao with its web UI and our mount with a config entry, and a simulator that issues at once."""
    choices = Choices(simulator_arguments=("--pending-polls", "0"), server_settings="ui = true\n")
    with running(choices) as environment:
        environment.register()
        environment.mount()
        environment.configure("demo")
        yield environment


@pytest.fixture(scope="session")
def explorer(environment: Environment) -> Iterator[ApiExplorer]:
    """The UI's API explorer, with root logged in."""
    with browser() as driver:
        explorer = ApiExplorer(driver, environment.server.address)
        explorer.log_in(environment.server.token)
        yield explorer
