"""How a run is spread over workers."""

from pathlib import Path

import pytest

from tests.support.units import BUSY, TICK, rank_of, unit_of

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("file", BUSY)
def test_busy_files_are_there(file: str) -> None:
    assert (ROOT / file).is_file()


def test_a_file_is_a_unit_with_all_that_it_holds() -> None:
    ids = ["tests/paths/test_a.py::test_b", "tests/paths/test_a.py::TestC::test_d[e::f]"]
    assert {unit_of(one) for one in ids} == {"tests/paths/test_a.py"}


def test_busy_files_are_one_unit() -> None:
    assert len({unit_of(f"{file}::test_a") for file in BUSY}) == 1


def test_busy_files_begin_and_the_one_that_waits_for_a_tick_is_their_last() -> None:
    files = ["tests/unit/a/test_b.py", "tests/plugin/test_c.py", "tests/vault/test_d.py", *reversed(BUSY)]
    ranked = sorted((f"{file}::test_e" for file in files), key=rank_of)
    assert [one.removesuffix("::test_e") for one in ranked] == [*BUSY, *reversed(files[:3])]
    assert BUSY[-1] == TICK
