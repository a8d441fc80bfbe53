"""Who is calling: the header login, the certificate login and OAuth2 (scm-api.md 1.1, 1.2 and 13.1)."""

import hmac
import re
from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.inbound import (
    CALLER_EXTENSION,
    CLIENT_CERTIFICATE_EXTENSION,
    JSON_TYPE,
    UNAUTHORIZED,
    Call,
    Caller,
    CallLog,
    Host,
    problem_response,
)
from sectigo_vault_pki.scm_simulator.model.accounts import Accounts, Administrator
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

TOKEN_PATH = "/auth/realms/apiclients/protocol/openid-connect/token"  # noqa: S105 - no secret
PASSWORD_PATH = "/api/admin/v1/password"  # noqa: S105 - no secret
CHANGE_PASSWORD_PATH = "/api/admin/v1/changepassword"  # noqa: S105 - no secret
_PRIVATE = "/private"


class LoginCheck:
    """An ASGI app around those of the two hosts: checks the login on every path, known or not.

    There is one listener, so the login decides which host it is: a token's is the admin host.

    Args:
        hosts: The apps.
        accounts: Who may log in.
        settings: The knobs.
        calls: Where a refused call is noted.
    """

    def __init__(
        self, hosts: Mapping[Host, ASGIApp], *, accounts: Accounts, settings: Settings, calls: CallLog
    ) -> None:
        self._hosts = hosts
        self._accounts = accounts
        self._settings = settings
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Clients that join a base URL and "/collect" yield "//collect", and the live service takes it (scm-api.md 2).
        path = re.sub("/{2,}", "/", scope["path"]).rstrip("/") or "/"
        headers: dict[bytes, bytes] = {name.lower(): value for name, value in scope["headers"]}
        caller = self._caller(scope, path, headers)
        if caller is None:
            self._calls.append(Call(scope["method"], scope["path"], UNAUTHORIZED))
            await self._refusal(scope, path, headers)(scope, receive, send)
            return
        extensions = {**scope.get("extensions", {}), CALLER_EXTENSION: caller}
        path = path.removeprefix(_PRIVATE)
        await self._hosts[caller.host]({**scope, "path": path, "extensions": extensions}, receive, send)

    def _caller(self, scope: Scope, path: str, headers: Mapping[bytes, bytes]) -> Caller | None:
        if path == TOKEN_PATH:
            return Caller(None, "admin")
        if b"authorization" in headers:
            return _as_caller(self._by_token(headers), "admin")
        if not hmac.compare_digest(headers.get(b"customeruri", b""), self._accounts.customer_uri.encode()):
            return None
        if path.startswith(f"{_PRIVATE}/"):
            return _as_caller(self._by_certificate(scope, headers), "classic")
        return _as_caller(self._by_password(path, headers), "classic")

    def _by_token(self, headers: Mapping[bytes, bytes]) -> Administrator | None:
        scheme, _, token = headers[b"authorization"].decode("latin-1").partition(" ")
        if "oauth2" not in self._settings.logins or scheme.lower() != "bearer":
            return None
        return self._accounts.by_token(token.strip())

    def _by_certificate(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Administrator | None:
        certificate = scope.get("extensions", {}).get(CLIENT_CERTIFICATE_EXTENSION)
        if "certificate" not in self._settings.logins or certificate is None:
            return None
        return self._accounts.by_certificate(headers.get(b"login", b""), certificate)

    def _by_password(self, path: str, headers: Mapping[bytes, bytes]) -> Administrator | None:
        """Look at the headers; that an expired password is a wrong one, except to change it, is inferred."""
        if "headers" not in self._settings.logins:
            return None
        known = self._accounts.by_password(headers.get(b"login", b""), headers.get(b"password", b""))
        if known is None or known.password_state(self._accounts.now()) != "EXPIRED":
            return known
        is_about_it = path in {PASSWORD_PATH, CHANGE_PASSWORD_PATH}
        return known if is_about_it and self._settings.expired_password_changeable else None

    def _refusal(self, scope: Scope, path: str, headers: Mapping[bytes, bytes]) -> Response:
        problem = scm_problems.unknown_user()
        is_classic = b"login" in headers or path.startswith(f"{_PRIVATE}/")
        if is_classic and b"authorization" not in headers:
            return problem_response(problem, JSON_TYPE)
        return problem_response(problem, JSON_TYPE, headers={"www-authenticate": self._challenge(scope, headers)})

    def _challenge(self, scope: Scope, headers: Mapping[bytes, bytes]) -> str:
        """Name the token URL, as a 401 of the admin host does (scm-api.md 1.2)."""
        host = headers.get(b"host", b"localhost").decode("latin-1")
        url = self._settings.token_url or f"{scope.get('scheme', 'http')}://{host}{TOKEN_PATH}"
        return url if self._settings.www_authenticate == "url" else f'Bearer authorization_uri="{url}"'


def _as_caller(administrator: Administrator | None, host: Host) -> Caller | None:
    return None if administrator is None else Caller(administrator, host)


class Generations:
    """An ASGI app around the admin host's: hides the generations of its SSL API that the settings leave out."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = re.match(r"/api/ssl/(v[12])(?:/|$)", scope["path"])
        if match is not None and match[1] not in self._settings.admin_ssl_versions:
            scope = {**scope, "path": f"/hidden{scope['path']}"}
        await self._app(scope, receive, send)
