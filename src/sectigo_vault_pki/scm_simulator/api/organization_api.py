"""The tenant's organizations (scm-api.md 5 and 13.4)."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints
from sectigo_vault_pki.scm_simulator.api.inbound import Inbound, json_response
from sectigo_vault_pki.scm_simulator.model.organizations import Organizations
from sectigo_vault_pki.scm_simulator.model.tenant import Organization

ORGANIZATION = "/api/organization/v1"


class OrganizationApi:
    """The list and the details."""

    def __init__(self, organizations: Organizations) -> None:
        self._organizations = organizations

    def routes(self, endpoints: Endpoints) -> list[Route]:
        make = endpoints.endpoint
        return [
            Route(ORGANIZATION, make("organizations", self.list_organizations), methods=["GET"]),
            Route(f"{ORGANIZATION}/{{org_id}}", make("organizations", self.details), methods=["GET"]),
        ]

    def list_organizations(self, _inbound: Inbound) -> Response:
        return json_response([_row_json(organization) for organization in self._organizations])

    def details(self, inbound: Inbound) -> Response:
        """Describe an organization or a department, which has the flags of its organization."""
        org_id = inbound.path["org_id"]
        number = int(org_id) if org_id.isascii() and org_id.isdigit() else 0
        unit = self._organizations.find(number)
        if unit is None:
            raise scm_problems.unknown_organization(org_id)
        organization = unit.organization
        described = {
            "country": organization.country,
            "sslCertsApiEnabled": organization.ssl_certs_api_enabled,
            "clientCertsApiEnabled": organization.client_certs_api_enabled,
        }
        if unit.department is None:
            return json_response({**_row_json(organization), **described})
        parent = {"parentId": organization.id, "parentName": organization.name}
        return json_response({"id": unit.id, "name": unit.department, **parent, **described})


def _row_json(organization: Organization) -> dict[str, Any]:
    departments = [
        {"id": department.id, "name": department.name, "parentName": organization.name}
        for department in organization.departments
    ]
    return {"id": organization.id, "name": organization.name, "departments": departments}
