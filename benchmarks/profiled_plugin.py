"""The plugin, started as always, under a profiler that a signal starts and stops.

`make profile` installs a command that calls `main` here in place of the plugin's own. SIGUSR1 starts the profile, and
the next one ends it and writes the file that `PLUGIN_PROFILE` names: text of the places that allocated where its name
ends in `.memory`, else what `pstats` reads. Only the main thread, which is the event loop's, is seen.
"""

import cProfile
import os
import pstats
import signal
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Protocol

from sectigo_vault_pki.__main__ import main as plugin_main

FILE_VARIABLE = "PLUGIN_PROFILE"
MEMORY_SUFFIX = ".memory"
STARTED_SUFFIX = ".started"

_PLACES = 60


class Profiler(Protocol):
    """What a signal starts and stops."""

    def start(self) -> None: ...

    def stop(self, target: Path) -> None:
        """Write what was found."""


class CpuProfiler:
    """Where the loop's thread spends its time."""

    def __init__(self) -> None:
        self._profile = cProfile.Profile()

    def start(self) -> None:
        self._profile.enable()

    def stop(self, target: Path) -> None:
        self._profile.disable()
        pstats.Stats(self._profile).dump_stats(target)


class MemoryProfiler:
    """Which places allocated what is still held, of what was allocated since the start."""

    def start(self) -> None:
        tracemalloc.start()

    def stop(self, target: Path) -> None:
        snapshot = tracemalloc.take_snapshot()
        tracemalloc.stop()
        snapshot = snapshot.filter_traces([tracemalloc.Filter(inclusive=False, filename_pattern=tracemalloc.__file__)])
        by_line = snapshot.statistics("lineno")
        by_room = snapshot.statistics("filename")
        total = sum(statistic.size for statistic in by_line)
        lines = [f"{total} bytes are held", "", "by line:", *map(str, by_line[:_PLACES])]
        target.write_text("\n".join([*lines, "", "by file:", *map(str, by_room[:_PLACES]), ""]))


def toggle(profiler: Profiler, target: Path) -> Callable[[int, FrameType | None], None]:
    """Return a signal handler that starts the profiler, and the next time stops it; both leave a file to wait for."""
    started = target.with_name(target.name + STARTED_SUFFIX)
    draft = target.with_name(f".{target.name}")

    def handle(_number: int, _frame: FrameType | None) -> None:
        if started.exists():
            profiler.stop(draft)
            draft.replace(target)
            started.unlink()
        else:
            started.touch()
            profiler.start()

    return handle


def main() -> int:
    """Be the plugin; return the exit status."""
    target = Path(os.environ[FILE_VARIABLE])
    profiler: Profiler = MemoryProfiler() if target.name.endswith(MEMORY_SUFFIX) else CpuProfiler()
    signal.signal(signal.SIGUSR1, toggle(profiler, target))
    return plugin_main()
