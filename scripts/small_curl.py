"""As much of curl as the guide's examples need, for a machine that has none; a real curl is always preferred."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for.

    Attributes:
        epilogue: printed after the body, with `%{http_code}` in it replaced.
    """

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    epilogue: str


def main(arguments: Sequence[str]) -> int:
    """Do it; return the exit status."""
    request = request_from(arguments)
    try:
        answer = httpx.request(
            request.method,
            request.url,
            headers=request.headers,
            content=request.body,
            timeout=SECONDS,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        print(f"curl: {type(error).__name__}", file=sys.stderr)
        return 1
    print(answer.text + request.epilogue.replace("%{http_code}", str(answer.status_code)), end="")
    return 0


def request_from(arguments: Sequence[str]) -> Request:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="curl", allow_abbrev=False)
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-H", action="append", default=[], dest="headers")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-w", default="", dest="epilogue")
    parser.add_argument("--data")
    parser.add_argument("url")
    given = parser.parse_args(arguments)
    body = None if given.data is None else _body(given.data)
    return Request(
        method=given.method or ("GET" if body is None else "POST"),
        url=given.url,
        headers=dict(header.split(": ", 1) for header in given.headers),
        body=body,
        epilogue=given.epilogue.replace("\\n", "\n"),
    )


def _body(data: str) -> bytes:
    return Path(data[1:]).read_bytes() if data.startswith("@") else data.encode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
