"""What SCM's answers amount to, whatever kind of certificate they are about."""

from dataclasses import dataclass
from typing import Generic, TypeVar

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Collected:
    """A certificate with its chain, in whatever order and encoding SCM has it."""

    content: bytes


@dataclass(frozen=True, slots=True)
class StillProcessing:
    """The certificate may still come.

    Attributes:
        code: SCM's, or None for an empty 200.
        description: SCM's text.
        says_so: SCM says that it works on the order; False where it only could not be told, as in trouble at the CA.
    """

    code: int | None
    description: str
    says_so: bool = True


@dataclass(frozen=True, slots=True)
class Revoked:
    """SCM counts the certificate as revoked.

    Attributes:
        already: SCM says it was before; that may also be the echo of this call's first, unanswered sending.
    """

    already: bool


@dataclass(frozen=True, slots=True)
class Page(Generic[_Row]):
    """A part of a list.

    Attributes:
        rows: those that could be read.
        unreadable: how many more there were: rows without an id, or that are none.
        total: how many rows SCM says the whole list has, or None where it does not say.
    """

    rows: tuple[_Row, ...]
    unreadable: int = 0
    total: int | None = None

    @property
    def length(self) -> int:
        """The rows of this page, readable or not."""
        return len(self.rows) + self.unreadable
