"""What the client certificate (S/MIME) API does, v1 and v2 (scm-api.md 4)."""

from datetime import datetime
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
from sectigo_vault_pki.scm_simulator.api.certificates import (
    SIGNATURE_ALGORITHM,
    certificate_details_json,
    extended_key_usages,
    key_json,
    key_usages,
    type_json,
    us_date,
)
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints
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
    Issued,
    Order,
    Person,
    Status,
    Subscription,
    colon_hex,
    distinct,
    state_of,
)
from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue, Profile
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

CLIENT_V1 = "/api/smime/v1"
CLIENT_V2 = "/api/smime/v2"
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
        make = endpoints.endpoint
        get, post = ["GET"], ["POST"]
        return [
            Route(CLIENT_V1, make("list", self.list_orders_v1), methods=["GET", "HEAD"]),
            Route(CLIENT_V2, make("list", self.list_orders), methods=["GET", "HEAD"]),
            Route(f"{CLIENT_V1}/types", make("types", self.types), methods=get),
            Route(f"{CLIENT_V1}/customFields", make("custom_fields", self.custom_fields), methods=get),
            Route(f"{CLIENT_V1}/enroll", make("enroll", self.enroll), methods=post),
            Route(f"{CLIENT_V1}/collect/{{order_number}}", make("collect", self.collect), methods=get),
            Route(f"{CLIENT_V1}/collect/{{order_number}}/{{format}}", make("collect", self.collect), methods=get),
            Route(f"{CLIENT_V2}/renew/order/{{order_number}}", make("renew", self.renew), methods=post),
            Route(f"{CLIENT_V2}/renew/serial/{{serial}}", make("renew", self.renew_by_serial), methods=post),
            Route(f"{CLIENT_V2}/replace/order/{{order_number}}", make("replace", self.replace), methods=post),
            Route(f"{CLIENT_V1}/revoke", make("revoke", self.revoke_all), methods=post),
            Route(f"{CLIENT_V1}/revoke/order/{{order_number}}", make("revoke", self.revoke), methods=post),
            Route(f"{CLIENT_V1}/revoke/serial/{{serial}}", make("revoke", self.revoke_by_serial), methods=post),
            Route(f"{CLIENT_V1}/{{scm_id}}", make("details", self.details), methods=get),
        ]

    def types(self, inbound: Inbound) -> Response:
        org_id = inbound.query.get("organizationId")
        return compact_json_response(self._rules.types(self._catalogue.client_profiles, org_id=org_id))

    def custom_fields(self, _inbound: Inbound) -> Response:
        return compact_json_response(self._rules.custom_fields())

    def enroll(self, inbound: Inbound) -> Response:
        body = ClientEnrollBody.parse(inbound.body)
        organization = self._rules.organization(body.orgId)
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
            custom_fields=self._rules.custom_field_values(body.customFields or []),
            person=person,
        )
        return _numbers(self._orders.add(request, subscription))

    def collect(self, inbound: Inbound) -> Response:
        order = self._addressed(inbound)
        return Response(
            self._orders.collect(order, inbound),
            headers={
                "content-type": CLIENT_COLLECTED_TYPE,
                "content-disposition": f'attachment; filename="{order.order_number}.p7b"',
            },
        )

    def list_orders(self, inbound: Inbound) -> Response:
        """Answer a page of v2, or the count alone to HEAD."""
        return self._page(inbound, old=False)

    def list_orders_v1(self, inbound: Inbound) -> Response:
        return self._page(inbound, old=True)

    def _page(self, inbound: Inbound, *, old: bool) -> Response:
        page, now = self._orders.page(inbound.query, CLIENT_FILTERS), self._orders.now()
        return compact_json_response(
            [_old_row_json(order, now) if old else _row_json(order, now) for order in page.orders],
            headers={"x-total-count": str(page.total)},
            body=inbound.method != "HEAD",
        )

    def details(self, inbound: Inbound) -> Response:
        """Describe the order with that id of SCM's, which stands in the list."""
        order = self._orders.find_by_id(inbound.path["scm_id"])
        if order is None or order.subscription.person is None:
            raise scm_problems.certificate_not_found(inbound.path["scm_id"])
        return compact_json_response(_details_json(order, order.subscription.person, self._orders.now()))

    def renew(self, inbound: Inbound) -> Response:
        return self._renewed(self._addressed(inbound))

    def renew_by_serial(self, inbound: Inbound) -> Response:
        return self._renewed(self._orders.order_of(inbound.path["serial"]))

    def _renewed(self, order: Order) -> Response:
        """Order again with the same key, for the same person."""
        renewed = self._orders.renew(order)
        return _numbers(renewed) if self._settings.renew_answers_id else no_content()

    def replace(self, inbound: Inbound) -> Response:
        body = ClientReplaceBody.parse(inbound.body)
        order = self._addressed(inbound)
        self._orders.check_replaceable(order)
        old, request = order.issued[-1], order.request
        csr = self._rules.csr(body.csr, order.subscription.profile)
        self._orders.replace(order, CertificateRequest(csr, common_name=request.common_name, names=request.names))
        if body.revoke:
            old.revoke(self._orders.now(), reason=body.reason, code=_SUPERSEDED)
        return no_content()

    def revoke(self, inbound: Inbound) -> Response:
        body = ClientRevokeBody.parse(inbound.body)
        self._orders.revoke(self._addressed(inbound), reason=body.reason, code=body.reasonCode)
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


def _numbers(order: Order) -> Response:
    return compact_json_response({"orderNumber": order.order_number, "backendCertId": str(order.order_number)})


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


def _old_row_json(order: Order, now: datetime) -> dict[str, Any]:
    """A line of the v1 list, which says less."""
    current, state = order.current, state_of(order, now)
    # A refused order has lost its number and has an empty serial number (scm-api.md 4.2).
    refused = state == "rejected" and current is None
    no_serial = "" if refused else None
    return {
        "id": order.id,
        "state": state,
        "serialNumber": no_serial if current is None else colon_hex(current.serial_number),
        "orderNumber": 0 if refused else order.order_number,
        "backendCertId": None if refused else str(order.order_number),
        "expires": None if current is None else current.not_after.date().isoformat(),
    }


def _row_json(order: Order, now: datetime) -> dict[str, Any]:
    """A line of the v2 list."""
    return {
        **_old_row_json(order, now),
        "certificateDetails": {} if order.current is None else certificate_details_json(order.current),
        "comments": order.subscription.comments or None,
    }


def _details_json(order: Order, person: Person, now: datetime) -> dict[str, Any]:
    """Everything about an order."""
    subscription, current = order.subscription, order.current
    return {
        "id": order.id,
        "orderNumber": order.order_number,
        "backendCertId": str(order.order_number),
        "orgId": subscription.organization.id,
        "status": state_of(order, now),
        "certType": type_json(subscription.profile),
        "term": subscription.term,
        "commonName": order.request.common_name,
        **_person_json(person),
        "subjectAlternativeNames": list(order.request.names),
        "requester": order.requester,
        "requestedVia": "REST API",
        "comments": subscription.comments or None,
        "customFields": [{"name": name, "value": value} for name, value in subscription.custom_fields],
        "requested": us_date(order.requested_at),
        "approved": us_date(order.approved_at),
        "declined": us_date(order.declined_at),
        "replaced": us_date(order.replaced_at),
        "renewed": order.renewed_to is not None,
        "renewedDate": us_date(order.renewed_at),
        **key_json(order.request, issued=current is not None),
        **(dict.fromkeys(_OF_A_CERTIFICATE) if current is None else _issued_json(current)),
    }


def _person_json(person: Person) -> dict[str, Any]:
    return {
        "email": person.email,
        "firstName": person.first_name,
        "middleName": person.middle_name or None,
        "lastName": person.last_name,
        "secondaryEmails": list(person.secondary_emails),
        "phone": person.phone or None,
        "eppn": person.eppn or None,
        "upn": person.upn or None,
    }


_OF_A_CERTIFICATE = (
    "issued",
    "expires",
    "revoked",
    "reasonCode",
    "serialNumber",
    "signatureAlg",
    "keyUsages",
    "extendedKeyUsages",
    "certificateDetails",
)


def _issued_json(issued: Issued) -> dict[str, Any]:
    return {
        "issued": us_date(issued.issued_at),
        "expires": us_date(issued.not_after),
        "revoked": us_date(issued.revoked_at),
        "reasonCode": issued.reason_code,
        "serialNumber": colon_hex(issued.serial_number),
        "signatureAlg": SIGNATURE_ALGORITHM,
        "keyUsages": key_usages(issued.certificate),
        "extendedKeyUsages": extended_key_usages(issued.certificate),
        "certificateDetails": certificate_details_json(issued),
    }
