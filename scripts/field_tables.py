"""Write the tables of `docs/fields.md` and `docs/fields-upkeep.md` from what the paths declare.

With `--check`, only say if they are up to date. A table stands between two comments, `<!-- table: NAME -->` and
`<!-- end -->`; what is around them is written by hand.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as File

from sectigo_vault_pki import backend
from sectigo_vault_pki.clock import SystemClock
from sectigo_vault_pki.lifecycle import LoginPauses, Resources, ScmClients, key_threads
from sectigo_vault_pki.paths import all_paths
from sectigo_vault_pki.paths.answers.certificate_answer import CERTIFICATE_SCHEMA
from sectigo_vault_pki.paths.answers.pki_answer import ISSUE_SCHEMA
from sectigo_vault_pki.paths.answers.validation_answer import DOMAIN_SCHEMA, INSTRUCTION_PROPERTIES
from sectigo_vault_pki.paths.export import EXPORT_SCHEMA
from sectigo_vault_pki.paths.status import STATUS_SCHEMA
from sectigo_vault_pki.paths.summaries import SUMMARY_SCHEMA
from sectigo_vault_pki.paths.sync import SYNC_SCHEMA
from sectigo_vault_pki.paths.tidy import TIDY_SCHEMA
from sectigo_vault_pki.scm import ScmClient
from sectigo_vault_pki.store import Repository
from sectigo_vault_pki.vault_plugin.framework import PAGING, Field, Path
from sectigo_vault_pki.vault_plugin.framework.documentation import field_text
from sectigo_vault_pki.vault_plugin.logical import Operation
from sectigo_vault_pki.vault_plugin.testing import InmemStorage

_DOCS = File(__file__).resolve().parent.parent / "docs"
DOCUMENTS = (_DOCS / "fields.md", _DOCS / "fields-upkeep.md")
_TABLE = re.compile(r"<!-- table: (?P<name>[^ ]+) -->\n.*?<!-- end -->", re.DOTALL)
_VERBS = {
    Operation.CREATE: "write",
    Operation.UPDATE: "write",
    Operation.PATCH: "patch",
    Operation.READ: "read",
    Operation.LIST: "list",
    Operation.DELETE: "delete",
}


def main() -> int:
    """Write or check; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when a table is out of date")
    check: bool = parser.parse_args().check
    before = [document.read_text() for document in DOCUMENTS]
    after = with_tables(*before)
    stale = [document for document, was, is_now in zip(DOCUMENTS, before, after, strict=True) if was != is_now]
    for document in stale:
        if check:
            print(f"out of date: {document.name}; make tables writes it anew")
        else:
            document.write_text(after[DOCUMENTS.index(document)])
    return 1 if check and stale else 0


def with_tables(*documents: str) -> Sequence[str]:
    """Return the documents with their tables as the paths declare them now.

    Raises:
        KeyError: one asks for a table that there is none of, or none of them has a place for one.
    """
    made = tables()
    asked = {match["name"] for document in documents for match in _TABLE.finditer(document)}
    if missing := made.keys() - asked:
        raise KeyError(f"no place in the documents for {', '.join(sorted(missing))}")
    return [
        _TABLE.sub(lambda match: f"<!-- table: {match['name']} -->\n{made[match['name']]}<!-- end -->", document)
        for document in documents
    ]


def tables() -> dict[str, str]:
    """Return every table by its name: of the paths, of answers, and of each path's own fields by its first word."""
    paths = declared_paths()
    made = {
        "paths": _paths_table(paths),
        "answer": _answer_table(CERTIFICATE_SCHEMA),
        "domain-answer": _answer_table(DOMAIN_SCHEMA),
        "export-answer": _answer_table(EXPORT_SCHEMA),
        "instruction": _answer_table(INSTRUCTION_PROPERTIES),
        "issue-answer": _answer_table(ISSUE_SCHEMA),
        "status-answer": _answer_table(STATUS_SCHEMA),
        "summary-answer": _answer_table(SUMMARY_SCHEMA),
        "sync-answer": _answer_table(SYNC_SCHEMA),
        "tidy-answer": _answer_table(TIDY_SCHEMA),
    }
    for path in paths:
        name = path.operation_words.replace(" ", "-") or path.template.split("/")[0]
        fields = [declared for declared in path.fields if declared.name not in path.captured and declared not in PAGING]
        if fields:
            made[name] = _field_table(path, (declared for declared in fields if not declared.without_effect))
    return made


def declared_paths() -> Sequence[Path]:
    """Return the engine's paths."""

    async def is_read_only() -> bool:
        return False

    repository, clock = Repository(InmemStorage()), SystemClock()
    resources = Resources(
        repository=repository,
        clock=clock,
        clients=ScmClients(ScmClient, LoginPauses(repository, clock), clock),
        is_read_only=is_read_only,
        executor=key_threads(),
    )
    return all_paths(backend.parts_of(resources, background=True))


def _paths_table(paths: Iterable[Path]) -> str:
    return _table(
        ("path", "operations", "what it does"),
        (
            (
                "`" + re.sub(r"{(.+?)}", r":\1", path.template) + "`",
                ", ".join(dict.fromkeys(_VERBS[operation] for operation in path.operations)),
                path.synopsis,
            )
            for path in paths
        ),
    )


def _field_table(path: Path, fields: Iterable[Field[object]]) -> str:
    return _table(
        ("field", "type", "meaning"),
        ((f"`{declared.name}`", declared.kind.label, field_text(path, declared)) for declared in fields),
    )


def _answer_table(answer: Mapping[str, Mapping[str, object]]) -> str:
    return _table(
        ("field", "type", "content"),
        ((f"`{name}`", str(schema["type"]), _content(schema)) for name, schema in sorted(answer.items())),
    )


def _content(schema: Mapping[str, object]) -> str:
    text = str(schema.get("description", ""))
    words = schema.get("enum")
    return f"{text} One of {', '.join(map(str, words))}".strip() if isinstance(words, list) else text


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(text) for text in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    """Keep a cell on one line, and what looks like markup outside of code as it is."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    return "`".join(part.replace("<", "&lt;") if number % 2 == 0 else part for number, part in enumerate(parts))


if __name__ == "__main__":
    sys.exit(main())
