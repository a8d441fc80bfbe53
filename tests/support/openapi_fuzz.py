"""A mount's part of the server's OpenAPI document, made ready for schemathesis, which sends what it allows."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
_METHODS = ("get", "post", "patch", "delete")
_JSON = "application/json"
_CONFIGURATION = """
[generation]
allow-extra-parameters = false

[phases.coverage]
unexpected-methods = []
"""
"""Parameters and methods that the document does not have are the server's: it warns of them, and it deletes."""
_ENVELOPE: Mapping[str, Any] = {
    "request_id": {"type": "string"},
    "lease_id": {"type": "string"},
    "lease_duration": {"type": "integer"},
    "renewable": {"type": "boolean"},
    "warnings": {"type": "array", "nullable": True, "items": {"type": "string"}},
}
"""What the server puts around the data, which is all that its document describes."""


_SERVERS_OWN = {"405": {"description": "A read of what can only be listed"}}
"""What the server answers, and describes of no engine."""


def fuzzed_document(
    document: Mapping[str, Any],
    mount: str,
    *,
    places: Sequence[Mapping[str, str]],
    spare: Mapping[str, str],
    bodies: Mapping[str, Mapping[str, object]],
) -> Mapping[str, Any]:
    """Return the document of one mount, which describes the answers whole, and requests that meet something.

    Args:
        document: the server's.
        mount: the mount's path.
        places: what the paths name: values for their parameters.
        spare: the same for operations that change what others need.
        bodies: a body that succeeds, by the beginning of its path below the mount.
    """
    ours = {path: item for path, item in document["paths"].items() if path.startswith(f"/{mount}/")}
    ours = {path: item for path, item in ours.items() if not path.endswith("/rotate-root")}  # the login is the module's
    paths: dict[str, Any] = {}
    for path, item in json.loads(json.dumps(ours)).items():
        below = path.removeprefix(f"/{mount}")
        for method in [method for method in _METHODS if method in item]:
            operation = item[method]
            del operation["operationId"]
            _describe_whole(operation)
            example = next((body for start, body in bodies.items() if below.startswith(start)), None)
            if example is not None and method == "post":
                operation["requestBody"]["content"][_JSON]["example"] = example
            for place in [spare] if _changes(below, method) else places:
                paths.setdefault(path.format_map(place), {})[method] = operation
    return {**document, "paths": paths}


def _changes(path: str, method: str) -> bool:
    return method == "delete" or (method in {"post", "patch"} and path.startswith(("/configs", "/roles")))


def _describe_whole(operation: Mapping[str, Any]) -> None:
    """Put the server's envelope around the data that an operation's answers describe."""
    for status, response in operation["responses"].items():
        if status == "200" and _JSON in response.get("content", {}):
            data = response["content"][_JSON]["schema"]
            response["content"][_JSON]["schema"] = _enveloped(data)
        elif status == "200" and not response.get("content"):
            response["content"] = {_JSON: {"schema": _enveloped({"nullable": True, "enum": [None]})}}
    if any(parameter["name"] == "list" for parameter in operation.get("parameters", [])):
        operation["responses"].update(_SERVERS_OWN)


def _enveloped(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "type": "object",
        "properties": {**_ENVELOPE, "data": data},
        "required": ["data", *_ENVELOPE],
    }


def fuzz(
    document: Mapping[str, Any], folder: Path, *, url: str, headers: Mapping[str, str], examples: int, thorough: bool
) -> subprocess.CompletedProcess[str]:
    """Run schemathesis; its exit status is not 0 if it found something.

    Args:
        document: what it sends and expects.
        folder: where it may leave files.
        url: the server's API.
        headers: of every request.
        examples: how many random requests it sends to each operation.
        thorough: whether it also sends systematic ones, with each limit of each field.
    """
    (folder / "openapi.json").write_text(json.dumps(document))
    (folder / "schemathesis.toml").write_text(_CONFIGURATION)
    options: Iterable[str] = (
        *("run", str(folder / "openapi.json"), "--url", url, "--no-color"),
        *(part for name, value in headers.items() for part in ("--header", f"{name}: {value}")),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing" if thorough else "examples,fuzzing"),
        *("--max-examples", str(examples), "--continue-on-failure", "--suppress-health-check", "all"),
        *("--generation-database", "none", "--request-timeout", "60", "--warnings", "off"),
    )
    return subprocess.run(
        [Path(sys.executable).parent / "schemathesis", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
