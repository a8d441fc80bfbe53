"""The tenant's organizations (scm-api.md 5)."""

from starlette.responses import Response

from sectigo_vault_pki.scm_simulator import problems
from sectigo_vault_pki.scm_simulator.catalogue import Organization
from sectigo_vault_pki.scm_simulator.inbound import Inbound, json_response


class OrganizationApi:
    """The list and the details; there is one organization, without departments."""

    def __init__(self, organization: Organization) -> None:
        self._organization = organization

    def list_organizations(self, _inbound: Inbound) -> Response:
        organization = self._organization
        return json_response([{"id": organization.id, "name": organization.name, "departments": []}])

    def details(self, inbound: Inbound) -> Response:
        organization, org_id = self._organization, inbound.path["org_id"]
        if org_id != str(organization.id):
            raise problems.unknown_organization(org_id)
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
