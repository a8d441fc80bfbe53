"""The log of requests: what was asked, never by whom or with which headers or body."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

UNAUTHORIZED = "unauthorized"
UNKNOWN = "unknown"
_LONGEST_LOG = 100_000


@dataclass(frozen=True)
class Call:
    """One request as it came in; `operation` is one of the simulator's names, "unauthorized" or "unknown"."""

    method: str
    path: str
    operation: str


class CallLog:
    """The newest requests, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_LONGEST_LOG)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def append(self, call: Call) -> None:
        self._calls.append(call)

    def clear(self) -> None:
        self._calls.clear()

    def operations(self) -> list[str]:
        """Return the operations in the order they were asked for."""
        return [call.operation for call in self._calls]

    def count(self, operation: str) -> int:
        return self.operations().count(operation)
