"""Which tests stay together on one of pytest-xdist's workers, and in which order these units begin.

A unit is a file, so that its fixtures of module scope are set up once. The files in `BUSY` are one unit together: they
measure how fast something is answered or put the machine under load, and must not disturb each other.
"""

TICK = "tests/vault/test_background.py"
BUSY = (
    "tests/vault/test_soak.py",
    "tests/vault/test_chaos.py",
    "tests/vault/test_parallel.py",
    "tests/vault/test_processes.py",
    TICK,  # last: the minute that it needs passes while the others run
)
_LONGEST_FIRST = ("tests/vault/", "tests/plugin/", "tests/contract/", "tests/paths/")


def file_of(nodeid: str) -> str:
    """Return the path of a test's file below the root of the repository."""
    return nodeid.partition("::")[0]


def unit_of(nodeid: str) -> str:
    """Return the name of the unit that a test belongs to."""
    file = file_of(nodeid)
    return "busy" if file in BUSY else file


def rank_of(nodeid: str) -> tuple[int, int]:
    """Return the key by which tests are sorted; equal ones keep their random order.

    A long unit that begins late would run while the other workers have nothing left to do.
    """
    file = file_of(nodeid)
    if file in BUSY:
        return 0, BUSY.index(file)
    longest = (place for place, folder in enumerate(_LONGEST_FIRST, 1) if file.startswith(folder))
    return next(longest, len(_LONGEST_FIRST) + 1), 0
