import pytest

from benchmarks.figures import FIGURES, Measurement, Sense


def measurement(key: str, ours: float, against: float | None = None) -> Measurement:
    return Measurement(key, ours=ours, against=against)


@pytest.mark.parametrize(("ours", "met"), [(299, False), (300, True), (301, True)])
def test_a_ratio_that_must_be_reached_is_met_from_its_floor_on(ours: float, *, met: bool) -> None:
    assert measurement("read_rate", ours, against=1000).met is met


@pytest.mark.parametrize(("ours", "met"), [(30.0, True), (30.1, False)])
def test_a_ratio_that_must_not_be_exceeded_is_met_up_to_its_floor(ours: float, *, met: bool) -> None:
    assert measurement("waiting_read_p99", ours, against=10).met is met


@pytest.mark.parametrize(("ours", "met"), [(299.9, True), (300, True), (300.1, False)])
def test_a_value_of_our_own_is_judged_by_itself(ours: float, *, met: bool) -> None:
    assert measurement("read_cpu", ours).met is met


def test_a_value_of_our_own_is_judged_by_itself_also_where_there_is_something_to_compare() -> None:
    assert measurement("read_cpu", ours=200, against=1).met is True


def test_a_ratio_without_the_other_side_is_no_verdict() -> None:
    with pytest.raises(ValueError, match="against nothing"):
        _ = measurement("read_rate", ours=1000).met


def test_the_other_side_at_zero_is_no_verdict() -> None:
    with pytest.raises(ZeroDivisionError):
        _ = measurement("read_rate", ours=1000, against=0).met


def test_a_figure_nobody_declared_is_no_verdict() -> None:
    with pytest.raises(KeyError):
        _ = measurement("invented", ours=1).met


def test_every_floor_of_the_design_is_there() -> None:
    floors = {key: (figure.sense, figure.floor, figure.unit, figure.relative) for key, figure in FIGURES.items()}
    assert floors == {
        "read_rate": (Sense.AT_LEAST, 0.30, "/s", True),
        "read_cpu": (Sense.AT_MOST, 300, "µs", False),
        "enrolment_rate": (Sense.AT_LEAST, 0.95, "/s", True),
        "enrolment_cpu": (Sense.AT_MOST, 7.5, "ms", False),
        "waiting_memory": (Sense.AT_MOST, 100, "KiB", False),
        "waiting_read_p99": (Sense.AT_MOST, 3.0, "ms", True),
        "waiting_delay": (Sense.AT_MOST, 2, "s", False),
        "handshake": (Sense.AT_MOST, 0.4, "s", False),
        "idle_memory": (Sense.AT_MOST, 80, "MiB", False),
        "stock_page": (Sense.AT_MOST, 50, "ms", False),
        "stock_serials_page": (Sense.AT_MOST, 50, "ms", False),
        "stock_expiring": (Sense.AT_MOST, 1.5, "ms", True),
        "stock_metrics": (Sense.AT_MOST, 200, "ms", False),
        "stock_read_rate": (Sense.AT_LEAST, 0.9, "/s", True),
        "stock_start": (Sense.AT_MOST, 1.1, "s", True),
        "stock_tick": (Sense.AT_MOST, 1, "s", False),
        "stock_read_p99": (Sense.AT_MOST, 100, "ms", False),
        "stock_upgrade": (Sense.AT_MOST, 0.4, "cores", False),
        "stock_memory": (Sense.AT_MOST, 200, "MiB", False),
    }
