"""How many examples a test with generated input tries: few in each run, many times more in `make fuzz`."""

import os

_FACTOR = int(os.environ.get("FUZZ", "1"))


def examples(count: int) -> int:
    """Return the number of examples to try, where `count` is that of `make test`."""
    return count * _FACTOR
