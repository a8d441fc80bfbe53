"""What the client certificate (S/MIME) API does, v1 and v2 (scm-api.md 4)."""

from starlette.responses import Response

from sectigo_vault_pki.scm_simulator import client_problems, problems
from sectigo_vault_pki.scm_simulator.catalogue import Catalogue, Profile
from sectigo_vault_pki.scm_simulator.client_bodies import (
    ClientEnrollBody,
    ClientReplaceBody,
    ClientRevokeBody,
    PersonRevokeBody,
)
from sectigo_vault_pki.scm_simulator.client_json import details_json, old_row_json, row_json
from sectigo_vault_pki.scm_simulator.csr import LONGEST_COMMON_NAME
from sectigo_vault_pki.scm_simulator.desk import Desk
from sectigo_vault_pki.scm_simulator.filters import CLIENT_FILTERS
from sectigo_vault_pki.scm_simulator.inbound import (
    CLIENT_COLLECTED_TYPE,
    Inbound,
    compact_json_response,
    no_content,
)
from sectigo_vault_pki.scm_simulator.names import distinct
from sectigo_vault_pki.scm_simulator.orders import CertificateRequest, Order, Person, Status, Subscription
from sectigo_vault_pki.scm_simulator.rules import Rules
from sectigo_vault_pki.scm_simulator.settings import Settings

_SUPERSEDED = 4  # scm-api.md 3.7


class ClientApi:
    """The handlers, one method an operation; each raises `Problem` where SCM refuses.

    Args:
        catalogue: The tenant.
        settings: The knobs.
        rules: What the tenant allows.
        desk: The client orders.
    """

    def __init__(self, *, catalogue: Catalogue, settings: Settings, rules: Rules, desk: Desk) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._rules = rules
        self._desk = desk

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
        return _numbers(self._desk.add(request, subscription))

    def collect(self, inbound: Inbound) -> Response:
        order = self._addressed(inbound)
        return Response(
            self._desk.collect(order, inbound),
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
        page, now = self._desk.page(inbound.query, CLIENT_FILTERS), self._desk.now()
        return compact_json_response(
            [old_row_json(order, now) if old else row_json(order, now) for order in page.orders],
            headers={"x-total-count": str(page.total)},
            body=inbound.method != "HEAD",
        )

    def details(self, inbound: Inbound) -> Response:
        """Describe the order with that id of SCM's, which stands in the list."""
        order = self._desk.find_by_id(inbound.path["scm_id"])
        if order is None or order.subscription.person is None:
            raise problems.certificate_not_found(inbound.path["scm_id"])
        return compact_json_response(details_json(order, order.subscription.person, self._desk.now()))

    def renew(self, inbound: Inbound) -> Response:
        return self._renewed(self._addressed(inbound))

    def renew_by_serial(self, inbound: Inbound) -> Response:
        return self._renewed(self._desk.order_of(inbound.path["serial"]))

    def _renewed(self, order: Order) -> Response:
        """Order again with the same key, for the same person."""
        renewed = self._desk.renew(order)
        return _numbers(renewed) if self._settings.renew_answers_id else no_content()

    def replace(self, inbound: Inbound) -> Response:
        body = ClientReplaceBody.parse(inbound.body)
        order = self._addressed(inbound)
        self._desk.check_replaceable(order)
        old, request = order.issued[-1], order.request
        csr = self._rules.csr(body.csr, order.subscription.profile)
        self._desk.replace(order, CertificateRequest(csr, common_name=request.common_name, names=request.names))
        if body.revoke:
            old.revoke(self._desk.now(), reason=body.reason, code=_SUPERSEDED)
        return no_content()

    def revoke(self, inbound: Inbound) -> Response:
        body = ClientRevokeBody.parse(inbound.body)
        self._desk.revoke(self._addressed(inbound), reason=body.reason, code=body.reasonCode)
        return no_content()

    def revoke_by_serial(self, inbound: Inbound) -> Response:
        body = ClientRevokeBody.parse(inbound.body)
        self._desk.revoke_by_serial(inbound.path["serial"], reason=body.reason, code=body.reasonCode)
        return no_content()

    def revoke_all(self, inbound: Inbound) -> Response:
        """Revoke whatever a person has."""
        body = PersonRevokeBody.parse(inbound.body)
        theirs = [order for order in self._desk.every() if _is_of(order, body.email)]
        if not theirs:
            raise client_problems.unknown_mail()
        for order in theirs:
            if order.status(self._desk.now()) is Status.ISSUED:
                self._desk.revoke(order, reason=body.reason, code=body.reasonCode)
        return no_content()

    def _addressed(self, inbound: Inbound) -> Order:
        order = self._desk.find(inbound.path["order_number"])
        if order is None:
            raise client_problems.invalid_order_number(inbound.path["order_number"])
        return order

    def _profile(self, profile_id: int, term: int) -> Profile:
        profile = self._catalogue.client_profile(profile_id)
        if profile is None:
            raise client_problems.invalid_profile()
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
        raise problems.invalid_value("firstName")
    return person


def _is_of(order: Order, email: str) -> bool:
    person = order.subscription.person
    return person is not None and person.email.lower() == email.lower()
