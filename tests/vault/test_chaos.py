"""Hard weather: a short run; `make chaos` makes longer ones of other seeds."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from scripts.openbao import OpenBaoServer
from tests.support.books import RAW_STORAGE
from tests.support.chaos import Chaos, plan
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.vault import PLUGIN, VaultMount, install, watched

pytestmark = pytest.mark.vault

SEED = int(os.environ.get("SEED", "20261124"))
RUNS = int(os.environ.get("RUNS", "1"))
LOGS = Path("build/chaos")
OPERATIONS = int(os.environ.get("OPERATIONS", "60"))


@pytest.fixture
def stormy(scm: ScmProcess, secrets: Secrets) -> Iterator[VaultMount]:
    """A mount on a server of its own, which keeps its state on disk and works in the background."""
    environment = {"SECTIGO_VAULT_PKI_LOG_LEVEL": "debug"}
    with watched(OpenBaoServer.raft(log_level="debug", env=environment, settings=RAW_STORAGE), secrets) as server:
        server.initialize()
        install(server)
        path = f"storm-{token_hex(4)}"
        server.enable(PLUGIN, path=path)
        yield VaultMount(server, path, scm, secrets)


@pytest.mark.parametrize("seed", range(SEED, SEED + RUNS))
def test_after_hard_weather_everything_bought_is_there_with_its_key_and_nothing_twice(
    seed: int, stormy: VaultMount
) -> None:
    chaos = Chaos(stormy)
    try:
        chaos.run(plan(seed, OPERATIONS))
        chaos.settle()
        assert len(stormy.scm.orders()) > OPERATIONS // 5
    except Exception as error:
        LOGS.mkdir(parents=True, exist_ok=True)
        error.add_note(f"the server's log: {shutil.copy(stormy.server.log_file, LOGS / f'{seed}.log')}")
        raise
