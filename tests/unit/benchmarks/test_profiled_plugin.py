import pstats
import signal
import sys
from pathlib import Path

import pytest

from benchmarks.profile import wrapper
from benchmarks.profiled_plugin import STARTED_SUFFIX, CpuProfiler, MemoryProfiler, Profiler, toggle


@pytest.mark.parametrize("kind", [CpuProfiler, MemoryProfiler])
def test_first_signal_starts_the_profile_and_the_second_writes_it(kind: type[Profiler], tmp_path: Path) -> None:
    target, started = tmp_path / "profile", tmp_path / f"profile{STARTED_SUFFIX}"
    handle = toggle(kind(), target)
    handle(signal.SIGUSR1, None)
    assert started.exists()
    assert not target.exists()
    handle(signal.SIGUSR1, None)
    assert sorted(tmp_path.iterdir()) == [target]
    assert target.stat().st_size > 0


def test_cpu_profile_shows_what_ran_between_the_signals(tmp_path: Path) -> None:
    handle = toggle(CpuProfiler(), tmp_path / "profile")
    handle(signal.SIGUSR1, None)
    sorted(range(3), key=abs)
    handle(signal.SIGUSR1, None)
    shown = pstats.Stats(str(tmp_path / "profile")).get_stats_profile().func_profiles
    assert any("sorted" in name for name in shown)


def test_memory_profile_names_the_place_that_holds_memory(tmp_path: Path) -> None:
    handle = toggle(MemoryProfiler(), tmp_path / "profile")
    handle(signal.SIGUSR1, None)
    held = bytearray(8 * 1024 * 1024)
    handle(signal.SIGUSR1, None)
    text = (tmp_path / "profile").read_text()
    assert int(text.split()[0]) > len(held)
    assert Path(__file__).name in text.partition("by file:")[0]


def test_plugin_under_the_profiler_is_started_by_the_same_python_under_its_own_name(tmp_path: Path) -> None:
    command = wrapper(tmp_path)
    assert command.name == "sectigo-vault-pki"
    assert command.read_text().splitlines()[0] == f"#!{sys.executable}"
    compile(command.read_text(), str(command), "exec")
