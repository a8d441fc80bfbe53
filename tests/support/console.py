"""The console's commands, run as a person runs them."""

import io
import json
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from sectigo_vault_pki.console.connection import Connection
from sectigo_vault_pki.console.program import run_program
from sectigo_vault_pki.console.server import NOT_FOUND, Server

TOKEN = "s.canary-token-of-the-tests"


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    status: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        """What was printed, if it is JSON."""
        return json.loads(self.output)


def run(*arguments: str, home: Path, **environ: str) -> Ran:
    """Run a command in this process; neither output may hold the token."""
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        status = run_program(arguments, (dict(environ), home))
    token = environ.get("BAO_TOKEN", "")
    if len(token) >= len(TOKEN):
        assert token not in output.getvalue() + errors.getvalue()
    return Ran(status, output.getvalue(), errors.getvalue())


def answering(handler: Callable[[httpx.Request], httpx.Response], **changes: Any) -> Server:
    """Return a server that a function stands for, and that waits for nothing."""
    connection = Connection(**{"address": "http://vault.example.test", "token": TOKEN, **changes})
    return Server(connection, transport=httpx.MockTransport(handler), pause=lambda _: None)


def scripted(answers: Mapping[str, Any], asked: list[str] | None = None) -> Server:
    """Return a server that answers by path, below `/v1/`: data, an HTTP status, or a response."""

    def handler(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        if asked is not None:
            asked.append(path)
        answer = answers.get(path, 404)
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, int):
            errors = [] if answer == NOT_FOUND else [f"scripted {answer}"]  # as of an empty list
            return httpx.Response(answer, json={"errors": errors})
        return httpx.Response(200, json={"data": answer})

    return answering(handler, address="https://vault.example.test")
