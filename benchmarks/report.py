"""What was measured, for people and for programs."""

from collections.abc import Mapping, Sequence

from benchmarks.figures import Measurement

_HEADINGS = ("figure", "ours", "against", "ratio", "floor", "met?")
_DIGITS = 3


def table(measurements: Sequence[Measurement]) -> str:
    """Return the table: a line for each figure."""
    rows = [_HEADINGS, *(_row(measurement) for measurement in measurements)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join((lines[0], "-" * max(map(len, lines)), *lines[1:]))


def _row(measurement: Measurement) -> tuple[str, ...]:
    figure, ratio = measurement.figure, measurement.ratio
    return (
        figure.name,
        f"{rounded(measurement.ours)} {figure.unit}",
        "-" if measurement.against is None else f"{rounded(measurement.against)} {measurement.against_name}",
        "-" if ratio is None else f"{ratio:.2f} x",
        figure.floor_text,
        "yes" if measurement.met else "NO",
    )


def rounded(value: float) -> str:
    """Return a number with three digits that count, without an exponent.

    No more are worth showing: runs on one machine differ by more.
    """
    if value == 0:
        return "0"
    shortened = f"{value:.{_DIGITS - 1}e}"
    exponent = int(shortened.partition("e")[2])
    return f"{float(shortened):.{max(0, _DIGITS - 1 - exponent)}f}"


def verdict(measurements: Sequence[Measurement], failures: Mapping[str, str]) -> str:
    """Return whether every floor is met, and which is not; and what could not be measured, group by group."""
    missed = [measurement.figure.name for measurement in measurements if not measurement.met]
    lines = [f"NOT MEASURED: {group}: {why}" for group, why in failures.items()]
    if missed:
        lines.append(f"MISSED: {len(missed)} of {len(measurements)} floors: {'; '.join(missed)}.")
    elif measurements:
        lines.append(f"All {len(measurements)} floors{' of the rest' if failures else ''} are met.")
    return "\n".join(lines)


def document(
    measurements: Sequence[Measurement], failures: Mapping[str, str], run: Mapping[str, object]
) -> dict[str, object]:
    """Return what `bench.json` holds: the figures, and under which circumstances they were measured."""
    return {
        "run": dict(run),
        "not_measured": dict(failures),
        "figures": {
            measurement.key: {
                "name": measurement.figure.name,
                "unit": measurement.figure.unit,
                "ours": measurement.ours,
                "against": measurement.against,
                "against_name": measurement.against_name,
                "ratio": measurement.ratio,
                "sense": measurement.figure.sense.value,
                "floor": measurement.figure.floor,
                "floor_is_ratio": measurement.figure.relative,
                "met": measurement.met,
                "details": dict(measurement.details),
                "notes": list(measurement.notes),
            }
            for measurement in measurements
        },
    }
