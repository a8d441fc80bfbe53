"""The files and blocks of the pages of recipes and of teams, as a reader has them, for a test's mount and server."""

import re
from itertools import takewhile
from pathlib import Path

from tests.support.vault import VaultMount

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recipes.md"
PAGES = (PAGE, PAGE.with_name("recipes-operators.md"), PAGE.with_name("teams.md"))

_FILE = re.compile(r"^cat > (?P<name>\S+) <<'EOF'\n(?P<text>.*?)^EOF$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def file(name: str, mount: VaultMount) -> str:
    """Return a file that a page writes."""
    return _for(mount, written_file(name))


def written_file(name: str) -> str:
    """Return a file as its page writes it."""
    files = (match for page in PAGES for match in _FILE.finditer(page.read_text()))
    (text,) = (match["text"] for match in files if match["name"] == name)
    return text


def block(language: str, holding: str, mount: VaultMount) -> str:
    """Return the one block in a language that holds a text."""
    (text,) = (text for text in blocks(language) if holding in text)
    return _for(mount, text)


def blocks(language: str) -> list[str]:
    """Return all blocks in a language, as the pages have them."""
    texts = "".join(page.read_text() for page in PAGES)
    return [match["text"] for match in _BLOCK.finditer(texts) if match["language"] == language]


def table(head: str) -> list[list[str]]:
    """Return the cells of the one table of the page that has this head."""
    (_, _, below) = PAGE.read_text().partition(f"\n{head}\n")
    rows = takewhile(lambda line: line.startswith("|"), below.splitlines()[1:])
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def json_of(resource: str, mount: VaultMount) -> str:
    """Return the `data_json` of one of the pages' Terraform resources `vault_generic_endpoint`."""
    text = block("hcl", f'resource "vault_generic_endpoint" "{resource}" {{', mount)
    return text.partition("<<-JSON\n")[2].partition("JSON\n")[0]


def _for(mount: VaultMount, text: str) -> str:
    return text.replace("sectigo-vault-pki", mount.path).replace("http://127.0.0.1:8200", mount.server.address)
