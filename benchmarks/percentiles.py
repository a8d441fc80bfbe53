"""Percentiles of what was measured."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of all values do not exceed (nearest rank).

    Raises:
        ValueError: there are no values, or `percent` is not above 0 and at most 100.
    """
    if not values:
        raise ValueError("a percentile of no values")
    if not 0 < percent <= 100:  # noqa: PLR2004  per cent
        raise ValueError(f"{percent} is no percentage")
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]
