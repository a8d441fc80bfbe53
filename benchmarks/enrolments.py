"""Enrolments, beside the built-in PKI's."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from benchmarks.figures import Measurement
from benchmarks.load import Outcome, Plan
from benchmarks.stage import EC_ORDER, RSA_ORDER, Stage, Usage, stage
from scripts.stopping import StopSignals

CLIENTS = 8
ROUNDS = 8
ROUND_SECONDS = 6.0
"""RSA keys take very different times to find: it needs some thousand of them for a figure that comes out again."""
WARM_UP_REQUESTS = 32
EC_ROUND_SECONDS = 1.5

_PKI = "bench-pki"
_BUSY_SHARE = 0.5


def measure_enrolments(stop: StopSignals) -> list[Measurement]:
    """RSA-2048 in rounds beside those of `pki/issue`, and the plugin's CPU where keys cost nothing (P-256).

    Who of the two begins takes turns, and P-256 comes in each round, so that a machine that slows down or speeds up
    meanwhile favours neither, and decides nothing.
    """
    with stage(stop) as servers:
        ours = servers.enrolment_plan(RSA_ORDER, connections=CLIENTS, seconds=ROUND_SECONDS)
        theirs = _pki_plan(servers)
        ec = servers.enrolment_plan(EC_ORDER, connections=CLIENTS, seconds=EC_ROUND_SECONDS)
        for plan in (ours, theirs, ec):
            servers.run(replace(plan, requests=WARM_UP_REQUESTS))
        our_rounds, their_rounds, ec_rounds = [], [], []
        for number in range(ROUNDS):
            if number % 2 == 0:
                our_rounds.append(_with_usage(servers, ours))
            their_rounds.append(servers.run(theirs))
            if number % 2 == 1:
                our_rounds.append(_with_usage(servers, ours))
            ec_rounds.append(_with_usage(servers, ec))
    return [
        Measurement(
            "enrolment_rate",
            ours=_rate_of_all([outcome for outcome, _ in our_rounds]),
            against=_rate_of_all(their_rounds),
            against_name="/s pki",
            details={
                "ours": [_summary(outcome, usage) for outcome, usage in our_rounds],
                "pki": [outcome.rate for outcome in their_rounds],
            },
            notes=_simulator_note(our_rounds, "RSA-2048 enrolments"),
        ),
        Measurement(
            "enrolment_cpu",
            ours=median(usage.plugin / outcome.answered for outcome, usage in ec_rounds) * 1e3,
            details={"rounds": [_summary(outcome, usage) for outcome, usage in ec_rounds]},
            notes=_simulator_note(ec_rounds, "P-256 enrolments"),
        ),
    ]


def _pki_plan(servers: Stage) -> Plan:
    server = servers.server
    server.enable("pki", path=_PKI)
    root = {"common_name": "Benchmark Root", "key_type": "rsa", "key_bits": 2048}
    server.api("POST", f"{_PKI}/root/generate/internal", root).expect(200)
    role = {"allow_any_name": True, "key_type": "rsa", "key_bits": 2048, "ttl": "72h"}
    server.api("POST", f"{_PKI}/roles/rsa", role).expect(200, 204)
    body = {"common_name": "host-{number}.example.test"}
    return servers.plan("POST", f"{_PKI}/issue/rsa", body, connections=CLIENTS, seconds=ROUND_SECONDS)


def _with_usage(servers: Stage, plan: Plan) -> tuple[Outcome, Usage]:
    before = servers.usage()
    outcome = servers.run(plan)
    return outcome, servers.usage().since(before)


def _rate_of_all(rounds: Sequence[Outcome]) -> float:
    return sum(outcome.answered for outcome in rounds) / sum(outcome.seconds for outcome in rounds)


def _summary(outcome: Outcome, usage: Usage) -> dict[str, float]:
    return {
        "rate": outcome.rate,
        "p50_ms": median(outcome.latencies) * 1e3,
        "plugin_cpu_ms": usage.plugin / outcome.answered * 1e3,
        "server_cpu_ms": usage.server / outcome.answered * 1e3,
        "simulator_cpu_ms": usage.simulator / outcome.answered * 1e3,
    }


def _simulator_note(rounds: Sequence[tuple[Outcome, Usage]], what: str) -> tuple[str, ...]:
    share = max(usage.simulator / outcome.seconds for outcome, usage in rounds)
    if share <= _BUSY_SHARE:
        return ()
    return (f"the simulator used {share:.0%} of a core for {what}: it took part of what is measured",)
