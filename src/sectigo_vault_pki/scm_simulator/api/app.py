"""The API as one ASGI app: the routes of its groups behind one login, and a date on every answer."""

import hmac
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.inbound import (
    JSON_TYPE,
    UNAUTHORIZED,
    UNKNOWN,
    Call,
    CallLog,
    problem_response,
)
from sectigo_vault_pki.scm_simulator.model.tenant import Credentials


def build_app(
    routes: Sequence[Route], *, credentials: Credentials, calls: CallLog, now: Callable[[], datetime]
) -> ASGIApp:
    """Put the routes behind the login; the first that matches a path answers."""

    async def refuse(request: Request, error: Exception) -> Response:
        calls.append(Call(request.method, request.url.path, UNKNOWN))
        if isinstance(error, HTTPException) and error.status_code != HTTPStatus.NOT_FOUND:
            return problem_response(scm_problems.method_not_allowed(request.method))
        return problem_response(scm_problems.unknown_path(request.url.path))

    starlette = Starlette(routes=routes, exception_handlers={HTTPException: refuse})
    starlette.router.redirect_slashes = False  # the login check has made the path regular
    return DatedAnswers(LoginCheck(starlette, credentials=credentials, calls=calls), now=now)


class LoginCheck:
    """An ASGI app around another: checks the header login on every path (scm-api.md 1.1), known or not."""

    def __init__(self, app: ASGIApp, *, credentials: Credentials, calls: CallLog) -> None:
        self._app = app
        self._calls = calls
        self._login = {
            b"login": credentials.user.encode(),
            b"password": credentials.password.encode(),
            b"customeruri": credentials.customer_uri.encode(),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._knows(scope):
            self._calls.append(Call(scope["method"], scope["path"], UNAUTHORIZED))
            await problem_response(scm_problems.unknown_user(), JSON_TYPE)(scope, receive, send)
            return
        # Clients that join a base URL and "/collect" yield "//collect", and the live service takes it (scm-api.md 2).
        path = re.sub("/{2,}", "/", scope["path"]).rstrip("/") or "/"
        await self._app({**scope, "path": path}, receive, send)

    def _knows(self, scope: Scope) -> bool:
        given: dict[bytes, bytes] = {name.lower(): value for name, value in scope["headers"]}
        matches = [hmac.compare_digest(given.get(name, b""), value) for name, value in self._login.items()]
        return all(matches)


class DatedAnswers:
    """An ASGI app around another: dates its answers by the simulator's clock (RFC 9110 6.6.1).

    Args:
        app: The one inside.
        now: The time of day, in UTC.
    """

    def __init__(self, app: ASGIApp, *, now: Callable[[], datetime]) -> None:
        self._app = app
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._now().astimezone(UTC), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self._app(scope, receive, dated)
