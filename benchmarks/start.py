"""The plugin's start, and what it holds when it has nothing to do."""

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.figures import Measurement
from benchmarks.running_load import BenchmarkError
from benchmarks.stage import stage
from scripts.environment import EXECUTABLE, small_environment
from scripts.stopping import StopSignals
from sectigo_vault_pki.vault_plugin.process.handshake import COOKIE_NAME, COOKIE_VALUE, MULTIPLEXED_PROTOCOL
from sectigo_vault_pki.vault_plugin.testing.host_identity import new_host_identity

STARTS = 9
IDLE_SECONDS = 2.0

_FIELDS = 6
_STOP_SECONDS = 10.0


def measure_start(stop: StopSignals) -> list[Measurement]:
    """Start the plugin as a host does, several times; then let it serve a mount, and look at it at rest."""
    with TemporaryDirectory(prefix="bench") as folder:
        variables = _host_variables(Path(folder))
        _time_to_handshake(variables)  # leaves compiled modules behind, as an installation has them
        times = []
        for _ in range(STARTS):
            stop.check()
            times.append(_time_to_handshake(variables))
    with stage(stop) as servers:
        servers.enrol()  # with it, everything that is imported late has been
        stop.wait(IDLE_SECONDS)
        memory = servers.plugin_memory()
    return [
        Measurement("handshake", ours=median(times), details={"starts": times}),
        Measurement("idle_memory", ours=memory / 2**20),
    ]


def _host_variables(folder: Path) -> dict[str, str]:
    return small_environment() | {
        COOKIE_NAME: COOKIE_VALUE,
        "PLUGIN_PROTOCOL_VERSIONS": str(MULTIPLEXED_PROTOCOL),
        "PLUGIN_CLIENT_CERT": new_host_identity(folder).pem,
        "TMPDIR": str(folder),
    }


def _time_to_handshake(variables: dict[str, str]) -> float:
    started = time.perf_counter()
    with _started(variables) as process:
        assert process.stdout is not None  # noqa: S101  it is a pipe
        line = process.stdout.readline()
        seconds = time.perf_counter() - started
    if line.count(b"|") < _FIELDS - 1:
        raise BenchmarkError("the plugin did not shake hands")
    return seconds


@contextmanager
def _started(variables: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [EXECUTABLE], env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()
            process.communicate()
