"""A request as the handlers see it and as the log keeps it, and the answers: JSON, nothing, or a cut connection.

ASGI has no word for cutting a connection. A server of ours offers the extension `CUT_EXTENSION` in the scope, a
function that aborts the TCP connection; without it the app runs in-process, and `ConnectionCutError` goes up to its
caller.
"""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sectigo_vault_pki.scm_simulator.api.scm_problems import Problem
from sectigo_vault_pki.scm_simulator.model.accounts import Administrator

JSON_TYPE = "application/json"
JSON_UTF8_TYPE = "application/json;charset=UTF-8"
SSL_COLLECTED_TYPE = "application/octet-stream;charset=UTF-8"  # also for PEM (scm-api.md 3.4)
CLIENT_COLLECTED_TYPE = "application/octet-stream"  # scm-api.md 4.3

CUT_EXTENSION = "sectigo_vault_pki.cut"
CLIENT_CERTIFICATE_EXTENSION = "sectigo_vault_pki.client_certificate"
"""In the scope's extensions: the client certificate of the connection, in DER."""

CALLER_EXTENSION = "sectigo_vault_pki.caller"

Host = Literal["classic", "admin"]

UNAUTHORIZED = "unauthorized"
UNKNOWN = "unknown"
_LONGEST_LOG = 100_000


@dataclass(frozen=True)
class Caller:
    """Who is asking.

    Attributes:
        administrator: Whose rights apply; None where no login is needed.
        host: Which of SCM's hosts this is to be: the classic one, or the one whose logins are tokens.
    """

    administrator: Administrator | None
    host: Host

    @property
    def login(self) -> str:
        return "" if self.administrator is None else self.administrator.login

    def may(self, privilege: str) -> bool:
        return self.administrator is not None and privilege in self.administrator.privileges


@dataclass(frozen=True)
class Inbound:
    """One request.

    Attributes:
        method: In capitals.
        path: The variable parts of the path by name.
        query: The parameters behind the question mark, the last one of each name.
        body: Bounded, not parsed.
        caller: Who is asking.
        password: The header of that name, which the change of a password repeats.
    """

    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes
    caller: Caller
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class Call:
    """One request as it came in; `operation` is one of the simulator's names, "unauthorized" or "unknown"."""

    method: str
    path: str
    operation: str


class CallLog:
    """The newest requests, oldest first: what was asked, never by whom or with which headers or body."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_LONGEST_LOG)

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._calls))

    def __len__(self) -> int:
        return len(self._calls)

    def append(self, call: Call) -> None:
        self._calls.append(call)

    def clear(self) -> None:
        self._calls.clear()

    def operations(self) -> list[str]:
        """Return the operations in the order they were asked for."""
        return [call.operation for call in self._calls]

    def count(self, operation: str) -> int:
        return self.operations().count(operation)


def json_response(
    value: Any, *, headers: Mapping[str, str] | None = None, body: bool = True, status: int = HTTPStatus.OK
) -> Response:
    """Answer in the SSL API's pretty spacing; without a body for HEAD."""
    text = json.dumps(value, indent=2, separators=(",", " : "))
    all_headers = {"content-type": JSON_UTF8_TYPE, **(headers or {})}
    return Response(text if body else b"", status_code=status, media_type=None, headers=all_headers)


def compact_json_response(value: Any, *, headers: Mapping[str, str] | None = None, body: bool = True) -> Response:
    """Answer 200 as the client certificate API does: compact, and without a charset (scm-api.md 2)."""
    text = json.dumps(value, separators=(",", ":"))
    return Response(text if body else b"", media_type=None, headers={"content-type": JSON_TYPE, **(headers or {})})


def problem_response(
    problem: Problem, content_type: str = JSON_UTF8_TYPE, *, headers: Mapping[str, str] | None = None
) -> Response:
    all_headers = {"content-type": content_type, **(headers or {})}
    return Response(problem.body(), status_code=problem.status, headers=all_headers)


def no_content() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT)


class ConnectionCutError(Exception):
    """The app cut the connection, and there is no server that could have noticed."""


class CutResponse(Response):
    """Not an answer: the connection goes away, without a byte of HTTP."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        abort = scope.get("extensions", {}).get(CUT_EXTENSION)
        if abort is None:
            raise ConnectionCutError
        abort()
        # A server takes an app that returns before the connection is known to be lost for broken, and answers 500.
        while (await receive())["type"] != "http.disconnect":
            pass
