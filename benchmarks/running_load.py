"""A load generator at work, seen from the benchmark that started it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from benchmarks.load import Outcome, Plan
from scripts.stopping import StopSignals

_LOOK_SECONDS = 0.25
_BUSY_SHARE = 0.8


class BenchmarkError(Exception):
    """A figure could not be measured."""


class RunningLoad:
    """One generator process. Its output goes to files, because nobody reads a pipe meanwhile."""

    def __init__(self, plan: Plan, folder: Path, stop: StopSignals) -> None:
        self._stop = stop
        self._output_file = folder / "load.out"
        self._error_file = folder / "load.err"
        with self._output_file.open("wb") as output, self._error_file.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.load"], stdin=subprocess.PIPE, stdout=output, stderr=errors
            )
        assert self._process.stdin is not None  # noqa: S101  it is a pipe
        with self._process.stdin as stdin:
            stdin.write(json.dumps(asdict(plan)).encode())

    def outcome(self) -> Outcome:
        """Wait for its end, and return what came of it.

        Raises:
            BenchmarkError: a request was not answered as planned.
            StoppedError: a signal has come meanwhile.
        """
        while self._process.poll() is None:
            self._stop.wait(_LOOK_SECONDS)
        self.check()
        return Outcome(**json.loads(self._lines()[-1]))

    def answered(self) -> Mapping[int, float]:
        """Return when (monotonic) each request was answered so far, by its number; only with `each` in the plan."""
        complete, _, _ = self._output_file.read_text().rpartition("\n")
        return dict(json.loads(line) for line in complete.splitlines() if line.startswith("["))

    def check(self) -> None:
        """Make sure that nothing went wrong so far.

        Raises:
            BenchmarkError: it did, and the generator has ended.
        """
        if self._process.poll() not in {None, 0}:
            said = self._error_file.read_text(errors="replace").strip()
            raise BenchmarkError(said.splitlines()[-1] if said else "the load generator was ended")

    def end(self) -> None:
        """End it, whatever is under way."""
        self._process.kill()
        self._process.wait()

    def _lines(self) -> list[str]:
        return self._output_file.read_text().splitlines()


@contextmanager
def running_load(plan: Plan, folder: Path, stop: StopSignals) -> Iterator[RunningLoad]:
    """Start a generator; leaving the context ends it."""
    folder.mkdir()
    load = RunningLoad(plan, folder, stop)
    try:
        yield load
    finally:
        load.end()


def busy_note(outcome: Outcome, what: str) -> tuple[str, ...]:
    """Return a note where the generator itself may have been what limited a rate."""
    if outcome.generator_share <= _BUSY_SHARE:
        return ()
    return (f"the load generator used {outcome.generator_share:.0%} of a core for {what}: that rate may be too low",)
