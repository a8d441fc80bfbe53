"""What the decisions claim about themselves, each other, and the code."""

import re
from pathlib import Path

import pytest

from sectigo_vault_pki.lifecycle.rules.states import ORDER

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "decisions"
DECISIONS = sorted(FOLDER.glob("0*.md"))

_STATUS = re.compile(r"^Status: (?:accepted|superseded)\b.* \d{1,2} (?:November|December) 20\d\d\b", re.MULTILINE)
_ROW = re.compile(
    r"^\| \[(?P<number>\d{4})\]\((?P<file>[^)]+)\) \| (?P<title>[^|]+) \| (?P<status>[^|]+) \|$", re.MULTILINE
)


def drawn_table() -> str:
    """Return the order's state table as a diagram."""
    steps = [
        f"    {state.name} --> {after.name}: {event.__name__}"
        for state, row in ORDER.items()
        for event, after in row.items()
    ]
    return "\n".join(("stateDiagram-v2", *steps))


def test_the_diagram_of_an_orders_states_is_the_codes_table() -> None:
    note = (FOLDER / "0002-order-state-table.md").read_text()
    (diagram,) = re.findall(r"^```mermaid\n(.*?)\n```$", note, re.MULTILINE | re.DOTALL)
    assert diagram == drawn_table()


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_each_decision_has_a_status_with_a_date(decision: Path) -> None:
    assert len(_STATUS.findall(decision.read_text())) == 1


def test_the_list_of_decisions_has_each_with_its_title_and_status() -> None:
    rows = {row["file"]: row for row in _ROW.finditer((FOLDER / "README.md").read_text())}
    assert sorted(rows) == [decision.name for decision in DECISIONS]
    for decision in DECISIONS:
        text, row = decision.read_text(), rows[decision.name]
        assert text.startswith(f"# {row['number']}: {row['title']}\n")
        assert f"Status: {row['status'].split()[0]}" in text
