"""The figures, and the floor of each: the table of design decisions that `make bench` holds the product to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType


class Sense(Enum):
    """On which side of its floor a figure must be."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, slots=True)
class Figure:
    """What is measured, and what it is held to.

    Attributes:
        name: what the table calls it.
        unit: of `ours` and `against`.
        floor: a ratio if `relative`, else a value in `unit`.
        relative: whether the ratio of ours to what it is measured against is judged, and not our own value.
    """

    name: str
    unit: str
    sense: Sense
    floor: float
    relative: bool = False

    @property
    def floor_text(self) -> str:
        """The floor, as the table shows it."""
        return f"{self.sense.value} {self.floor:g}{' x' if self.relative else f' {self.unit}'}"


FIGURES: Mapping[str, Figure] = MappingProxyType(
    {
        "read_rate": Figure("certificate reads, 16 connections", "/s", Sense.AT_LEAST, 0.30, relative=True),
        "read_cpu": Figure("plugin CPU per read", "µs", Sense.AT_MOST, 300),
        "enrolment_rate": Figure("RSA-2048 enrolments, 8 clients", "/s", Sense.AT_LEAST, 0.95, relative=True),
        "enrolment_cpu": Figure("plugin CPU per P-256 enrolment", "ms", Sense.AT_MOST, 7.5),
        "waiting_memory": Figure("memory per waiting enrolment", "KiB", Sense.AT_MOST, 100),
        "waiting_read_p99": Figure("p99 of a read meanwhile", "ms", Sense.AT_MOST, 3.0, relative=True),
        "waiting_delay": Figure("issued at SCM to readable, p99", "s", Sense.AT_MOST, 2),
        "handshake": Figure("start to handshake", "s", Sense.AT_MOST, 0.4),
        "idle_memory": Figure("resident memory, idle", "MiB", Sense.AT_MOST, 80),
        "stock_page": Figure("large stock: a detailed page of 100", "ms", Sense.AT_MOST, 50),
        "stock_serials_page": Figure("large stock: the same by serial number", "ms", Sense.AT_MOST, 50),
        "stock_expiring": Figure("large stock: expiring/7d", "ms", Sense.AT_MOST, 1.5, relative=True),
        "stock_metrics": Figure("large stock: metrics", "ms", Sense.AT_MOST, 200),
        "stock_read_rate": Figure("large stock: certificate reads", "/s", Sense.AT_LEAST, 0.9, relative=True),
        "stock_start": Figure("large stock: restart to first answer", "s", Sense.AT_MOST, 1.1, relative=True),
        "stock_tick": Figure("large stock: plugin CPU of a minute's tick", "s", Sense.AT_MOST, 1),
        "stock_read_p99": Figure("large stock: p99 of a read beside long lists", "ms", Sense.AT_MOST, 100),
        "stock_upgrade": Figure("large stock: plugin CPU of an upgrade", "cores", Sense.AT_MOST, 0.4),
        "stock_memory": Figure("large stock: most resident memory", "MiB", Sense.AT_MOST, 200),
    }
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What came out for one figure.

    Attributes:
        key: which of `FIGURES`.
        ours: our value.
        against: what it is compared with, measured in the same run; None where there is nothing to compare.
        against_name: what that is.
        details: how it came about, for `bench.json`.
        notes: what a reader of the table must know to judge it.
    """

    key: str
    ours: float
    against: float | None = None
    against_name: str = ""
    details: Mapping[str, object] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def figure(self) -> Figure:
        """What it is held to."""
        return FIGURES[self.key]

    @property
    def ratio(self) -> float | None:
        """Ours in relation to what it is compared with, None without that.

        Raises:
            ZeroDivisionError: nothing was measured on the other side.
        """
        return None if self.against is None else self.ours / self.against

    @property
    def met(self) -> bool:
        """Whether the floor is met.

        Raises:
            ValueError: the figure is a ratio, and nothing to compare was measured.
        """
        judged = self.ratio if self.figure.relative else self.ours
        if judged is None:
            raise ValueError(f"{self.key} was measured against nothing")
        if self.figure.sense is Sense.AT_LEAST:
            return judged >= self.figure.floor
        return judged <= self.figure.floor
