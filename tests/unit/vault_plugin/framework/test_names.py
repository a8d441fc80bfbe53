import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.vault_plugin.framework import StrictNames

STRICT = StrictNames("shop_", {"shop_owner": "it belongs to the shop"})
DECLARED = ("shop_colour_of_paint", "shop_size", "note")
LETTERS = st.sampled_from(string.ascii_lowercase + "_")


@st.composite
def misspelt(draw: st.DrawFn) -> str:
    """Return a declared name with one letter too many, too few or wrong, or with two swapped."""
    name = draw(st.sampled_from(DECLARED))
    place = draw(st.integers(0, len(name) - 1))
    before, after = name[:place], name[place + 1 :]
    swapped = f"{before}{after[:1]}{name[place]}{after[1:]}"
    return draw(
        st.sampled_from([swapped, before + after])
        | st.builds(lambda letter: f"{before}{letter}{after}", LETTERS)
        | st.builds(lambda letter: f"{before}{letter}{name[place:]}", LETTERS)
    )


@given(name=misspelt())
def test_a_name_with_one_typing_error_is_refused_with_the_declared_one(name: str) -> None:
    (complaint,) = STRICT.complaints([name], DECLARED)
    assert complaint.startswith(f"{name} is unknown on this path: did you mean ")
    assert complaint.removesuffix("?").rpartition(" ")[2] in DECLARED


@given(name=st.text(max_size=40))
def test_a_name_is_refused_only_for_its_prefix_or_its_likeness_and_shown_printable(name: str) -> None:
    for complaint in STRICT.complaints([name], DECLARED):
        assert complaint.isprintable()
        assert "did you mean" in complaint or name.strip().lower().lstrip("-").replace("-", "_").startswith("shop_")


@pytest.mark.parametrize("name", ["shop_owner", "lease", "n", "colour", ""])
def test_a_name_that_is_known_elsewhere_or_like_none_is_no_complaint(name: str) -> None:
    assert STRICT.complaints([name], DECLARED) == []


@pytest.mark.parametrize("name", ["note_down", "NOTES", "--note-it"])
def test_a_name_may_be_refused_for_another_beginning_than_the_prefix(name: str) -> None:
    strict = StrictNames("shop_", beginnings=("note",))
    assert [name in complaint for complaint in strict.complaints([name], DECLARED)] == [True]
    assert strict.complaints(["lease"], DECLARED) == []


def test_only_so_many_names_are_judged() -> None:
    assert len(STRICT.complaints([f"shop_{number}" for number in range(1000)], DECLARED)) == 1000
    assert STRICT.complaints([f"shop_{number}" for number in range(1001)], DECLARED) == [
        "the request has 1001 unknown fields"
    ]
