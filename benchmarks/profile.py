"""`make profile`: where the plugin spends its time, and what waiting enrolments hold.

    python -m benchmarks.profile [reads] [enrolments] [waiting] [memory]

The plugin runs on the same servers as in `make bench`, started by OpenBao through `profiled_plugin`. The profiles go
to `build/profiles/` (`python -m pstats build/profiles/reads.pstats` for more), and the top of each to the terminal.
cProfile makes calls of Python functions look dearer than they are: compare, and take times from `make bench`.
"""

import argparse
import os
import pstats
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

import httpx

from benchmarks import waiting
from benchmarks.profiled_plugin import FILE_VARIABLE, MEMORY_SUFFIX, STARTED_SUFFIX
from benchmarks.running_load import BenchmarkError
from benchmarks.stage import EC_ORDER, Stage, stage
from scripts.environment import PLUGIN, PartError
from scripts.server_binary import OpenBaoError
from scripts.stopping import StoppedError, StopSignals

FOLDER = Path("build/profiles")
TOP = 40
READS_SECONDS = 8.0
ENROLMENTS = 300
WAITING = 500
WAITING_SECONDS = 20.0
TRACED = 200
TRACED_RATE = 10.0  # tracing makes the plugin slow

_ROOT = Path(__file__).parent.parent
_LOOK_SECONDS = 0.1
_SIGNAL_SECONDS = 120.0
_CONNECTIONS = 16
_CLIENTS = 8


@dataclass(frozen=True)
class Recorder:
    """Starts and stops the profile in a running plugin."""

    servers: Stage
    target: Path

    def start(self) -> None:
        """Start, and return when it has begun."""
        self._signal(self.target.with_name(self.target.name + STARTED_SUFFIX))

    def stop(self) -> None:
        """Stop, and return when the file is written."""
        self._signal(self.target)

    def _signal(self, expected: Path) -> None:
        os.kill(self.servers.plugin_pid, signal.SIGUSR1)
        deadline = time.monotonic() + _SIGNAL_SECONDS
        while not expected.exists():
            if time.monotonic() > deadline:
                raise BenchmarkError(f"the plugin did not write {expected}")
            self.servers.stop.wait(_LOOK_SECONDS)


def _reads(servers: Stage, recorder: Recorder) -> str:
    plan = servers.read_plan(servers.enrol()["cert_unique_id"], connections=_CONNECTIONS, seconds=READS_SECONDS)
    recorder.start()
    outcome = servers.run(plan)
    recorder.stop()
    return f"{outcome.answered} reads"


def _enrolments(servers: Stage, recorder: Recorder) -> str:
    servers.enrol()
    recorder.start()
    servers.run(servers.enrolment_plan(EC_ORDER, connections=_CLIENTS, requests=ENROLMENTS))
    recorder.stop()
    return f"{ENROLMENTS} enrolments (P-256)"


def _waiting(servers: Stage, recorder: Recorder) -> str:
    waiting.prepare(servers)
    with waiting.waiting_enrolments(servers, WAITING):
        waiting.pause(servers, waiting.FIRST_POLLS_SECONDS)
        recorder.start()
        waiting.pause(servers, WAITING_SECONDS)
        recorder.stop()
    return f"{WAITING} waiting enrolments, looked at for {WAITING_SECONDS:.0f} s"


def _memory(servers: Stage, recorder: Recorder) -> str:
    waiting.prepare(servers)
    recorder.start()
    with waiting.waiting_enrolments(servers, TRACED, rate=TRACED_RATE):
        waiting.pause(servers, waiting.FIRST_POLLS_SECONDS)
        recorder.stop()
    return f"what {TRACED} waiting enrolments allocated, and still hold"


KINDS: Mapping[str, Callable[[Stage, Recorder], str]] = MappingProxyType(
    {"reads": _reads, "enrolments": _enrolments, "waiting": _waiting, "memory": _memory}
)


def main(arguments: Sequence[str]) -> int:
    """Make the profiles that are asked for; return the exit status."""
    kinds = parsed(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with StopSignals() as stop:
        try:
            for kind in kinds:
                _profile(kind, stop)
        except StoppedError:
            print("ended; nothing is left running", file=sys.stderr)
            return 1
        except (BenchmarkError, PartError, OpenBaoError, httpx.HTTPError) as error:
            print(f"make profile: {error}", file=sys.stderr)
            return 1
    return 0


def parsed(arguments: Sequence[str]) -> list[str]:
    """Return the kinds that are asked for; all by default."""
    parser = argparse.ArgumentParser(prog="make profile", description="Profile the plugin.")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all by default")
    asked: list[str] = parser.parse_args(arguments).kinds
    if unknown := set(asked) - KINDS.keys():
        parser.error(f"there is no kind {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    return [kind for kind in KINDS if not asked or kind in asked]


def _profile(kind: str, stop: StopSignals) -> None:
    stop.check()
    target = (FOLDER / (f"{kind}.pstats" if kind != "memory" else f"waiting{MEMORY_SUFFIX}")).absolute()
    for left_over in (target, target.with_name(target.name + STARTED_SUFFIX)):
        left_over.unlink(missing_ok=True)
    print(f"profiling {kind} ...", file=sys.stderr, flush=True)
    with TemporaryDirectory(prefix="bench") as folder:
        command = wrapper(Path(folder))
        variables = (f"{FILE_VARIABLE}={target}",)
        settings = waiting.SERVER_SETTINGS
        with stage(stop, server_settings=settings, executable=command, plugin_environment=variables) as servers:
            what = KINDS[kind](servers, Recorder(servers, target))
    print(f"\n{what}: {target}\n", flush=True)
    _show(target)


def wrapper(folder: Path, module: str = "benchmarks.profiled_plugin") -> Path:
    """Write the command that starts the plugin through a module of ours, under the plugin's own name."""
    command = folder / PLUGIN
    command.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(_ROOT)!r})\n"
        f"from {module} import main\n"
        "sys.exit(main())\n"
    )
    return command


def _show(target: Path) -> None:
    if target.name.endswith(MEMORY_SUFFIX):
        print("\n".join(target.read_text().splitlines()[:TOP]))
        return
    statistics = pstats.Stats(str(target))
    for order in (pstats.SortKey.TIME, pstats.SortKey.CUMULATIVE):
        statistics.sort_stats(order).print_stats(TOP)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
