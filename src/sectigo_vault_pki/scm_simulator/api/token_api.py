"""The token endpoint: OAuth2 client credentials in Keycloak's form (scm-api.md 1.2 and 13.1)."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints
from sectigo_vault_pki.scm_simulator.api.inbound import JSON_TYPE, Inbound
from sectigo_vault_pki.scm_simulator.api.login import TOKEN_PATH
from sectigo_vault_pki.scm_simulator.model.accounts import Accounts
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

_FORM_TYPE = "application/x-www-form-urlencoded"
_LARGEST_FORM = 10


class TokenApi:
    """Gives tokens to clients; its errors are OAuth2's, RFC 6749 5.2, and not SCM's."""

    def __init__(self, *, accounts: Accounts, settings: Settings) -> None:
        self._accounts = accounts
        self._settings = settings

    def routes(self, endpoints: Endpoints) -> list[Route]:
        endpoint = endpoints.endpoint("token", self.token, body_type=_FORM_TYPE)
        return [Route(TOKEN_PATH, endpoint, methods=["POST"])]

    def token(self, inbound: Inbound) -> Response:
        try:
            form = parse_qs(inbound.body.decode(), keep_blank_values=True, max_num_fields=_LARGEST_FORM)
        except ValueError:
            return _refusal(HTTPStatus.BAD_REQUEST, "invalid_request", "The form cannot be read")
        values = {name: given[-1] for name, given in form.items()}
        grant_type = values.get("grant_type")
        if grant_type is None:
            return _refusal(HTTPStatus.BAD_REQUEST, "invalid_request", "Missing form parameter: grant_type")
        if grant_type != "client_credentials":
            return _refusal(HTTPStatus.BAD_REQUEST, "unsupported_grant_type", "Unsupported grant_type")
        token = self._accounts.token(values.get("client_id", ""), values.get("client_secret", ""))
        if token is None or "oauth2" not in self._settings.logins:
            status = self._settings.token_refusal_status
            return _refusal(status, "invalid_client", "Invalid client or Invalid client credentials")
        answer = {
            "access_token": token.value,
            "expires_in": self._settings.token_seconds,
            "refresh_expires_in": 0,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": "profile email",
        }
        return _response(HTTPStatus.OK, answer)


def _refusal(status: int, error: str, description: str) -> Response:
    return _response(status, {"error": error, "error_description": description})


def _response(status: int, value: dict[str, Any]) -> Response:
    headers = {"content-type": JSON_TYPE, "cache-control": "no-store", "pragma": "no-cache"}
    return Response(json.dumps(value, separators=(",", ":")), status_code=status, headers=headers)
