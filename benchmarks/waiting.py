"""Two thousand enrolments that wait at once: what each holds, what reads feel of them, and how soon they end."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.figures import Measurement
from benchmarks.load import Outcome, Plan
from benchmarks.percentiles import percentile
from benchmarks.running_load import BenchmarkError, RunningLoad
from benchmarks.stage import CONFIG, EC_ORDER, Stage, Usage, stage
from scripts.environment import MOUNT
from scripts.stopping import StopSignals

ENROLMENTS = 2_000
ARRIVAL_RATE = 50.0
"""They come at a pace that the product keeps up with: it is their waiting that is looked at, not a rush."""
SERVER_SETTINGS = 'default_max_request_duration = "300s"'
WAIT_LIMIT_SECONDS = 280
WARM_UP_REQUESTS = 100
CLIENTS = 8
FIRST_POLLS_SECONDS = 35.0
"""After 1 + 2 + 4 + 8 + 16 s the pauses between two polls have their full length."""
READ_RATE = 100.0
READ_CONNECTIONS = 16
READ_SECONDS = 20.0
SAMPLE = 100
SAMPLE_RATE = 5.0
"""So few are issued at a time that it is the waiting which is measured, and not the throughput of collecting."""

_PREFIX = "wait"
_LOOK_SECONDS = 1.0
_RAMP_SECONDS = 240.0
_LONGEST_DELAY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Waited:
    """What was seen while they waited."""

    ramp_seconds: float
    memory: int
    reads: Outcome
    usage: Usage
    delays: Sequence[float]


def measure_waiting(stop: StopSignals) -> list[Measurement]:
    """Let them wait; read meanwhile at a steady pace; then have some of them issued, one after the other."""
    with stage(stop, server_settings=SERVER_SETTINGS) as servers:
        read_id = prepare(servers)
        reads = servers.read_plan(read_id, connections=READ_CONNECTIONS, rate=READ_RATE, seconds=READ_SECONDS)
        idle = servers.run(reads)
        memory = servers.plugin_memory()
        waited = _while_waiting(servers, reads)
    idle_p99, waiting_p99 = (percentile(outcome.latencies, 99) * 1e3 for outcome in (idle, waited.reads))
    return [
        Measurement(
            "waiting_memory",
            ours=(waited.memory - memory) / ENROLMENTS / 1024,
            details={"before_bytes": memory, "waiting_bytes": waited.memory, "ramp_seconds": waited.ramp_seconds},
        ),
        Measurement(
            "waiting_read_p99",
            ours=waiting_p99,
            against=idle_p99,
            against_name="ms idle",
            details={
                "idle_p50_ms": median(idle.latencies) * 1e3,
                "waiting_p50_ms": median(waited.reads.latencies) * 1e3,
                "plugin_cpu_share": waited.usage.plugin / waited.reads.seconds,
                "simulator_cpu_share": waited.usage.simulator / waited.reads.seconds,
            },
        ),
        Measurement(
            "waiting_delay",
            ours=percentile(waited.delays, 99),
            details={"p50": median(waited.delays), "longest": max(waited.delays), "sample": len(waited.delays)},
        ),
    ]


def prepare(servers: Stage) -> str:
    """Write a config entry that waits long, warm up, and let nothing be issued any more; return an issued id."""
    fields = servers.environment.config_fields() | {"sectigo_wait_limit": WAIT_LIMIT_SECONDS}
    servers.server.api("POST", f"{MOUNT}/configs/{CONFIG}", fields).expect(200, 204)
    unique_id: str = servers.enrol()["cert_unique_id"]
    servers.run(servers.enrolment_plan(EC_ORDER, connections=CLIENTS, requests=WARM_UP_REQUESTS))
    servers.control("POST", "/settings", {"never_issue": True})
    return unique_id


@contextmanager
def waiting_enrolments(servers: Stage, count: int, *, rate: float = ARRIVAL_RATE) -> Iterator[RunningLoad]:
    """Have so many enrolments wait; leaving the context cancels what still waits.

    Raises:
        BenchmarkError: they are not all ordered in time.
    """
    plan = servers.enrolment_plan(EC_ORDER, prefix=_PREFIX, connections=count, requests=count, rate=rate, each=True)
    with servers.load(plan) as load:
        deadline = time.monotonic() + _RAMP_SECONDS
        while (ordered := len(waiting_orders(servers))) < count:
            load.check()
            if time.monotonic() > deadline:
                raise BenchmarkError(f"only {ordered} of {count} enrolments were ordered in {_RAMP_SECONDS:.0f} s")
            servers.stop.wait(_LOOK_SECONDS)
        yield load


def waiting_orders(servers: Stage) -> list[dict[str, Any]]:
    """Return the orders at the simulator that wait, oldest first."""
    return [order for order in servers.control("GET", "/orders") if order["common_name"].startswith(f"{_PREFIX}-")]


def _while_waiting(servers: Stage, reads: Plan) -> _Waited:
    started = time.monotonic()
    with waiting_enrolments(servers, ENROLMENTS) as load:
        ramp_seconds = time.monotonic() - started
        pause(servers, FIRST_POLLS_SECONDS)
        before = servers.usage()
        outcome = servers.run(reads)
        usage = servers.usage().since(before)
        memory = servers.plugin_memory()
        if load.answered():
            raise BenchmarkError("an enrolment was answered before anything was issued")
        delays = _delays(servers, load)
        if time.monotonic() - started > WAIT_LIMIT_SECONDS:
            raise BenchmarkError("it took so long that enrolments may have been answered for their wait limit")
        return _Waited(ramp_seconds, memory, outcome, usage, delays)


def pause(servers: Stage, seconds: float) -> None:
    """Let time pass.

    Raises:
        StoppedError: a signal has come meanwhile.
    """
    deadline = time.monotonic() + seconds
    while (remaining := deadline - time.monotonic()) > 0:
        servers.stop.wait(remaining)


def _delays(servers: Stage, load: RunningLoad) -> list[float]:
    """Issue some, spread over all, and return how long each took to be readable: its enrolment is answered then."""
    orders = waiting_orders(servers)
    sample = orders[:: len(orders) // SAMPLE][:SAMPLE]
    issued: dict[int, float] = {}
    for order in sample:
        issued[number_of(order["common_name"])] = time.monotonic()
        servers.control("POST", f"/orders/{order['id']}/issue")
        pause(servers, 1 / SAMPLE_RATE)
    deadline = time.monotonic() + _LONGEST_DELAY_SECONDS
    while missing := issued.keys() - load.answered().keys():
        load.check()
        if time.monotonic() > deadline:
            raise BenchmarkError(f"{len(missing)} certificates were not readable {_LONGEST_DELAY_SECONDS:.0f} s later")
        servers.stop.wait(_LOOK_SECONDS)
    _check_readable(servers, sample)
    answered = load.answered()
    return [answered[number] - moment for number, moment in issued.items()]


def _check_readable(servers: Stage, orders: Sequence[Mapping[str, Any]]) -> None:
    customer = servers.environment.simulator.customer_uri
    for order in orders:
        data = servers.server.api("GET", f"{MOUNT}/certs/{CONFIG}/{order['id']}_{customer}").expect(200).data
        if data["status"] != "Issued":
            raise BenchmarkError(f"a certificate that was issued reads as {data['status']}")


def number_of(domain: str) -> int:
    """Return the number of the enrolment that ordered a domain."""
    return int(domain.removeprefix(f"{_PREFIX}-").partition(".")[0])
