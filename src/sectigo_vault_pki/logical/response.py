"""The engine's answer to a request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Response:
    """What the user gets back under `data` and `warnings`; may hold secrets.

    No answer at all is `None` in place of a response: the host makes 404 of it on a read or list, else 204.
    """

    data: Mapping[str, object] | None = field(default=None, repr=False)
    warnings: tuple[str, ...] = ()


def list_response(keys: Sequence[str], *, warnings: Sequence[str] = ()) -> Response:
    """Answer a list; the host makes 404 of an empty one."""
    return Response(data={"keys": list(keys)} if keys else {}, warnings=tuple(warnings))
