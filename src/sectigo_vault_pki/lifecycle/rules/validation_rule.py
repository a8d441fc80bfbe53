"""Whether the validation of a domain lasts until a certificate's renewal: pure functions, no I/O, no clock.

A CA reuses a validation for some time only, and issues no renewal after that before the domain is validated again. A
validation of a domain covers every name below it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, order=True)
class Lapse:
    """A validation that ends before a renewal.

    Attributes:
        ends_at: when it ends, or has ended.
        domain: whose.
    """

    ends_at: datetime
    domain: str


def lapses(names: Iterable[str], ends: Mapping[str, datetime], renewed_at: datetime) -> tuple[Lapse, ...]:
    """Return the validations that a renewal needs and that end by then, soonest first, each once.

    Args:
        names: of the certificate; host names, with or without a wildcard. Others, such as IP addresses, count for
            nothing, and neither does a name of which no validation is known.
        ends: when the validation of each known domain ends or has ended.
        renewed_at: when the certificate becomes due for renewal.
    """
    lasting = (_lasting_longest(name, ends) for name in names)
    return tuple(sorted({each for each in lasting if each is not None and each.ends_at <= renewed_at}))


def _lasting_longest(name: str, ends: Mapping[str, datetime]) -> Lapse | None:
    """Return the validation that covers a name for the longest time."""
    return max((Lapse(ends[domain], domain) for domain in _covering(name) if domain in ends), default=None)


def _covering(name: str) -> Iterator[str]:
    """Yield a name and every domain above it."""
    domain = name.lower().removeprefix("*.").removesuffix(".")
    while domain:
        yield domain
        _, _, domain = domain.partition(".")
