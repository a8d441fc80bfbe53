"""What every request passes first: the login, and a path made regular."""

import hmac
import re

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sectigo_vault_pki.scm_simulator import problems
from sectigo_vault_pki.scm_simulator.calls import UNAUTHORIZED, Call, CallLog
from sectigo_vault_pki.scm_simulator.catalogue import Credentials
from sectigo_vault_pki.scm_simulator.inbound import JSON_TYPE


class Gate:
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
            problem = problems.unknown_user()
            answer = Response(problem.body(), status_code=problem.status, headers={"content-type": JSON_TYPE})
            await answer(scope, receive, send)
            return
        # Clients that join a base URL and "/collect" yield "//collect", and the live service takes it (scm-api.md 2).
        path = re.sub("/{2,}", "/", scope["path"]).rstrip("/") or "/"
        await self._app({**scope, "path": path}, receive, send)

    def _knows(self, scope: Scope) -> bool:
        given: dict[bytes, bytes] = {name.lower(): value for name, value in scope["headers"]}
        matches = [hmac.compare_digest(given.get(name, b""), value) for name, value in self._login.items()]
        return all(matches)
