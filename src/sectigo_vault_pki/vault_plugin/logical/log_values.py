"""What is known of the request at hand, for every log line that is written for it."""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType

_NOTHING: Mapping[str, object] = MappingProxyType({})
_known: ContextVar[Mapping[str, object]] = ContextVar("vault_plugin_log_values", default=_NOTHING)


def add_log_values(**values: object) -> None:
    """Let the log lines of this task, and of the tasks it starts, carry some values more. None of them is secret."""
    _known.set({**_known.get(), **values})


def log_values() -> Mapping[str, object]:
    """Return what `add_log_values` was given in this task and before it was started."""
    return _known.get()
