"""A request as the handlers see it, and the answers they give."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

JSON_TYPE = "application/json"
JSON_UTF8_TYPE = "application/json;charset=UTF-8"
SSL_COLLECTED_TYPE = "application/octet-stream;charset=UTF-8"  # also for PEM (scm-api.md 3.4)
CLIENT_COLLECTED_TYPE = "application/octet-stream"  # scm-api.md 4.3


@dataclass(frozen=True)
class Inbound:
    """One request.

    Attributes:
        method: In capitals.
        path: The variable parts of the path by name.
        query: The parameters behind the question mark, the last one of each name.
        body: Bounded, not parsed.
    """

    method: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


def json_response(value: Any, *, headers: Mapping[str, str] | None = None, body: bool = True) -> Response:
    """Answer 200 in the SSL API's pretty spacing; without a body for HEAD."""
    text = json.dumps(value, indent=2, separators=(",", " : "))
    return Response(text if body else b"", media_type=None, headers={"content-type": JSON_UTF8_TYPE, **(headers or {})})


def compact_json_response(value: Any, *, headers: Mapping[str, str] | None = None, body: bool = True) -> Response:
    """Answer 200 as the client certificate API does: compact, and without a charset (scm-api.md 2)."""
    text = json.dumps(value, separators=(",", ":"))
    return Response(text if body else b"", media_type=None, headers={"content-type": JSON_TYPE, **(headers or {})})


def no_content() -> Response:
    return Response(status_code=HTTPStatus.NO_CONTENT)
