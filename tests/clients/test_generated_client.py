"""A client that openapi-python-client generates from the document that the server serves of our mount."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.environment import MOUNT, Environment
from tests.support import client_programs

_REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


def test_a_generated_client_reads_what_it_does_and_knows_each_key_of_the_answers(
    environment: Environment, folder: Path
) -> None:
    document = environment.server.api("GET", "sys/internal/specs/openapi").expect(200).body
    variables = client_programs.generated_client(part_of_mount(document))
    command = (variables["PYTHON"], client_programs.SOURCES / "openapi" / "calls.py")
    prefix = MOUNT.replace("-", "_")
    outcome = client_programs.calls(environment, command, folder, PYTHONPATH=variables["PYTHONPATH"], PREFIX=prefix)
    client_programs.check(outcome)


def part_of_mount(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the document with the mount's paths alone, and the schemas that they use."""
    paths = {path: item for path, item in document["paths"].items() if path.startswith(f"/{MOUNT}/")}
    schemas, wanted = document["components"]["schemas"], [json.dumps(paths)]
    used: dict[str, Any] = {}
    while wanted:
        for name in _REFERENCE.findall(wanted.pop()):
            if name not in used:
                used[name] = schemas[name]
                wanted.append(json.dumps(schemas[name]))
    return {**document, "paths": paths, "components": {"schemas": used}}
