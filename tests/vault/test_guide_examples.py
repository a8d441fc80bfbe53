"""The examples of docs/guide.md, from the top of the page to its end."""

import pytest

from scripts import guide_examples

pytestmark = pytest.mark.vault


def test_the_guides_commands_answer_what_it_prints() -> None:
    printed = guide_examples.GUIDE.read_text()
    answered = guide_examples.gone_through(printed)
    assert "".join(guide_examples.difference(printed, answered)) == "", "make guide writes it anew"
