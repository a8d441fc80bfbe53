"""A long stretch of traffic leaves nothing behind: a short one here; `make soak` goes through 100 000 requests."""

import logging
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from secrets import token_hex

import pytest

from benchmarks.usage import resident_bytes
from scripts.openbao import OpenBaoServer
from scripts.server_binary import product
from tests.support.counted_plugin import Holdings, descriptors_of, holdings_of, install_counted
from tests.support.polling import until
from tests.support.scm_process import ScmProcess
from tests.support.secrecy import Secrets
from tests.support.soak import AT_ONCE, Soaked, Traffic
from tests.support.vault import PLUGIN, plugin_pids, watched

pytestmark = pytest.mark.vault

SEED = int(os.environ.get("SEED", "20261126"))
REQUESTS = int(os.environ.get("REQUESTS", "800"))
ROUND = min(2_500, -(-REQUESTS // 4))
"""How many requests lie between two reloads."""
SETTLED_IN = ROUND * min(4, REQUESTS // ROUND // 2)
"""From how many requests on nothing may grow any more."""
RELOADED, LASTING = f"{PLUGIN}-reloaded", f"{PLUGIN}-lasting"
"""Two catalogue entries, and so two processes: of one that is reloaded, no leak would live long enough to be seen."""

_GROWTH = 1.10
_CALM_SECONDS = 60.0
_log = logging.getLogger(__name__)


@pytest.fixture
def scm(tmp_path: Path, secrets: Secrets) -> Iterator[ScmProcess]:
    """A simulator of its own, whose order book grows long."""
    password = f"canary-{token_hex(12)}"
    secrets.add_password(password)
    with ScmProcess(tmp_path, password=password, options=("--pending-polls", "0")) as scm:
        yield scm


@pytest.fixture
def soaked(scm: ScmProcess, secrets: Secrets) -> Iterator[OpenBaoServer]:
    """A server with both entries mounted."""
    with watched(OpenBaoServer.dev(), secrets) as server:
        for name in (RELOADED, LASTING):
            install_counted(server, name=name)
            server.enable(name, path=name)
        yield server


def pid_of(server: OpenBaoServer, name: str) -> int:
    (pid,) = plugin_pids(server, name=name)
    return pid


def reload(server: OpenBaoServer, number: int) -> None:
    """Start the reloaded entry's process anew, in turn by its name and by its mount."""
    what = {"plugin": RELOADED} if number % 2 else {"mounts": [f"{RELOADED}/"]}
    server.api("PUT", "sys/plugins/reload/backend", what).expect(200, 202, 204)


def calm_holdings(server: OpenBaoServer, name: str, idle: Holdings) -> Holdings:
    """Return what a process holds, once it has no more tasks and descriptors than when it was idle."""
    pid = pid_of(server, name)
    seen: list[Holdings] = []

    def is_calm() -> bool:
        seen[:] = [holdings_of(server, pid)]
        return seen[0].tasks == idle.tasks and seen[0].descriptors <= idle.descriptors

    try:
        until(is_calm, what=f"that {name} is idle again", seconds=_CALM_SECONDS)
    except AssertionError as error:
        error.add_note(f"idle: {idle}; last: {seen}")
        raise
    return seen[0]


def report(server: OpenBaoServer, requests: int, seconds: float) -> None:
    """Log how much there is of everything, while it may still be busy."""
    memory = {name: f"{resident_bytes(pid_of(server, name)) / 2**20:.1f} MiB" for name in (RELOADED, LASTING)}
    told = {**memory, "the server's descriptors": descriptors_of(server.pid)}
    _log.info("%d requests, %.0f s: %s", requests, seconds, told)


def test_after_long_traffic_a_process_holds_no_more_than_early_on(soaked: OpenBaoServer, scm: ScmProcess) -> None:
    began = time.monotonic()
    traffic = Traffic([Soaked(soaked, name, scm) for name in (RELOADED, LASTING)], SEED)
    idle = {name: holdings_of(soaked, pid_of(soaked, name)) for name in (RELOADED, LASTING)}
    moments: list[dict[str, Holdings]] = []
    descriptors: list[int] = []
    for number, first in enumerate(range(0, REQUESTS, ROUND)):
        requests = range(first, min(first + ROUND, REQUESTS))
        traffic.run(requests, halfway=partial(reload, soaked, number), disturbed=RELOADED)
        traffic.forget_old_ones()
        report(soaked, requests.stop, time.monotonic() - began)
        if requests.stop in {SETTLED_IN, REQUESTS}:
            moments.append({name: calm_holdings(soaked, name, idle[name]) for name in idle})
            descriptors.append(descriptors_of(soaked.pid))
            _log.info("idle: %s", moments[-1])
    _log.info("answers: %s", sorted(traffic.answers.items()))
    settled, last = moments
    for name, at_first in idle.items():
        assert last[name].memory <= settled[name].memory * _GROWTH, (settled[name], last[name])
        assert last[name].objects <= settled[name].objects * _GROWTH, (settled[name], last[name])
        assert last[name].threads <= at_first.threads + (os.cpu_count() or 1), last[name]  # keys are made in them
    assert descriptors[1] <= descriptors[0] + AT_ONCE  # our own connections may come and go
    assert traffic.never_succeeded() == set()
    for name in idle:
        soaked.disable(name)
    until(lambda: not plugin_pids(soaked), what="the end of both processes")
    killed = product().is_vault_before(1, 12)  # it closes the connection that it would say Shutdown on
    assert killed or list(soaked.temporary.iterdir()) == []
