"""What the client certificate (S/MIME) API does, v1 and v2 (scm-api.md 4)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.bodies import (
    ClientEnrollBody,
    ClientReplaceBody,
    ClientRevokeBody,
    PersonRevokeBody,
)
from sectigo_vault_pki.scm_simulator.api.client_json import details_json, row_json, v1_row_json
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints, Handler
from sectigo_vault_pki.scm_simulator.api.inbound import (
    CLIENT_COLLECTED_TYPE,
    Inbound,
    compact_json_response,
    no_content,
)
from sectigo_vault_pki.scm_simulator.api.lists import CLIENT_FILTERS
from sectigo_vault_pki.scm_simulator.api.order_operations import OrderOperations
from sectigo_vault_pki.scm_simulator.api.rules import Rules
from sectigo_vault_pki.scm_simulator.model.orders import (
    LONGEST_COMMON_NAME,
    CertificateRequest,
    Order,
    Person,
    Status,
    Subscription,
    distinct,
)
from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue, Profile
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

CLIENT_V1 = "/api/smime/v1"
CLIENT_V2 = "/api/smime/v2"
REQUEST, REVOKE = "clientCertRequest", "clientCertRevoke"  # privileges, scm-api.md 9
_SUPERSEDED = 4  # scm-api.md 3.7


class ClientApi:
    """The handlers, one method an operation; each raises `Problem` where SCM refuses.

    Args:
        catalogue: The tenant.
        settings: The knobs.
        rules: What the tenant allows.
        orders: The client orders.
    """

    def __init__(self, *, catalogue: Catalogue, settings: Settings, rules: Rules, orders: OrderOperations) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._rules = rules
        self._orders = orders

    def routes(self, endpoints: Endpoints) -> list[Route]:
        """Return the paths of scm-api.md 4: those that renew and replace are v2, the others v1."""
        v1, v2 = partial(_route, endpoints, CLIENT_V1), partial(_route, endpoints, CLIENT_V2)
        return [
            v1("", "list", self.list_orders_v1, "GET", "HEAD"),
            v2("", "list", self.list_orders, "GET", "HEAD"),
            v1("/types", "types", self.types, "GET"),
            v1("/customFields", "custom_fields", self.custom_fields, "GET"),
            v1("/enroll", "enroll", self.enroll, "POST", privilege=REQUEST),
            v1("/collect/{order_number}", "collect", self.collect, "GET"),
            v1("/collect/{order_number}/{format}", "collect", self.collect, "GET"),
            v2("/renew/order/{order_number}", "renew", self.renew, "POST", privilege=REQUEST),
            v2("/renew/serial/{serial}", "renew", self.renew_by_serial, "POST", privilege=REQUEST),
            v2("/replace/order/{order_number}", "replace", self.replace, "POST", privilege=REQUEST),
            *self._revocations(v1),
            v1("/{scm_id}", "details", self.details, "GET"),
        ]

    def admin_routes(self, endpoints: Endpoints) -> list[Route]:
        """Return the paths of the admin host: all are v2, and none replaces (scm-api.md 9)."""
        v2 = partial(_route, endpoints, CLIENT_V2)
        return [
            v2("", "list", self.list_orders, "GET", "HEAD"),
            v2("/types", "types", self.types, "GET"),
            v2("/customFields", "custom_fields", self.custom_fields, "GET"),
            v2("/enroll", "enroll", self.enroll, "POST", privilege=REQUEST),
            v2("/collect/order/{order_number}", "collect", self.collect_by_order, "GET"),
            v2("/collect/{handle}", "collect", self.collect_by_handle, "GET"),
            v2("/renew/order/{order_number}", "renew", self.renew, "POST", privilege=REQUEST),
            v2("/renew/serial/{serial}", "renew", self.renew_by_serial, "POST", privilege=REQUEST),
            *self._revocations(v2),
            v2("/revoke/{scm_id}", "revoke", self.revoke_by_id, "POST", privilege=REVOKE),
            v2("/{scm_id}", "details", self.details, "GET"),
        ]

    def _revocations(self, route: Callable[..., Route]) -> list[Route]:
        return [
            route("/revoke", "revoke", self.revoke_all, "POST", privilege=REVOKE),
            route("/revoke/order/{order_number}", "revoke", self.revoke, "POST", privilege=REVOKE),
            route("/revoke/serial/{serial}", "revoke", self.revoke_by_serial, "POST", privilege=REVOKE),
        ]

    def types(self, inbound: Inbound) -> Response:
        org_id = inbound.query.get("organizationId")
        return compact_json_response(self._rules.types(self._catalogue.client_profiles, org_id=org_id))

    def custom_fields(self, _inbound: Inbound) -> Response:
        return compact_json_response(self._rules.custom_fields("SMIME"))

    def enroll(self, inbound: Inbound) -> Response:
        body = ClientEnrollBody.parse(inbound.body)
        organization = self._rules.organization(body.orgId, "SMIME")
        profile = self._profile(body.certType, body.term)
        person = _person(body)
        request = CertificateRequest(
            csr=self._rules.csr(body.csr, profile),
            common_name=body.commonName or person.full_name,
            names=distinct([person.email, *person.secondary_emails]),
        )
        subscription = Subscription(
            organization=organization,
            profile=profile,
            term=body.term,
            comments=body.comments or "",
            custom_fields=self._rules.custom_field_values(body.customFields or [], "SMIME"),
            person=person,
        )
        return self._numbers(self._orders.add(request, subscription, inbound.caller), inbound)

    def collect(self, inbound: Inbound) -> Response:
        return self._collected(self._addressed(inbound), inbound)

    def collect_by_order(self, inbound: Inbound) -> Response:
        """Collect by the backend's number, where ids are SCM's own."""
        self._check_generation(inbound)
        return self._collected(self._looked_up(inbound), inbound)

    def collect_by_handle(self, inbound: Inbound) -> Response:
        """Collect by SCM's own id or by the backend's number, as the settings say."""
        handle = inbound.path["handle"]
        order = self._orders.find_by_id(handle) if self._ids_are_scms(inbound) else self._orders.find(handle)
        if order is None:
            raise scm_problems.certificate_not_found(handle)
        return self._collected(order, inbound)

    def _collected(self, order: Order, inbound: Inbound) -> Response:
        return Response(
            self._orders.collect(order, inbound),
            headers={
                "content-type": CLIENT_COLLECTED_TYPE,
                "content-disposition": f'attachment; filename="{order.order_number}.p7b"',
            },
        )

    def list_orders(self, inbound: Inbound) -> Response:
        """Answer a page of v2, or the count alone to HEAD."""
        return self._page(inbound, row_json)

    def list_orders_v1(self, inbound: Inbound) -> Response:
        return self._page(inbound, v1_row_json)

    def _page(self, inbound: Inbound, row: Callable[[Order, datetime], dict[str, Any]]) -> Response:
        page, now = self._orders.page(inbound.query, CLIENT_FILTERS), self._orders.now()
        return compact_json_response(
            [row(order, now) for order in page.orders],
            headers={"x-total-count": str(page.total)},
            body=inbound.method != "HEAD",
        )

    def details(self, inbound: Inbound) -> Response:
        """Describe the order with that id of SCM's, which stands in the list."""
        order = self._orders.find_by_id(inbound.path["scm_id"])
        if order is None or order.subscription.person is None:
            raise scm_problems.certificate_not_found(inbound.path["scm_id"])
        return compact_json_response(details_json(order, order.subscription.person, self._orders.now()))

    def renew(self, inbound: Inbound) -> Response:
        return self._renewed(self._addressed(inbound), inbound)

    def renew_by_serial(self, inbound: Inbound) -> Response:
        return self._renewed(self._orders.order_of(inbound.path["serial"]), inbound)

    def _renewed(self, order: Order, inbound: Inbound) -> Response:
        """Order again with the same key, for the same person."""
        renewed = self._orders.renew(order, inbound.caller)
        return self._numbers(renewed, inbound) if self._settings.renew_answers_id else no_content()

    def replace(self, inbound: Inbound) -> Response:
        body = ClientReplaceBody.parse(inbound.body)
        order = self._addressed(inbound)
        self._orders.check_replaceable(order)
        old, request = order.issued[-1], order.request
        csr = self._rules.csr(body.csr, order.subscription.profile)
        self._orders.replace(order, replace(request, csr=csr))
        if body.revoke:
            old.revoke(self._orders.now(), reason=body.reason, code=_SUPERSEDED)
        return no_content()

    def revoke(self, inbound: Inbound) -> Response:
        body = ClientRevokeBody.parse(inbound.body)
        self._orders.revoke(self._looked_up(inbound), reason=body.reason, code=body.reasonCode)
        return no_content()

    def revoke_by_id(self, inbound: Inbound) -> Response:
        """Revoke by SCM's own id, which only the newest generation knows."""
        self._check_generation(inbound)
        body = ClientRevokeBody.parse(inbound.body)
        order = self._orders.find_by_id(inbound.path["scm_id"])
        if order is None:
            raise scm_problems.certificate_not_found(inbound.path["scm_id"])
        self._orders.revoke(order, reason=body.reason, code=body.reasonCode)
        return no_content()

    def revoke_by_serial(self, inbound: Inbound) -> Response:
        body = ClientRevokeBody.parse(inbound.body)
        self._orders.revoke_by_serial(inbound.path["serial"], reason=body.reason, code=body.reasonCode)
        return no_content()

    def revoke_all(self, inbound: Inbound) -> Response:
        """Revoke whatever a person has."""
        body = PersonRevokeBody.parse(inbound.body)
        theirs = [order for order in self._orders.every() if _is_of(order, body.email)]
        if not theirs:
            raise scm_problems.unknown_mail()
        for order in theirs:
            if order.status(self._orders.now()) is Status.ISSUED:
                self._orders.revoke(order, reason=body.reason, code=body.reasonCode)
        return no_content()

    def _ids_are_scms(self, inbound: Inbound) -> bool:
        return inbound.caller.host == "admin" and self._settings.admin_smime_ids == "id"

    def _check_generation(self, inbound: Inbound) -> None:
        if not self._ids_are_scms(inbound):
            raise scm_problems.unknown_path("of another generation")

    def _numbers(self, order: Order, inbound: Inbound) -> Response:
        """Answer how the order is called (scm-api.md 9)."""
        number = {"id": order.id} if self._ids_are_scms(inbound) else {"orderNumber": order.order_number}
        return compact_json_response({**number, "backendCertId": str(order.order_number)})

    def _looked_up(self, inbound: Inbound) -> Order:
        """Find an order by its number; the admin host knows 404 where nothing is ordered (scm-api.md 9)."""
        order = self._orders.find(inbound.path["order_number"])
        if order is None and inbound.caller.host == "admin":
            raise scm_problems.certificate_not_found(inbound.path["order_number"])
        return self._addressed(inbound)

    def _addressed(self, inbound: Inbound) -> Order:
        order = self._orders.find(inbound.path["order_number"])
        if order is None:
            raise scm_problems.invalid_order_number(inbound.path["order_number"])
        return order

    def _profile(self, profile_id: int, term: int) -> Profile:
        profile = self._catalogue.client_profile(profile_id)
        if profile is None:
            raise scm_problems.invalid_client_profile()
        self._rules.check_term(profile, term)
        return profile


def _route(
    endpoints: Endpoints,
    prefix: str,
    path: str,
    operation: str,
    handler: Handler,
    *methods: str,
    privilege: str | None = None,
) -> Route:
    return Route(f"{prefix}{path}", endpoints.endpoint(operation, handler, privilege=privilege), methods=methods)


def _person(body: ClientEnrollBody) -> Person:
    person = Person(
        email=body.email,
        first_name=body.firstName,
        last_name=body.lastName,
        middle_name=body.middleName or "",
        secondary_emails=tuple(body.secondaryEmails or ()),
        phone=body.phone or "",
        eppn=body.eppn or "",
        upn=body.upn or "",
    )
    if len(person.full_name) > LONGEST_COMMON_NAME:
        raise scm_problems.invalid_value("firstName")
    return person


def _is_of(order: Order, email: str) -> bool:
    person = order.subscription.person
    return person is not None and person.email.lower() == email.lower()
