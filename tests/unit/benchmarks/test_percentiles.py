import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.percentiles import percentile

VALUES = st.lists(st.floats(min_value=0, max_value=1e6), min_size=1)


@pytest.mark.parametrize(("percent", "expected"), [(1, 1), (50, 50), (99, 99), (99.5, 100), (100, 100)])
def test_percentile_of_a_hundred_values_is_the_one_of_that_rank(percent: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_percentile_of_few_values_errs_towards_the_largest() -> None:
    assert percentile([3, 1, 2], 99) == 3


@given(values=VALUES, percent=st.floats(min_value=0.1, max_value=100))
def test_percentile_is_a_measured_value_which_enough_others_do_not_exceed(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) / len(values) * 100 >= percent - 1e-6


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@pytest.mark.parametrize("percent", [0, -1, 100.1])
def test_what_is_no_percentage_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="percentage"):
        percentile([1], percent)
