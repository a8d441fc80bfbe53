"""The control listener's part about the tenant: who may log in, which domains, organizations and fields there are."""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from cryptography import x509
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.model.accounts import Accounts, Administrator, ApiClient
from sectigo_vault_pki.scm_simulator.model.custom_fields import CustomFields
from sectigo_vault_pki.scm_simulator.model.domains import Domain, Domains
from sectigo_vault_pki.scm_simulator.model.login_ca import LoginCertificate
from sectigo_vault_pki.scm_simulator.model.organizations import Organizations
from sectigo_vault_pki.scm_simulator.model.tenant import (
    AccessMethod,
    CertType,
    CustomField,
    Department,
    FieldState,
    InputType,
    Organization,
)

_LARGEST_BODY = 64 * 1024

Text = Annotated[str, Field(min_length=1, max_length=256)]
Id = Annotated[int, Field(ge=1, le=2**31 - 1)]


async def control_body(request: Request) -> bytes:
    """Read a body of the control listener."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large")
    return bytes(body)


class _Posted(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class AdministratorBody(_Posted):
    """What is named changes; a new administrator needs a password, and has every privilege unless some are named."""

    login: Text
    password: Text | None = None
    privileges: list[str] | None = None
    password_ends: AwareDatetime | None = None


class ClientBody(_Posted):
    client_id: Text
    client_secret: Text
    login: Text


class ClientRevocationBody(_Posted):
    keep_tokens: bool = False


class CertificateBody(_Posted):
    """Without a `certificate` one is issued; with `trusted` false it logs nobody in."""

    login: Text
    certificate: str | None = None
    trusted: bool = True


class DomainBody(_Posted):
    """A domain that is not validated, unless there is a time of validation."""

    name: Text
    validated_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    method: Text = "CNAME"


class DepartmentBody(_Posted):
    id: Id
    name: Text


class OrganizationBody(_Posted):
    id: Id
    name: Text
    country: Annotated[str, Field(min_length=2, max_length=2)] = "NL"
    departments: list[DepartmentBody] = []
    ssl_certs_api_enabled: bool = True
    client_certs_api_enabled: bool = True


class CustomFieldBody(_Posted):
    name: Text
    cert_types: tuple[CertType, ...] = ("SSL", "SMIME")
    state: FieldState = "ACTIVE"
    input_type: InputType = "TEXT_SINGLE_LINE"
    options: tuple[str, ...] = ()
    mandatories: tuple[AccessMethod, ...] = ()


class TenantControl:
    """The handlers; `issue` makes a client certificate for a login."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        domains: Domains,
        organizations: Organizations,
        custom_fields: CustomFields,
        issue: Callable[[str], LoginCertificate],
    ) -> None:
        self._accounts = accounts
        self._domains = domains
        self._organizations = organizations
        self._custom_fields = custom_fields
        self._issue = issue

    def routes(self) -> list[Route]:
        get, post, delete = ["GET"], ["POST"], ["DELETE"]
        return [
            Route("/administrators", self.list_administrators, methods=get),
            Route("/administrators", self.put_administrator, methods=post),
            Route("/administrators/{login}", self.remove_administrator, methods=delete),
            Route("/clients", self.list_clients, methods=get),
            Route("/clients", self.put_client, methods=post),
            Route("/clients/{client_id}/revoke", self.revoke_client, methods=post),
            Route("/tokens", self.end_tokens, methods=delete),
            Route("/client-certificates", self.add_certificate, methods=post),
            Route("/client-certificates/{fingerprint}", self.remove_certificate, methods=delete),
            Route("/domains", self.list_domains, methods=get),
            Route("/domains", self.put_domain, methods=post),
            Route("/domains/{name}/validate", self.validate_domain, methods=post),
            Route("/domains/{name}", self.remove_domain, methods=delete),
            Route("/organizations", self.list_organizations, methods=get),
            Route("/organizations", self.put_organization, methods=post),
            Route("/custom-fields", self.list_custom_fields, methods=get),
            Route("/custom-fields", self.put_custom_field, methods=post),
            Route("/custom-fields/{name}", self.remove_custom_field, methods=delete),
        ]

    async def list_administrators(self, _request: Request) -> Response:
        return JSONResponse([self._administrator_json(each) for each in self._accounts.administrators()])

    async def put_administrator(self, request: Request) -> Response:
        body = AdministratorBody.model_validate_json(await control_body(request))
        administrator = self._accounts.administrator(body.login)
        if administrator is None:
            if body.password is None:
                raise HTTPException(HTTPStatus.BAD_REQUEST, "password: a new administrator needs one")
            administrator = self._accounts.add_administrator(body.login, body.password)
        if body.password is not None:
            administrator.password = body.password
        if body.privileges is not None:
            administrator.privileges = frozenset(body.privileges)
        if "password_ends" in body.model_fields_set:
            administrator.password_ends = body.password_ends
        return JSONResponse(self._administrator_json(administrator), status_code=HTTPStatus.CREATED)

    async def remove_administrator(self, request: Request) -> Response:
        return _removed(found=self._accounts.remove_administrator(request.path_params["login"]))

    def _administrator_json(self, administrator: Administrator) -> dict[str, Any]:
        ends = administrator.password_ends
        return {
            "login": administrator.login,
            "privileges": sorted(administrator.privileges),
            "password_state": administrator.password_state(self._accounts.now()),
            "password_ends": None if ends is None else ends.isoformat(),
        }

    async def list_clients(self, _request: Request) -> Response:
        return JSONResponse([_client_json(client) for client in self._accounts.clients()])

    async def put_client(self, request: Request) -> Response:
        body = ClientBody.model_validate_json(await control_body(request))
        client = self._accounts.add_client(body.client_id, body.client_secret, login=body.login)
        return JSONResponse(_client_json(client), status_code=HTTPStatus.CREATED)

    async def revoke_client(self, request: Request) -> Response:
        body = ClientRevocationBody.model_validate_json(await control_body(request) or b"{}")
        client = self._accounts.revoke_client(request.path_params["client_id"], keep_tokens=body.keep_tokens)
        if client is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "no such client")
        return JSONResponse(_client_json(client))

    async def end_tokens(self, _request: Request) -> Response:
        self._accounts.end_tokens()
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def add_certificate(self, request: Request) -> Response:
        body = CertificateBody.model_validate_json(await control_body(request))
        issued = self._issue(body.login) if body.certificate is None else None
        certificate = _certificate(body.certificate) if issued is None else issued.certificate
        answer: dict[str, Any] = {"login": body.login, "trusted": body.trusted}
        if body.trusted:
            answer["fingerprint"] = self._accounts.trust(body.login, certificate)
        if issued is not None:
            answer |= {"certificate": issued.certificate_pem(), "private_key": issued.private_key_pem()}
        return JSONResponse(answer, status_code=HTTPStatus.CREATED)

    async def remove_certificate(self, request: Request) -> Response:
        return _removed(found=self._accounts.distrust(request.path_params["fingerprint"]))

    async def list_domains(self, _request: Request) -> Response:
        return JSONResponse([self._domain_json(domain) for domain in self._domains])

    async def put_domain(self, request: Request) -> Response:
        body = DomainBody.model_validate_json(await control_body(request))
        at = None if body.validated_at is None else body.validated_at.astimezone(UTC)
        ends_at = None if body.ends_at is None else body.ends_at.astimezone(UTC)
        if at is None:
            domain = self._domains.add(body.name)
        else:
            domain = self._domains.validate(body.name, at=at, ends_at=ends_at, method=body.method)
        return JSONResponse(self._domain_json(domain), status_code=HTTPStatus.CREATED)

    async def validate_domain(self, request: Request) -> Response:
        return JSONResponse(self._domain_json(self._domains.validate(request.path_params["name"])))

    async def remove_domain(self, request: Request) -> Response:
        return _removed(found=self._domains.remove(request.path_params["name"]))

    def _domain_json(self, domain: Domain) -> dict[str, Any]:
        return {
            "name": domain.name,
            "status": self._domains.status(domain),
            "method": domain.method,
            "order_mode": domain.order_mode,
            "validated_at": _time(domain.validated_at),
            "ends_at": _time(self._domains.end(domain)),
        }

    async def list_organizations(self, _request: Request) -> Response:
        return JSONResponse([_organization_json(organization) for organization in self._organizations])

    async def put_organization(self, request: Request) -> Response:
        body = OrganizationBody.model_validate_json(await control_body(request))
        departments = tuple(Department(department.id, department.name) for department in body.departments)
        organization = Organization(**{**body.model_dump(), "departments": departments})
        self._organizations.put(organization)
        return JSONResponse(_organization_json(organization), status_code=HTTPStatus.CREATED)

    async def list_custom_fields(self, _request: Request) -> Response:
        return JSONResponse([_custom_field_json(field) for field in self._custom_fields])

    async def put_custom_field(self, request: Request) -> Response:
        body = CustomFieldBody.model_validate_json(await control_body(request))
        known = next((field.id for field in self._custom_fields if field.name == body.name), None)
        field = CustomField(id=known or self._custom_fields.next_id(), **body.model_dump())
        self._custom_fields.put(field)
        return JSONResponse(_custom_field_json(field), status_code=HTTPStatus.CREATED)

    async def remove_custom_field(self, request: Request) -> Response:
        return _removed(found=self._custom_fields.remove(request.path_params["name"]))


def _removed(*, found: bool) -> Response:
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is none of that name")
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _certificate(pem: str | None) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate((pem or "").encode())
    except ValueError as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "certificate: no PEM certificate") from error


def _client_json(client: ApiClient) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "client_secret": client.secret,
        "login": client.login,
        "revoked": client.revoked,
    }


def _organization_json(organization: Organization) -> dict[str, Any]:
    return {
        "id": organization.id,
        "name": organization.name,
        "country": organization.country,
        "departments": [{"id": department.id, "name": department.name} for department in organization.departments],
        "ssl_certs_api_enabled": organization.ssl_certs_api_enabled,
        "client_certs_api_enabled": organization.client_certs_api_enabled,
    }


def _custom_field_json(field: CustomField) -> dict[str, Any]:
    return {
        "id": field.id,
        "name": field.name,
        "cert_types": list(field.cert_types),
        "state": field.state,
        "input_type": field.input_type,
        "options": list(field.options),
        "mandatories": list(field.mandatories),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
