"""What the documents claim about each other and about the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import guide_examples

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src" / "sectigo_vault_pki"
SIMULATOR = SOURCE / "scm_simulator"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])

ELLIPSIS = "…"
LEAST_LETTERS = 10
"""A quoted text with fewer of its own would be found anywhere."""
LONGEST_PAGE, LONGEST_README = 600, 250
HEADS_OF_OUR_TEXTS = ("the error", "the warning", "the text")
HEAD_OF_THE_SERVERS_TEXTS = "the server's text"

_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)
_ANSWER = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^\| (?P<head>[^|]+) \|.*\n\|[-| ]+\|\n(?P<rows>(?:\|.*\n)+)", re.MULTILINE)
_QUOTE = re.compile(r"^\| `(?P<text>[^`]+)` \|", re.MULTILINE)


_INLINE_CODE = re.compile(r"`[^`]*`")
_GENERATED = re.compile(r"<!-- table: .*?<!-- end -->", re.DOTALL)
_WORDS = re.compile(r"^\| avoid \| use \|\n\|[-| ]+\|\n(?:\|.*\n)+", re.MULTILINE)


def prose(document: Path) -> str:
    return _FENCE.sub("", document.read_text())


def sentences(document: Path) -> str:
    """Return what somebody has written there: without code, generated tables and the list of words itself."""
    text = prose(document)
    for pattern in (_GENERATED, _WORDS, _INLINE_CODE):
        text = pattern.sub("", text)
    return " ".join(text.split())


def avoided_words() -> list[str]:
    """Return the words in bold of the list in CONTRIBUTING."""
    table = _WORDS.search(CONTRIBUTING.read_text())
    assert table is not None
    cells = (row.split("|")[1] for row in table[0].splitlines()[2:])
    return [word for cell in cells for word in re.findall(r"\*\*([^*]+)\*\*", cell)]


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings; a title that comes again gets a number."""
    titles = (re.sub(r"\]\([^)]*\)", "", heading["title"]) for heading in _HEADING.finditer(prose(document)))
    slugs = [re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles]
    before = ((slug, slugs[:number].count(slug)) for number, slug in enumerate(slugs))
    return {f"{slug}-{times}" if times else slug for slug, times in before}


def links(document: Path) -> Iterator[str]:
    return (match["target"] for match in _LINK.finditer(prose(document)))


def quoted_texts(document: Path, *heads: str) -> list[str]:
    """Return the errors and warnings that the document's tables are about, by what stands at their head."""
    tables = (table for table in _TABLE.finditer(prose(document)) if table["head"] in heads)
    return [match["text"] for table in tables for match in _QUOTE.finditer(table["rows"])]


def source_texts() -> set[str]:
    """Return the texts in the engine's code, with `…` where a value is put in; a docstring is said to nobody."""
    texts: set[str] = set()
    for file in SOURCE.rglob("*.py"):
        if not file.is_relative_to(SIMULATOR):
            nodes = list(ast.walk(ast.parse(file.read_text())))
            docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
            texts.update(text for node in nodes if id(node) not in docstrings and (text := text_of(node)) is not None)
    return texts


def text_of(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values):
            return "".join(text_of(value) or ELLIPSIS for value in values)
        case _:
            return None


def is_said(quoted: str, texts: set[str]) -> bool:
    """Whether one of the texts holds what is quoted, anything in the place of each `…`."""
    pattern = re.compile(".*?".join(map(re.escape, quoted.split(ELLIPSIS))), re.DOTALL)
    return any(pattern.search(text) for text in texts)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_of_the_documents_lead_somewhere(document: Path) -> None:
    lost = []
    for target in links(document):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        if not file.exists() or (anchor and anchor not in anchors(file)):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_avoid_the_words_that_the_list_forbids(document: Path) -> None:
    words = avoided_words()
    assert len(words) >= 10
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, words))})(?:s|es|ed|ing)?\b.{{0,40}}", re.IGNORECASE)
    assert pattern.findall(sentences(document)) == []


def test_every_page_of_the_guide_is_run() -> None:
    assert set(GUIDE) <= set(guide_examples.DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_are_short_enough_to_read(document: Path) -> None:
    longest = LONGEST_README if document == ROOT / "README.md" else LONGEST_PAGE
    assert len(document.read_text().splitlines()) <= longest


def our_quoted_texts() -> list[str]:
    return [text for document in DOCUMENTS for text in quoted_texts(document, *HEADS_OF_OUR_TEXTS)]


def test_errors_and_warnings_in_the_tables_are_those_of_the_code() -> None:
    texts, quoted = source_texts(), our_quoted_texts()
    assert len(quoted) > 70, "the tables are not found any more"
    assert [text for text in quoted if not is_said(text, texts)] == []


def test_texts_of_the_server_are_shown_by_an_example() -> None:
    answers = {answer for page in GUIDE for answer in _ANSWER.findall(page.read_text())}
    quoted = [text for page in GUIDE for text in quoted_texts(page, HEAD_OF_THE_SERVERS_TEXTS)]
    assert quoted
    assert [text for text in quoted if not is_said(text, answers)] == []


def test_quoted_texts_have_letters_of_their_own() -> None:
    quoted = our_quoted_texts()
    assert [text for text in quoted if len(text.replace(ELLIPSIS, "")) < LEAST_LETTERS] == []


def test_a_text_that_nobody_says_is_noticed() -> None:
    texts = source_texts()
    assert is_said('no config entry named "…"', texts)
    assert not is_said('no config entry called "…"', texts)
