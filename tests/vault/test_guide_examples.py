"""The examples of the guide, of the migration page and of the recipes, from the top of each to its end."""

import pytest

from scripts import guide_examples

pytestmark = pytest.mark.vault


def test_the_commands_of_the_documents_answer_what_is_printed_there() -> None:
    printed = [document.read_text() for document in guide_examples.DOCUMENTS]
    answered = guide_examples.gone_through(printed)
    assert "".join(guide_examples.difference(printed, answered)) == "", "make guide writes it anew"
