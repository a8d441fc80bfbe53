import os
import subprocess
import sys

import pytest

from benchmarks.usage import (
    cpu_seconds_of,
    machine_seconds_of,
    own_seconds,
    peak_resident_bytes,
    resident_bytes,
    resident_bytes_of,
)
from benchmarks.waiting import number_of

TICKS = os.sysconf("SC_CLK_TCK")
STAT = f"4711 (a name) with) S 1 2 3 4 5 6 7 8 9 10 {3 * TICKS} {TICKS} 50 60 20 0 12 0\n"


def test_cpu_time_is_that_of_user_and_system_also_for_a_process_with_a_strange_name() -> None:
    assert cpu_seconds_of(STAT) == 4.0


def test_machine_is_busy_with_everything_but_waiting_and_other_machines_take_their_part() -> None:
    ticks = [TICKS * seconds for seconds in (1, 2, 4, 1000, 1000, 8, 16, 32, 500, 500)]
    assert machine_seconds_of(f"cpu  {' '.join(map(str, ticks))}\ncpu0 1 1 1 1 1 1 1 1 0 0\n") == 63.0


@pytest.mark.process
def test_what_an_ended_child_used_is_our_own() -> None:
    before = own_seconds()
    subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)
    assert own_seconds() > before


def test_resident_memory_is_told_in_bytes() -> None:
    assert resident_bytes_of("Name:\tx\nVmHWM:\t   900 kB\nVmRSS:\t   512 kB\n") == 512 * 1024


def test_most_memory_that_was_resident_is_told_too() -> None:
    assert resident_bytes_of("Name:\tx\nVmHWM:\t   900 kB\nVmRSS:\t   512 kB\n", line_name="VmHWM:") == 900 * 1024
    assert peak_resident_bytes(os.getpid()) >= resident_bytes(os.getpid())


GROWING = """
import os
from benchmarks.usage import resident_bytes
before = resident_bytes(os.getpid())
held = bytearray(b"x" * 64 * 1024 * 1024)
print(resident_bytes(os.getpid()) - before)
"""


def test_the_resident_memory_of_a_process_grows_with_what_it_holds() -> None:
    """In a process of its own: one that has run many tests has memory to spare."""
    grown = subprocess.run([sys.executable, "-c", GROWING], check=True, capture_output=True, text=True).stdout
    assert int(grown) > 32 * 1024 * 1024


def test_a_process_that_has_ended_holds_nothing_that_could_be_told() -> None:
    with pytest.raises(ValueError, match="ended"):
        resident_bytes_of("Name:\tx\nState:\tZ (zombie)\n")


def test_waiting_enrolment_is_known_by_its_domain() -> None:
    assert number_of("wait-1999.example.test") == 1999
