"""`make bench`: measures what the product is held to, each figure beside the built-in engines in the same run.

    python -m benchmarks [start] [reads] [enrolments] [waiting] [stock]

Prints one table and writes `bench.json`. The exit status is 1 if a floor is missed, and 2 if something could not be
measured.
"""

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import httpx

from benchmarks.enrolments import measure_enrolments
from benchmarks.figures import Measurement
from benchmarks.reads import measure_reads
from benchmarks.report import document, table, verdict
from benchmarks.running_load import BenchmarkError
from benchmarks.start import measure_start
from benchmarks.stock import measure_stock
from benchmarks.usage import machine_seconds, own_seconds
from benchmarks.waiting import measure_waiting
from scripts.environment import PartError
from scripts.server_binary import OpenBaoError
from scripts.stopping import StoppedError, StopSignals

GROUPS: Mapping[str, Callable[[StopSignals], list[Measurement]]] = MappingProxyType(
    {
        "start": measure_start,
        "reads": measure_reads,
        "enrolments": measure_enrolments,
        "waiting": measure_waiting,
        "stock": measure_stock,
    }
)
OUTPUT = Path("bench.json")

_MISSED, _NOT_MEASURED = 1, 2
_QUIET_CORES = 0.15


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; return the exit status."""
    groups = parsed(arguments)
    with StopSignals() as stop:
        try:
            measurements, failures, others_cores = _measured(groups, stop)
        except StoppedError:
            print("ended; nothing is left running", file=sys.stderr)
            return _NOT_MEASURED
    run = circumstances() | {"other_programs_cores": others_cores}
    OUTPUT.write_text(json.dumps(document(measurements, failures, run), indent=2) + "\n")
    print(f"\n{table(measurements)}\n")
    for note in notes(measurements, others_cores):
        print(f"note: {note}")
    print(f"{verdict(measurements, failures)} Details: {OUTPUT}")
    return exit_status(measurements, failures)


def parsed(arguments: Sequence[str]) -> list[str]:
    """Return the groups of figures that are asked for, in the order in which they are measured; all by default."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure what the product is held to.")
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all by default")
    asked: list[str] = parser.parse_args(arguments).groups
    if unknown := set(asked) - GROUPS.keys():
        parser.error(f"there is no group {', '.join(sorted(unknown))}; there are {', '.join(GROUPS)}")
    return [group for group in GROUPS if not asked or group in asked]


def exit_status(measurements: Sequence[Measurement], failures: Mapping[str, str]) -> int:
    """Return 0 only if everything that was asked for was measured, and every floor is met."""
    if failures:
        return _NOT_MEASURED
    return 0 if all(measurement.met for measurement in measurements) else _MISSED


def _measured(groups: Sequence[str], stop: StopSignals) -> tuple[list[Measurement], dict[str, str], dict[str, float]]:
    """Measure one group after the other; one that cannot be measured takes nothing from the others."""
    measurements: list[Measurement] = []
    failures: dict[str, str] = {}
    others_cores: dict[str, float] = {}
    for group in groups:
        stop.check()
        print(f"measuring {group} ...", file=sys.stderr, flush=True)
        others = Others()
        try:
            measurements += GROUPS[group](stop)
        except (BenchmarkError, PartError, OpenBaoError, httpx.HTTPError) as error:
            failures[group] = str(error)
        others_cores[group] = others.cores()
    return measurements, failures, others_cores


class Others:
    """What other programs take of the machine from now on; all that was started here must have ended by then."""

    def __init__(self) -> None:
        self._began = self._now()

    def cores(self) -> float:
        """Return how many cores they kept busy."""
        seconds, taken = (now - began for now, began in zip(self._now(), self._began, strict=True))
        return max(0.0, taken / seconds)

    @staticmethod
    def _now() -> tuple[float, float]:
        return time.monotonic(), machine_seconds() - own_seconds()


def circumstances() -> dict[str, object]:
    """Return where and when it is measured."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def notes(measurements: Sequence[Measurement], others_cores: Mapping[str, float]) -> list[str]:
    """Return what a reader of the table must know."""
    busy = [
        f"other programs kept {cores:.1f} cores busy while {group} was measured: measure again on an idle machine"
        for group, cores in others_cores.items()
        if cores > _QUIET_CORES
    ]
    return busy + [note for measurement in measurements for note in measurement.notes]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
