import json

import pytest

from benchmarks.figures import Measurement
from benchmarks.report import document, rounded, table, verdict

FAST = Measurement("read_rate", ours=1234.5, against=2469.0, against_name="/s kv", details={"rounds": [1, 2]})
SLOW = Measurement("read_cpu", ours=1900.0, notes=("the machine was busy",))


def test_table_has_a_line_for_each_figure_with_both_sides_and_the_verdict() -> None:
    assert [line.split("  ") for line in table([FAST]).splitlines()[2:]] == [
        ["certificate reads, 16 connections", "1230 /s", "2470 /s kv", "0.50 x", "≥ 0.3 x", "yes"]
    ]


def test_table_shows_a_missed_floor_and_leaves_out_what_was_not_compared() -> None:
    line = table([FAST, SLOW]).splitlines()[-1]
    assert line.split() == ["plugin", "CPU", "per", "read", "1900", "µs", "-", "-", "≤", "300", "µs", "NO"]


def test_columns_of_the_table_are_aligned() -> None:
    lines = table([FAST, SLOW]).splitlines()
    assert (
        len({line.index(word) for line, word in zip(lines[2:], ("≥", "≤"), strict=True)} | {lines[0].index("floor")})
        == 1
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.10449, "0.104"), (9.996, "10.0"), (78.26, "78.3"), (1234.5, "1230"), (0.000123, "0.000123")],
)
def test_numbers_keep_three_digits_that_count(value: float, text: str) -> None:
    assert rounded(value) == text


def test_verdict_says_that_all_is_well() -> None:
    assert verdict([FAST], {}) == "All 1 floors are met."


def test_verdict_names_every_missed_figure() -> None:
    assert verdict([FAST, SLOW], {}) == "MISSED: 1 of 2 floors: plugin CPU per read."


def test_verdict_says_what_could_not_be_measured_and_why() -> None:
    assert verdict([FAST], {"waiting": "it broke"}) == (
        "NOT MEASURED: waiting: it broke\nAll 1 floors of the rest are met."
    )


def test_verdict_on_nothing_promises_nothing() -> None:
    assert verdict([], {"reads": "it broke"}) == "NOT MEASURED: reads: it broke"


def test_document_holds_each_figure_with_its_floor_and_the_circumstances() -> None:
    written = json.loads(json.dumps(document([FAST, SLOW], {"waiting": "it broke"}, {"cores": 2})))
    assert written["run"] == {"cores": 2}
    assert written["not_measured"] == {"waiting": "it broke"}
    assert set(written["figures"]) == {"read_rate", "read_cpu"}
    fast, slow = written["figures"]["read_rate"], written["figures"]["read_cpu"]
    assert (fast["ours"], fast["against"], fast["ratio"], fast["met"]) == (1234.5, 2469.0, 0.5, True)
    assert (fast["floor"], fast["floor_is_ratio"], fast["details"]) == (0.30, True, {"rounds": [1, 2]})
    assert (slow["against"], slow["ratio"], slow["met"]) == (None, None, False)
    assert slow["notes"] == ["the machine was busy"]
