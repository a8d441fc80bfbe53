"""The tenant's organizations (scm-api.md 5)."""

from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints
from sectigo_vault_pki.scm_simulator.api.inbound import Inbound, json_response
from sectigo_vault_pki.scm_simulator.model.tenant import Organization

ORGANIZATION = "/api/organization/v1"


class OrganizationApi:
    """The list and the details; there is one organization, without departments."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization

    def routes(self, endpoints: Endpoints) -> list[Route]:
        make = endpoints.endpoint
        return [
            Route(ORGANIZATION, make("organizations", self.list_organizations), methods=["GET"]),
            Route(f"{ORGANIZATION}/{{org_id}}", make("organizations", self.details), methods=["GET"]),
        ]

    def list_organizations(self, _inbound: Inbound) -> Response:
        organization = self._organization
        return json_response([{"id": organization.id, "name": organization.name, "departments": []}])

    def details(self, inbound: Inbound) -> Response:
        organization, org_id = self._organization, inbound.path["org_id"]
        if org_id != str(organization.id):
            raise scm_problems.unknown_organization(org_id)
        return json_response(
            {
                "id": organization.id,
                "name": organization.name,
                "country": organization.country,
                "sslCertsApiEnabled": True,
                "clientCertsApiEnabled": True,
                "departments": [],
            }
        )
