"""The engine's answer to a request."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property


class EncodedData(Mapping[str, object]):
    """Data that is answered many times: its JSON is made when it is first wanted, and kept.

    Nothing in it may change afterwards.
    """

    def __init__(self, data: Mapping[str, object]) -> None:
        self._data = data

    @cached_property
    def json(self) -> str:
        """The data as JSON.

        Raises:
            TypeError, ValueError, RecursionError: it is none.
        """
        return to_json(self._data)

    def __getitem__(self, key: str) -> object:
        return self._data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)


def to_json(data: Mapping[str, object]) -> str:
    """Return data as the host wants it.

    Raises:
        TypeError, ValueError, RecursionError: it is not JSON.
    """
    return json.dumps(data, allow_nan=False, separators=(",", ":"))


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
