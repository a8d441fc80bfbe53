"""Reads of an issued certificate, beside the built-in kv engine's of a secret of the same size."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from benchmarks.figures import Measurement
from benchmarks.load import Outcome, Plan
from benchmarks.percentiles import percentile
from benchmarks.running_load import BenchmarkError, busy_note
from benchmarks.stage import Stage, stage
from scripts.stopping import StopSignals

CONNECTIONS = 16
ROUNDS = 5
ROUND_SECONDS = 2.0
WARM_UP_SECONDS = 2.0

_KV = "bench-kv"
_SIZE_TOLERANCE = 0.05


def measure_reads(stop: StopSignals) -> list[Measurement]:
    """Alternate short rounds of both, so that whatever else the machine does meets both alike."""
    with stage(stop) as servers:
        data = servers.enrol()
        ours = servers.read_plan(data["cert_unique_id"], connections=CONNECTIONS, seconds=ROUND_SECONDS)
        theirs = _kv_plan(servers, data)
        _compare_sizes(servers, ours, theirs)
        for plan in (ours, theirs):
            servers.run(replace(plan, seconds=WARM_UP_SECONDS))
        our_outcomes, their_outcomes, cpu = [], [], []
        for _ in range(ROUNDS):
            their_outcomes.append(servers.run(theirs))
            before = servers.usage()
            outcome = servers.run(ours)
            cpu.append(servers.usage().since(before).plugin / outcome.answered * 1e6)
            our_outcomes.append(outcome)
    busiest = max(their_outcomes, key=lambda outcome: outcome.generator_share)
    return [
        Measurement(
            "read_rate",
            ours=median(outcome.rate for outcome in our_outcomes),
            against=median(outcome.rate for outcome in their_outcomes),
            against_name="/s kv",
            details={"ours": _summaries(our_outcomes), "kv": _summaries(their_outcomes)},
            notes=busy_note(busiest, "kv reads"),
        ),
        Measurement("read_cpu", ours=median(cpu), details={"rounds": cpu}),
    ]


def _kv_plan(servers: Stage, data: Mapping[str, object]) -> Plan:
    """Store the very same data in the kv engine, without versions."""
    servers.server.enable("kv", path=_KV, options={"version": "1"})
    servers.server.api("POST", f"{_KV}/certificate", data).expect(204)
    return servers.plan("GET", f"{_KV}/certificate", connections=CONNECTIONS, seconds=ROUND_SECONDS)


def _compare_sizes(servers: Stage, *plans: Plan) -> None:
    sizes = [len(json.dumps(servers.server.api("GET", plan.path).expect(200).body)) for plan in plans]
    if max(sizes) > min(sizes) * (1 + _SIZE_TOLERANCE):
        raise BenchmarkError(f"the answers have {sizes} bytes: no fair comparison")


def _summaries(outcomes: Sequence[Outcome]) -> list[dict[str, float]]:
    return [
        {
            "rate": outcome.rate,
            "p50_ms": median(outcome.latencies) * 1e3,
            "p99_ms": percentile(outcome.latencies, 99) * 1e3,
            "generator_cpu_share": outcome.generator_share,
        }
        for outcome in outcomes
    ]
