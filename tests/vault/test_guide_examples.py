"""The examples of the guide and of the pages for operators, from the top of each to its end."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import guide_examples

pytestmark = pytest.mark.vault


@pytest.mark.parametrize("documents", guide_examples.SESSIONS, ids=lambda documents: documents[0].stem)
def test_the_commands_of_the_documents_answer_what_is_printed_there(documents: Sequence[Path]) -> None:
    printed = [document.read_text() for document in documents]
    answered = guide_examples.gone_through(printed, raft=documents is guide_examples.ON_RAFT)
    assert "".join(guide_examples.difference(documents, printed, answered)) == "", "make guide writes it anew"
