"""What the pages for operators claim about alerts, metrics and their own commands."""

import re
from pathlib import Path

import pytest

from benchmarks.figures import FIGURES
from scripts import guide_examples

DOCS = Path(__file__).resolve().parents[3] / "docs"
MONITORING, RUNBOOKS = DOCS / "monitoring.md", DOCS / "runbooks.md"
PAGES = (MONITORING, RUNBOOKS, *(DOCS / f"{name}.md" for name in ("continuity", "teams", "sizing", "deployment")))
METRICS_SOURCE = DOCS.parent / "src" / "sectigo_vault_pki" / "paths" / "metrics.py"
PREFIX = "sectigo_vault_pki_"

_RULE = re.compile(r"^      - alert: (?P<name>\w+)\n(?P<text>(?:        .*\n)+)", re.MULTILINE)
_BLOCK = re.compile(r"^```(?:sh|console)\n.*?^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_COMMANDS = ("bao", "vault", "curl", "systemctl", "kubectl", "docker", "promtool")


def rules() -> dict[str, str]:
    """Return the text of each alert rule."""
    return {rule["name"]: rule["text"] for rule in _RULE.finditer((DOCS / "monitoring" / "alerts.yml").read_text())}


def rows(page: Path, head: str) -> list[list[str]]:
    """Return the cells of the table with this head."""
    _, _, below = page.read_text().partition(f"\n{head}\n")
    lines = below.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_alert_names_a_section_of_the_runbooks() -> None:
    sections = {title.lower() for title in re.findall(r"^## (\w+)$", RUNBOOKS.read_text(), re.MULTILINE)}
    for name, text in rules().items():
        (anchor,) = re.findall(r"runbook: docs/runbooks\.md#(\w+)\n", text)
        assert anchor in sections, name


def test_each_section_about_an_alert_belongs_to_one() -> None:
    titles = re.findall(r"^## (Sectigo\w+)$", RUNBOOKS.read_text(), re.MULTILINE)
    assert set(titles) <= set(rules())


def test_the_table_of_alerts_has_each_with_its_severity() -> None:
    listed = {row[0].strip("`"): row[1] for row in rows(MONITORING, "| alert | severity | fires |")}
    severities = {name: re.findall(r"severity: (\w+)\n", text)[0] for name, text in rules().items()}
    assert listed == severities


def test_the_table_of_metrics_has_each_with_its_labels() -> None:
    listed: set[str] = set()
    for names, _, _ in rows(MONITORING, "| name | labels | meaning |"):
        first, *others = re.findall(r"`(\w+)`", names)
        listed |= {first, *others}
    source = METRICS_SOURCE.read_text()
    measured = set(re.findall(r'f"\{PREFIX\}(\w+)"', source)) | set(
        re.findall(r'(?:_gauge\(|_by_entry\(\s*accounts,)\s*"(\w+)"', source)
    )
    assert listed == measured


def test_the_limits_for_many_certificates_are_those_of_the_benchmark() -> None:
    held = {one.name.partition(": ")[2]: one.floor_text for name, one in FIGURES.items() if name.startswith("stock_")}
    assert {row[0]: row[1] for row in rows(DOCS / "sizing.md", "| what | limit |")} == held


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_of_a_page_is_in_a_block_that_is_run(page: Path) -> None:
    text = page.read_text()
    assert page in {*guide_examples.DOCUMENTS, *guide_examples.ON_RAFT} or not _BLOCK.search(text)
    blocks = [block for block in _BLOCK.findall(text) if block.startswith("```sh")]
    assert blocks == _BLOCK.findall(text)
    assert len([match for match in guide_examples.STEP.finditer(text) if match["command"]]) == len(blocks)
    inline = _INLINE.findall(_BLOCK.sub("", text))
    assert [code for code in inline if " " in code and code.split()[0] in _COMMANDS] == []
