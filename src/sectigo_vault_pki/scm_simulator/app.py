"""The API's routes, as an ASGI app."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sectigo_vault_pki.scm_simulator import problems
from sectigo_vault_pki.scm_simulator.calls import UNKNOWN, Call, CallLog
from sectigo_vault_pki.scm_simulator.catalogue import Credentials
from sectigo_vault_pki.scm_simulator.client_api import ClientApi
from sectigo_vault_pki.scm_simulator.endpoint import Endpoints, problem_response
from sectigo_vault_pki.scm_simulator.gate import Gate
from sectigo_vault_pki.scm_simulator.organization_api import OrganizationApi
from sectigo_vault_pki.scm_simulator.ssl_api import SslApi

SSL = "/api/ssl/v1"
CLIENT_V1 = "/api/smime/v1"
CLIENT_V2 = "/api/smime/v2"
ORGANIZATION = "/api/organization/v1"
_NOT_FOUND = 404


def build_app(
    *,
    ssl_api: SslApi,
    client_api: ClientApi,
    organization_api: OrganizationApi,
    endpoints: Endpoints,
    client_endpoints: Endpoints,
    credentials: Credentials,
    calls: CallLog,
) -> ASGIApp:
    """Put the APIs behind one login; the endpoints say what happens around each handler."""

    async def refuse(request: Request, error: Exception) -> Response:
        calls.append(Call(request.method, request.url.path, UNKNOWN))
        if isinstance(error, HTTPException) and error.status_code != _NOT_FOUND:
            return problem_response(problems.method_not_allowed(request.method))
        return problem_response(problems.unknown_path(request.url.path))

    starlette = Starlette(
        routes=[
            *ssl_routes(ssl_api, endpoints),
            *client_routes(client_api, client_endpoints),
            *organization_routes(organization_api, endpoints),
        ],
        exception_handlers={HTTPException: refuse},
    )
    starlette.router.redirect_slashes = False  # the gate has made the path regular
    return Gate(starlette, credentials=credentials, calls=calls)


def ssl_routes(api: SslApi, endpoints: Endpoints) -> list[Route]:
    """scm-api.md 3; the order decides, since an id may stand where a word does."""
    make = endpoints.endpoint
    get, post = ["GET"], ["POST"]
    return [
        Route(SSL, make("list", api.list_orders), methods=["GET", "HEAD"]),
        Route(f"{SSL}/types", make("types", api.types), methods=get),
        Route(f"{SSL}/customFields", make("custom_fields", api.custom_fields), methods=get),
        Route(f"{SSL}/enroll", make("enroll", api.enroll), methods=post),
        Route(f"{SSL}/collect/{{ssl_id}}", make("collect", api.collect), methods=get),
        Route(f"{SSL}/collect/{{ssl_id}}/{{format}}", make("collect", api.collect), methods=get),
        Route(f"{SSL}/renewById/{{ssl_id}}", make("renew", api.renew_by_id), methods=post),
        Route(f"{SSL}/renew/{{renew_id}}", make("renew", api.renew), methods=post),
        Route(f"{SSL}/replace/{{ssl_id}}", make("replace", api.replace), methods=post),
        Route(f"{SSL}/revoke/serial/{{serial}}", make("revoke", api.revoke_by_serial), methods=post),
        Route(f"{SSL}/revoke/{{ssl_id}}", make("revoke", api.revoke), methods=post),
        Route(f"{SSL}/approve/{{ssl_id}}", make("approve", api.approve), methods=post),
        Route(f"{SSL}/decline/{{ssl_id}}", make("decline", api.decline), methods=post),
        Route(f"{SSL}/{{ssl_id}}", make("details", api.details), methods=get),
    ]


def client_routes(api: ClientApi, endpoints: Endpoints) -> list[Route]:
    """scm-api.md 4; what renews and replaces is v2, the rest v1."""
    make = endpoints.endpoint
    get, post = ["GET"], ["POST"]
    return [
        Route(CLIENT_V1, make("list", api.list_orders_v1), methods=["GET", "HEAD"]),
        Route(CLIENT_V2, make("list", api.list_orders), methods=["GET", "HEAD"]),
        Route(f"{CLIENT_V1}/types", make("types", api.types), methods=get),
        Route(f"{CLIENT_V1}/customFields", make("custom_fields", api.custom_fields), methods=get),
        Route(f"{CLIENT_V1}/enroll", make("enroll", api.enroll), methods=post),
        Route(f"{CLIENT_V1}/collect/{{order_number}}", make("collect", api.collect), methods=get),
        Route(f"{CLIENT_V1}/collect/{{order_number}}/{{format}}", make("collect", api.collect), methods=get),
        Route(f"{CLIENT_V2}/renew/order/{{order_number}}", make("renew", api.renew), methods=post),
        Route(f"{CLIENT_V2}/renew/serial/{{serial}}", make("renew", api.renew_by_serial), methods=post),
        Route(f"{CLIENT_V2}/replace/order/{{order_number}}", make("replace", api.replace), methods=post),
        Route(f"{CLIENT_V1}/revoke", make("revoke", api.revoke_all), methods=post),
        Route(f"{CLIENT_V1}/revoke/order/{{order_number}}", make("revoke", api.revoke), methods=post),
        Route(f"{CLIENT_V1}/revoke/serial/{{serial}}", make("revoke", api.revoke_by_serial), methods=post),
        Route(f"{CLIENT_V1}/{{scm_id}}", make("details", api.details), methods=get),
    ]


def organization_routes(api: OrganizationApi, endpoints: Endpoints) -> list[Route]:
    """scm-api.md 5."""
    make = endpoints.endpoint
    return [
        Route(ORGANIZATION, make("organizations", api.list_organizations), methods=["GET"]),
        Route(f"{ORGANIZATION}/{{org_id}}", make("organizations", api.details), methods=["GET"]),
    ]
