"""Cutting a connection instead of answering.

ASGI has no word for it. A server of ours offers the extension `CUT_EXTENSION` in the scope, a function that aborts the
TCP connection; where there is none the app runs in-process, and `ConnectionCutError` goes up to whoever called it.
"""

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

CUT_EXTENSION = "sectigo_vault_pki.cut"


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
