"""Which orders a list or a count is about (scm-api.md 2)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sectigo_vault_pki.scm_simulator import problems
from sectigo_vault_pki.scm_simulator.orders import Order

LARGEST_PAGE = 200

Filter = Callable[[Order, str, datetime], bool]
"""Whether the order fits the value of a query parameter at that time."""


@dataclass(frozen=True)
class Page:
    """A part of a list, and how long the whole list is."""

    orders: Sequence[Order]
    total: int


def find(orders: Iterable[Order], query: Mapping[str, str], now: datetime, filters: Mapping[str, Filter]) -> Page:
    """Filter and cut out a page; parameters that SCM does not know are ignored.

    Raises:
        Problem: -1601 for a bad `size` or `position`.
    """
    size = _number(query, "size", default=LARGEST_PAGE, largest=LARGEST_PAGE)
    position = _number(query, "position", default=0, largest=None)
    wanted = [(filters[name], value) for name, value in query.items() if name in filters]
    found = [order for order in orders if all(matches(order, value, now) for matches, value in wanted)]
    return Page(orders=found[position : position + size], total=len(found))


def _number(query: Mapping[str, str], name: str, *, default: int, largest: int | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= len("2147483647")):
        raise problems.invalid_value(name)
    number = int(text)
    if largest is not None and number > largest:
        raise problems.invalid_value(name)
    return number
