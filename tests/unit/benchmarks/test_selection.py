import pytest

from benchmarks import profile
from benchmarks.__main__ import GROUPS, exit_status, notes, parsed
from benchmarks.figures import FIGURES, Measurement


def test_everything_is_measured_when_nothing_is_named() -> None:
    assert parsed([]) == list(GROUPS)


def test_named_groups_are_measured_in_the_usual_order() -> None:
    assert parsed(["enrolments", "reads"]) == ["reads", "enrolments"]


def test_unknown_group_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parsed(["rides"])
    assert refused.value.code == 2
    assert "no group rides; there are start, reads, enrolments, waiting, stock" in capsys.readouterr().err


def test_named_kinds_are_profiled_in_the_usual_order() -> None:
    assert profile.parsed(["memory", "reads"]) == ["reads", "memory"]


def test_unknown_kind_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        profile.parsed(["writes"])
    assert "no kind writes" in capsys.readouterr().err


@pytest.mark.parametrize(("cores", "said"), [(0.05, False), (0.9, True)])
def test_busy_machine_is_told_of(cores: float, *, said: bool) -> None:
    assert any("other programs kept 0.9 cores busy while reads" in note for note in notes([], {"reads": cores})) is said


def test_what_was_noted_of_a_figure_is_told() -> None:
    measured = Measurement(next(iter(FIGURES)), ours=1, against=1, notes=("mind this",))
    assert notes([measured], {"reads": 0.0}) == ["mind this"]


@pytest.mark.parametrize(
    ("ours", "failures", "status"),
    [(100, {}, 0), (1000, {}, 1), (100, {"waiting": "it broke"}, 2), (1000, {"waiting": "it broke"}, 2)],
)
def test_exit_status_says_whether_every_floor_is_met(ours: float, failures: dict[str, str], status: int) -> None:
    assert exit_status([Measurement("read_cpu", ours=ours)], failures) == status
