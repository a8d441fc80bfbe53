"""The tenant's domains and their validation (scm-api.md 13.3)."""

from datetime import timedelta

from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api import lists, scm_problems
from sectigo_vault_pki.scm_simulator.api.bodies import DomainBody
from sectigo_vault_pki.scm_simulator.api.dcv_json import row_json, status_json
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints
from sectigo_vault_pki.scm_simulator.api.inbound import Inbound, compact_json_response
from sectigo_vault_pki.scm_simulator.model.domains import Domain, Domains

VALIDATION = "/api/dcv/v2/validation"
_PRIVILEGE = "allowDCV"


class DcvApi:
    """The list of all domains, and one of them."""

    def __init__(self, domains: Domains) -> None:
        self._domains = domains

    def routes(self, endpoints: Endpoints) -> list[Route]:
        listed = endpoints.endpoint("validations", self.list_domains, privilege=_PRIVILEGE)
        status = endpoints.endpoint("validation_status", self.status, privilege=_PRIVILEGE)
        return [
            Route(VALIDATION, listed, methods=["GET", "HEAD"]),
            Route(f"{VALIDATION}/status", status, methods=["POST"]),
        ]

    def list_domains(self, inbound: Inbound) -> Response:
        """Answer a page; `expiresIn` chooses those whose validation ends within so many days."""
        query = inbound.query
        domains = [domain for domain in self._domains if self._is_wanted(domain, inbound)]
        size, position = lists.page_of(query)
        return compact_json_response(
            [row_json(domain, self._domains) for domain in domains[position : position + size]],
            headers={"x-total-count": str(len(domains))},
            body=inbound.method != "HEAD",
        )

    def _is_wanted(self, domain: Domain, inbound: Inbound) -> bool:
        query, end = inbound.query, self._domains.end(domain)
        if query.get("domain", "").lower() not in domain.name:
            return False
        if query.get("dcvStatus", self._domains.status(domain)).lower() != self._domains.status(domain).lower():
            return False
        if "expiresIn" not in query:
            return True
        now, days = self._domains.now(), lists.number(query, "expiresIn", default=0, largest=10_000)
        return end is not None and now <= end <= now + timedelta(days=days)

    def status(self, inbound: Inbound) -> Response:
        name = DomainBody.parse(inbound.body).domain
        domain = self._domains.get(name)
        if domain is None:
            raise scm_problems.unknown_domain(name)
        return compact_json_response(status_json(domain, self._domains))
