"""The API as one ASGI app: the routes of its groups behind the login, and a date on every answer."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
    UNKNOWN,
    Call,
    CallLog,
    Host,
    problem_response,
)
from sectigo_vault_pki.scm_simulator.api.login import Generations, LoginCheck
from sectigo_vault_pki.scm_simulator.model.accounts import Accounts
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings


def build_app(
    routes: Mapping[Host, Sequence[Route]],
    *,
    accounts: Accounts,
    settings: Settings,
    calls: CallLog,
    now: Callable[[], datetime],
) -> ASGIApp:
    """Put the routes of the two hosts behind the login; the first that matches a path answers."""

    async def refuse(request: Request, error: Exception) -> Response:
        calls.append(Call(request.method, request.url.path, UNKNOWN))
        if isinstance(error, HTTPException) and error.status_code != HTTPStatus.NOT_FOUND:
            return problem_response(scm_problems.method_not_allowed(request.method))
        return problem_response(scm_problems.unknown_path(request.url.path))

    def app_of(host_routes: Sequence[Route]) -> Starlette:
        starlette = Starlette(routes=host_routes, exception_handlers={HTTPException: refuse})
        starlette.router.redirect_slashes = False  # the login check has made the path regular
        return starlette

    hosts: dict[Host, ASGIApp] = {
        "classic": app_of(routes["classic"]),
        "admin": Generations(app_of(routes["admin"]), settings=settings),
    }
    checked = LoginCheck(hosts, accounts=accounts, settings=settings, calls=calls)
    return DatedAnswers(checked, settings=settings, now=now)


class DatedAnswers:
    """An ASGI app around another: dates its answers by the simulator's clock (RFC 9110 6.6.1).

    Args:
        app: The one inside.
        settings: How far the date is off.
        now: The time of day, in UTC.
    """

    def __init__(self, app: ASGIApp, *, settings: Settings, now: Callable[[], datetime]) -> None:
        self._app = app
        self._settings = settings
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                moment = self._now() + timedelta(seconds=self._settings.date_offset_seconds)
                date = format_datetime(moment.astimezone(UTC), usegmt=True).encode()
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        await self._app(scope, receive, dated)
