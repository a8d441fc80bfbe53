"""Which validations end before a renewal: pure."""

from datetime import UTC, datetime, timedelta

import pytest

from sectigo_vault_pki.lifecycle.rules.validation_rule import Lapse, lapses

DUE = datetime(2027, 6, 1, tzinfo=UTC)
BEFORE, AFTER = DUE - timedelta(days=10), DUE + timedelta(days=10)


def test_a_validation_that_ends_before_the_renewal_lapses_and_one_that_ends_after_it_does_not() -> None:
    ends = {"early.test": BEFORE, "late.test": AFTER}
    assert lapses(["early.test", "late.test"], ends, DUE) == (Lapse(BEFORE, "early.test"),)


def test_one_that_ends_at_the_very_moment_lapses() -> None:
    assert lapses(["a.test"], {"a.test": DUE}, DUE) == (Lapse(DUE, "a.test"),)
    assert lapses(["a.test"], {"a.test": DUE + timedelta(seconds=1)}, DUE) == ()


@pytest.mark.parametrize("name", ["www.example.test", "a.b.example.test", "*.example.test", "WWW.Example.test."])
def test_the_validation_of_a_domain_covers_the_names_below_it(name: str) -> None:
    assert lapses([name], {"example.test": BEFORE}, DUE) == (Lapse(BEFORE, "example.test"),)
    assert lapses([name], {"example.test": AFTER}, DUE) == ()


def test_of_several_that_cover_a_name_the_longest_counts() -> None:
    ends = {"www.example.test": BEFORE, "example.test": AFTER}
    assert lapses(["www.example.test"], ends, DUE) == ()
    ends = {"www.example.test": BEFORE, "example.test": BEFORE - timedelta(days=5)}
    assert lapses(["www.example.test"], ends, DUE) == (Lapse(BEFORE, "www.example.test"),)


def test_a_subdomain_covers_no_domain_above_it_and_no_neighbour() -> None:
    ends = {"www.example.test": BEFORE}
    assert lapses(["example.test", "shop.example.test", "wwww.example.test", "other.test"], ends, DUE) == ()


def test_each_validation_is_named_once_the_soonest_first() -> None:
    ends = {"b.test": BEFORE, "a.test": BEFORE + timedelta(days=1)}
    found = lapses(["x.a.test", "y.a.test", "b.test"], ends, DUE)
    assert [lapse.domain for lapse in found] == ["b.test", "a.test"]


@pytest.mark.parametrize("name", ["192.0.2.7", "2001:db8::1", "ada@example.test", "localhost", "", "*.", "."])
def test_names_without_a_known_validation_count_for_nothing(name: str) -> None:
    assert lapses([name], {"example.test": BEFORE}, DUE) == ()
