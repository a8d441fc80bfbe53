"""What the SSL API does (scm-api.md 3): check the request against the tenant, then book, sign or answer."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeAlias

from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api import bodies, scm_problems
from sectigo_vault_pki.scm_simulator.api.dcv_json import order_dcv_json
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints, Handler
from sectigo_vault_pki.scm_simulator.api.inbound import SSL_COLLECTED_TYPE, Inbound, json_response, no_content
from sectigo_vault_pki.scm_simulator.api.lists import SSL_FILTERS, SSL_V2_FILTERS, Filter
from sectigo_vault_pki.scm_simulator.api.order_operations import OrderOperations
from sectigo_vault_pki.scm_simulator.api.rules import Rules
from sectigo_vault_pki.scm_simulator.api.ssl_json import details_json, row_json, v2_details_json
from sectigo_vault_pki.scm_simulator.model.domains import Domains
from sectigo_vault_pki.scm_simulator.model.orders import (
    CertificateRequest,
    Csr,
    Order,
    Subscription,
    distinct,
    is_server_name,
)
from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue, Profile
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

SSL = "/api/ssl/v1"
SSL_V2 = "/api/ssl/v2"
Details: TypeAlias = Callable[[Order, datetime], dict[str, Any]]

_LENIENT_RENEW_BODIES = frozenset({b"", b'""'})


class SslApi:
    """The handlers, one method an operation; each raises `Problem` where SCM refuses.

    Args:
        catalogue: The tenant.
        settings: The knobs.
        rules: What the tenant allows.
        orders: The SSL orders.
        domains: What is validated.
    """

    def __init__(
        self, *, catalogue: Catalogue, settings: Settings, rules: Rules, orders: OrderOperations, domains: Domains
    ) -> None:
        self._catalogue = catalogue
        self._domains = domains
        self._settings = settings
        self._rules = rules
        self._orders = orders

    def routes(self, endpoints: Endpoints) -> list[Route]:
        """Return the paths of scm-api.md 3."""
        return self._paths(SSL, endpoints, details=details_json, filters=SSL_FILTERS)

    def v2_routes(self, endpoints: Endpoints) -> list[Route]:
        """Return the same paths as v2, whose details and filters are more (scm-api.md 9 and 13.2)."""
        return self._paths(SSL_V2, endpoints, details=v2_details_json, filters=SSL_V2_FILTERS)

    def _paths(
        self, prefix: str, endpoints: Endpoints, *, details: Details, filters: Mapping[str, Filter]
    ) -> list[Route]:
        """Return the paths below a prefix; their order decides, since an id may stand in the place of a word."""

        def route(path: str, operation: str, handler: Handler, *methods: str, privilege: str | None = None) -> Route:
            endpoint = endpoints.endpoint(operation, handler, privilege=privilege)
            return Route(f"{prefix}{path}", endpoint, methods=methods)

        return [
            route("", "list", lambda inbound: self.list_orders(inbound, filters), "GET", "HEAD"),
            route("/types", "types", self.types, "GET"),
            route("/customFields", "custom_fields", self.custom_fields, "GET"),
            route("/enroll", "enroll", self.enroll, "POST", privilege="sslRequest"),
            route("/collect/{ssl_id}", "collect", self.collect, "GET"),
            route("/collect/{ssl_id}/{format}", "collect", self.collect, "GET"),
            route("/renewById/{ssl_id}", "renew", self.renew_by_id, "POST", privilege="sslRenew"),
            route("/renew/{renew_id}", "renew", self.renew, "POST", privilege="sslRenew"),
            route("/replace/{ssl_id}", "replace", self.replace, "POST", privilege="sslReplace"),
            route("/revoke/serial/{serial}", "revoke", self.revoke_by_serial, "POST", privilege="sslRevoke"),
            route("/revoke/{ssl_id}", "revoke", self.revoke, "POST", privilege="sslRevoke"),
            route("/approve/{ssl_id}", "approve", self.approve, "POST", privilege="sslApprove"),
            route("/decline/{ssl_id}", "decline", self.decline, "POST", privilege="sslApprove"),
            route("/{ssl_id}/dcv", "dcv", self.validation, "GET"),
            route("/{ssl_id}/dcv/recheck", "dcv_recheck", self.recheck, "POST"),
            route("/{ssl_id}", "details", lambda inbound: self.details(inbound, details), "GET"),
        ]

    def types(self, inbound: Inbound) -> Response:
        return json_response(self._rules.types(self._catalogue.profiles, org_id=inbound.query.get("organizationId")))

    def custom_fields(self, _inbound: Inbound) -> Response:
        return json_response(self._rules.custom_fields("SSL"))

    def enroll(self, inbound: Inbound) -> Response:
        body = bodies.EnrollBody.parse(inbound.body)
        organization = self._rules.organization(body.orgId, "SSL")
        profile = self._profile(body.certType, body.term)
        csr = self._rules.csr(body.csr, profile)
        names = [name.strip() for name in (body.subjAltNames or "").split(",")]
        request = _request(
            csr,
            common_name=csr.common_name,
            names=[name for name in names if name],
            profile=profile,
            names_field="subjAltNames",
            dcv=body,
        )
        custom_fields = self._rules.custom_field_values(body.customFields or [], "SSL")
        if self._settings.external_requester_required and not body.externalRequester:
            raise scm_problems.external_requester_required()
        self._check_dcv(request, profile)
        subscription = Subscription(
            organization=organization,
            profile=profile,
            term=body.term,
            comments=body.comments or "",
            external_requester=body.externalRequester or "",
            custom_fields=custom_fields,
        )
        order = self._orders.add(request, subscription, inbound.caller)
        return json_response({"sslId": order.ssl_id, "renewId": order.renew_id})

    def collect(self, inbound: Inbound) -> Response:
        order = self._found(inbound)
        return Response(
            self._orders.collect(order, inbound),
            headers={
                "content-type": SSL_COLLECTED_TYPE,
                "content-disposition": f'attachment; filename="{_file_name(order)}.cert"',
            },
        )

    def list_orders(self, inbound: Inbound, filters: Mapping[str, Filter]) -> Response:
        """Answer a page, or the count alone to HEAD."""
        page = self._orders.page(inbound.query, filters)
        return json_response(
            [row_json(order) for order in page.orders],
            headers={"x-total-count": str(page.total)},
            body=inbound.method != "HEAD",
        )

    def details(self, inbound: Inbound, details: Details) -> Response:
        return json_response(details(self._found(inbound), self._orders.now()))

    def validation(self, inbound: Inbound) -> Response:
        """Show how far the validation of an order's domains is (scm-api.md 13.3)."""
        return json_response([self._dcv_json(self._found(inbound))])

    def recheck(self, inbound: Inbound) -> Response:
        order = self._found(inbound)
        self._orders.recheck(order)
        return json_response(self._dcv_json(order), status=HTTPStatus.ACCEPTED)

    def _dcv_json(self, order: Order) -> dict[str, Any]:
        return order_dcv_json(order, self._domains, self._orders.unvalidated(order))

    def renew_by_id(self, inbound: Inbound) -> Response:
        body = self._renew_body(inbound)
        renewed = self._renewed(self._addressed(inbound), inbound, body)
        return json_response({"sslId": renewed.ssl_id}) if self._settings.renew_answers_id else no_content()

    def renew(self, inbound: Inbound) -> Response:
        """Renew by renewId, which answers no id."""
        body = self._renew_body(inbound)
        order = self._orders.find_by_renew_id(inbound.path["renew_id"])
        if order is None:
            raise scm_problems.invalid_renew_id()
        self._renewed(order, inbound, body)
        return no_content()

    def _renewed(self, order: Order, inbound: Inbound, body: bodies.RenewBody) -> Order:
        return self._orders.renew(order, inbound.caller, body.csr, dcv_mode=body.dcvMode, dcv_email=body.dcvEmail)

    def _renew_body(self, inbound: Inbound) -> bodies.RenewBody:
        if not self._settings.strict_renew_body and inbound.body.strip() in _LENIENT_RENEW_BODIES:
            return bodies.RenewBody()
        return bodies.RenewBody.parse(inbound.body)

    def replace(self, inbound: Inbound) -> Response:
        body = bodies.ReplaceBody.parse(inbound.body)
        order = self._addressed(inbound)
        self._orders.check_replaceable(order)
        profile = order.subscription.profile
        csr = self._rules.csr(body.csr, profile)
        names = body.subjectAlternativeNames
        request = _request(
            csr,
            common_name=body.commonName or csr.common_name,
            names=order.request.names if names is None else names,
            profile=profile,
            names_field="subjectAlternativeNames",
            dcv=body,
        )
        self._check_dcv(request, profile)
        self._orders.replace(order, request)
        return no_content()

    def revoke(self, inbound: Inbound) -> Response:
        body = bodies.RevokeBody.parse(inbound.body)
        self._orders.revoke(self._addressed(inbound), reason=body.reason, code=body.reasonCode)
        return no_content()

    def revoke_by_serial(self, inbound: Inbound) -> Response:
        body = bodies.RevokeBody.parse(inbound.body)
        self._orders.revoke_by_serial(inbound.path["serial"], reason=body.reason, code=body.reasonCode)
        return no_content()

    def approve(self, inbound: Inbound) -> Response:
        body = bodies.DecisionBody.parse(inbound.body)
        self._orders.approve(self._addressed(inbound), message=body.message)
        return no_content()

    def decline(self, inbound: Inbound) -> Response:
        body = bodies.DecisionBody.parse(inbound.body)
        self._orders.decline(self._addressed(inbound), message=body.message)
        return no_content()

    def _check_dcv(self, request: CertificateRequest, profile: Profile) -> None:
        self._rules.check_dcv(request.names, profile, mode=request.dcv_mode, email=request.dcv_email)

    def _found(self, inbound: Inbound) -> Order:
        """Find the order of a GET, which knows 404."""
        order = self._orders.find(inbound.path["ssl_id"])
        if order is None:
            raise scm_problems.certificate_not_found(inbound.path["ssl_id"])
        return order

    def _addressed(self, inbound: Inbound) -> Order:
        """Find the order of a POST, which answers 400 to an unknown id (scm-api.md 9)."""
        order = self._orders.find(inbound.path["ssl_id"])
        if order is None:
            raise scm_problems.wrong_ssl_id(inbound.path["ssl_id"])
        return order

    def _profile(self, profile_id: int, term: int) -> Profile:
        profile = self._catalogue.profile(profile_id)
        if profile is None:
            raise scm_problems.unknown_profile(profile_id)
        self._rules.check_term(profile, term)
        return profile


def _request(
    csr: Csr,
    *,
    common_name: str,
    names: Sequence[str],
    profile: Profile,
    names_field: str,
    dcv: bodies.EnrollBody | bodies.ReplaceBody,
) -> CertificateRequest:
    """Put together what the certificate says; SANs within the CSR have no say (scm-api.md 8.4)."""
    if not all(is_server_name(name) for name in names):
        raise scm_problems.invalid_value(names_field)
    common_name = common_name or next(iter(names), "")
    if not is_server_name(common_name):
        raise scm_problems.invalid_csr()
    all_names = [common_name, *names]
    if not profile.multi_domain and not common_name.startswith(("www.", "*.")):
        all_names.insert(1, f"www.{common_name}")
    return CertificateRequest(
        csr=csr,
        common_name=common_name,
        names=distinct(all_names),
        dcv_mode=dcv.dcvMode,
        dcv_email=dcv.dcvEmail,
    )


def _file_name(order: Order) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", order.request.common_name)
