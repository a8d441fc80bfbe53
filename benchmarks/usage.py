"""What a process, and the machine, have used so far, from /proc (proc(5))."""

import os
import resource
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_KINDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_IDLE = frozenset({"idle", "iowait"})
_NOW, _PEAK = "VmRSS:", "VmHWM:"
_UTIME, _STIME = 11, 12  # fields 14 and 15, counted from the state, which follows the name in brackets


def cpu_seconds(pid: int) -> float:
    """Return user and system time of all threads of a process, in steps of 10 ms on the usual kernel."""
    return cpu_seconds_of(Path(f"/proc/{pid}/stat").read_text())


def cpu_seconds_of(stat: str) -> float:
    """Return the same from the text of a `stat` file; a name may have spaces and brackets."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return resident_bytes_of(Path(f"/proc/{pid}/status").read_text())


def peak_resident_bytes(pid: int) -> int:
    """Return the most resident memory that a process has had."""
    return resident_bytes_of(Path(f"/proc/{pid}/status").read_text(), line_name=_PEAK)


def resident_bytes_of(status: str, *, line_name: str = _NOW) -> int:
    """Return the same from the text of a `status` file.

    Raises:
        ValueError: it does not tell, as with a process that has ended.
    """
    for line in status.splitlines():
        if line.startswith(line_name):
            return int(line.split()[1]) * 1024
    raise ValueError("the process has no resident memory: it has ended")


def machine_seconds() -> float:
    """Return the CPU time that all cores were taken for, by programs here or by other virtual machines (`steal`)."""
    return machine_seconds_of(Path("/proc/stat").read_text())


def machine_seconds_of(stat: str) -> float:
    """Return the same from the text of `/proc/stat`."""
    counts = zip(_KINDS, stat.splitlines()[0].split()[1:], strict=False)
    return sum(int(ticks) for kind, ticks in counts if kind not in _IDLE) / _TICKS


def own_seconds() -> float:
    """Return the CPU time of this process and of all that it, or a child of its, has started and seen end."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)
