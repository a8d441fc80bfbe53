"""`make bench`: measures what the product is held to, each figure beside the built-in engines in the same run.

    python -m benchmarks [reads] [enrolments] [waiting] [start]

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
from benchmarks.waiting import measure_waiting
from scripts.environment import PartError
from scripts.openbao import OpenBaoError
from scripts.stopping import StoppedError, StopSignals

GROUPS: Mapping[str, Callable[[StopSignals], list[Measurement]]] = MappingProxyType(
    {
        "start": measure_start,
        "reads": measure_reads,
        "enrolments": measure_enrolments,
        "waiting": measure_waiting,
    }
)
OUTPUT = Path("bench.json")

_MISSED, _NOT_MEASURED = 1, 2
_BUSY_LOAD = 0.5


def main(arguments: Sequence[str]) -> int:
    """Measure what is asked for; return the exit status."""
    groups = parsed(arguments)
    with StopSignals() as stop:
        try:
            run = circumstances()
            measurements, failures = _measured(groups, stop)
        except StoppedError:
            print("ended; nothing is left running", file=sys.stderr)
            return _NOT_MEASURED
    OUTPUT.write_text(json.dumps(document(measurements, failures, run), indent=2) + "\n")
    print(f"\n{table(measurements)}\n")
    for note in notes(measurements, run):
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


def _measured(groups: Sequence[str], stop: StopSignals) -> tuple[list[Measurement], dict[str, str]]:
    """Measure one group after the other; one that cannot be measured takes nothing from the others."""
    measurements: list[Measurement] = []
    failures: dict[str, str] = {}
    for group in groups:
        stop.check()
        print(f"measuring {group} (load average {os.getloadavg()[0]:.2f}) ...", file=sys.stderr, flush=True)
        try:
            measurements += GROUPS[group](stop)
        except (BenchmarkError, PartError, OpenBaoError, httpx.HTTPError) as error:
            failures[group] = str(error)
    return measurements, failures


def circumstances() -> dict[str, object]:
    """Return where and when it is measured."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "cores": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "machine": platform.machine(),
        "python": platform.python_version(),
    }


def notes(measurements: Sequence[Measurement], run: Mapping[str, object]) -> list[str]:
    """Return what a reader of the table must know."""
    found = [note for measurement in measurements for note in measurement.notes]
    if float(str(run["load_average"])) > _BUSY_LOAD:
        found.insert(0, f"the machine was not idle at the start (load average {run['load_average']:.2f})")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
