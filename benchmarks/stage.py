"""The servers that a figure is measured on: OpenBao with the plugin, and a simulator, new for each group of figures."""

import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks.load import Outcome, Plan
from benchmarks.running_load import BenchmarkError, RunningLoad, running_load
from benchmarks.usage import cpu_seconds, peak_resident_bytes, resident_bytes
from scripts.environment import MOUNT, PLUGIN, Choices, Environment, running
from scripts.openbao import OpenBaoServer
from scripts.stopping import StopSignals
from tests.support.vault import ORDER, plugin_pids

CONFIG = "demo"
RSA_ORDER: Mapping[str, object] = {**ORDER, "sectigo_csr_key_algo": "RSA", "sectigo_csr_key_size": 2048}
EC_ORDER: Mapping[str, object] = ORDER


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds used so far."""

    plugin: float
    server: float
    simulator: float

    def since(self, before: "Usage") -> "Usage":
        """Return what was used between."""
        return Usage(self.plugin - before.plugin, self.server - before.server, self.simulator - before.simulator)


@dataclass(frozen=True)
class Stage:
    """Running servers, and what every benchmark does with them."""

    environment: Environment
    stop: StopSignals
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def server(self) -> OpenBaoServer:
        """The OpenBao server."""
        return self.environment.server

    @property
    def plugin_pid(self) -> int:
        """The plugin's process id.

        Raises:
            BenchmarkError: there is not exactly one.
        """
        pids = plugin_pids(self.server)
        if len(pids) != 1:
            raise BenchmarkError(f"{len(pids)} processes of the plugin run, and not one")
        return pids[0]

    def usage(self) -> Usage:
        """Return what the three have used so far."""
        return Usage(
            plugin=cpu_seconds(self.plugin_pid),
            server=cpu_seconds(self.server.pid),
            simulator=cpu_seconds(self.environment.simulator.process.pid),
        )

    def plugin_peak_memory(self) -> int:
        """Return the most memory that the plugin's process has had resident, in bytes."""
        return peak_resident_bytes(self.plugin_pid)

    def plugin_memory(self) -> int:
        """Return the plugin's resident memory in bytes."""
        return resident_bytes(self.plugin_pid)

    def plan(self, method: str, path: str, body: Mapping[str, object] | None = None, **options: Any) -> Plan:
        """Return a plan for this server; `path` is what follows `/v1/`."""
        address = urlsplit(self.server.address)
        return Plan(
            host=address.hostname or "",
            port=address.port or 0,
            token=self.server.token,
            method=method,
            path=path,
            body="" if body is None else json.dumps(body),
            **options,
        )

    def enrolment_plan(
        self, order: Mapping[str, object], *, config: str = CONFIG, prefix: str = "host", **options: Any
    ) -> Plan:
        """Return a plan of enrolments, each for a domain of its own."""
        body = {**order, "sectigo_csr_domain": f"{prefix}-{{number}}.example.test"}
        return self.plan("POST", f"{MOUNT}/enroll/{config}", body, **options)

    def read_plan(self, unique_id: str, **options: Any) -> Plan:
        """Return a plan of reads of one certificate."""
        return self.plan("GET", f"{MOUNT}/certs/{CONFIG}/{unique_id}", **options)

    def load(self, plan: Plan) -> AbstractContextManager[RunningLoad]:
        """Start a generator."""
        return running_load(plan, self.environment.folder / f"load-{next(self._numbers)}", self.stop)

    def run(self, plan: Plan) -> Outcome:
        """Run a generator to its end.

        Raises:
            BenchmarkError: a request was not answered as planned.
        """
        with self.load(plan) as load:
            return load.outcome()

    def enrol(self, order: Mapping[str, object] = RSA_ORDER) -> dict[str, Any]:
        """Enrol one certificate, and return what a read of it answers.

        Raises:
            BenchmarkError: it was not issued.
        """
        enrolled = self.server.api("POST", f"{MOUNT}/enroll/{CONFIG}", order).expect(200).data
        data = self.server.api("GET", f"{MOUNT}/certs/{CONFIG}/{enrolled['cert_unique_id']}").expect(200).data
        if data["status"] != "Issued":
            raise BenchmarkError(f"an enrolment ended as {data['status']}")
        return data

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the simulator's control listener, and return the JSON that it answers."""
        url = f"{self.environment.simulator.control_url}{path}"
        with httpx.Client(timeout=60, trust_env=False) as client:
            return client.request(method, url, json=body).raise_for_status().json()


_OF_THE_TESTS = ("h2", "sniffio", "trio")
"""Packages that users do not install with the plugin, and that httpcore imports where it finds them."""


def as_installed(folder: Path) -> Path:
    """Write the command that starts the plugin without packages that only the tests need."""
    command = folder / PLUGIN
    command.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({_OF_THE_TESTS!r}))\n"
        "from sectigo_vault_pki.__main__ import main\n"
        "sys.exit(main())\n"
    )
    return command


@contextmanager
def stage(
    stop: StopSignals,
    *,
    server_settings: str = "",
    executable: Path | None = None,
    plugin_environment: Sequence[str] = (),
    raft: bool = False,
) -> Iterator[Stage]:
    """Start both servers, with the plugin mounted and a config entry; the simulator issues at once.

    Args:
        stop: ends the measuring.
        server_settings: further lines of the server's configuration.
        executable: what is registered; None: the plugin as users have it.
        plugin_environment: `NAME=value`, for the plugin.
        raft: see `Choices`.
    """
    with TemporaryDirectory(prefix="bench") as folder:
        choices = Choices(
            simulator_arguments=("--pending-polls", "0"),
            plugin_environment=plugin_environment,
            server_settings=server_settings,
            executable=executable or as_installed(Path(folder)),
            raft=raft,
        )
        yield from _staged(choices, stop)


def _staged(choices: Choices, stop: StopSignals) -> Iterator[Stage]:
    with running(choices) as environment:
        stop.check()
        environment.register()
        environment.mount()
        environment.configure(CONFIG)
        yield Stage(environment, stop)
