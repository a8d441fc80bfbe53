"""What the SSL API does (scm-api.md 3): check the request against the tenant, then book, sign or answer."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api import bodies, scm_problems
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
from sectigo_vault_pki.scm_simulator.api.inbound import SSL_COLLECTED_TYPE, Inbound, json_response, no_content
from sectigo_vault_pki.scm_simulator.api.lists import SSL_FILTERS
from sectigo_vault_pki.scm_simulator.api.order_operations import OrderOperations
from sectigo_vault_pki.scm_simulator.api.rules import Rules
from sectigo_vault_pki.scm_simulator.model.ca import VENDOR
from sectigo_vault_pki.scm_simulator.model.orders import (
    CertificateRequest,
    Csr,
    Issued,
    Order,
    Subscription,
    colon_hex,
    distinct,
    is_server_name,
)
from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue, Profile
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

SSL = "/api/ssl/v1"
_LENIENT_RENEW_BODIES = frozenset({b"", b'""'})


class SslApi:
    """The handlers, one method an operation; each raises `Problem` where SCM refuses.

    Args:
        catalogue: The tenant.
        settings: The knobs.
        rules: What the tenant allows.
        orders: The SSL orders.
    """

    def __init__(self, *, catalogue: Catalogue, settings: Settings, rules: Rules, orders: OrderOperations) -> None:
        self._catalogue = catalogue
        self._settings = settings
        self._rules = rules
        self._orders = orders

    def routes(self, endpoints: Endpoints) -> list[Route]:
        """Return the paths of scm-api.md 3; their order decides, since an id may stand in the place of a word."""
        make = endpoints.endpoint
        get, post = ["GET"], ["POST"]
        return [
            Route(SSL, make("list", self.list_orders), methods=["GET", "HEAD"]),
            Route(f"{SSL}/types", make("types", self.types), methods=get),
            Route(f"{SSL}/customFields", make("custom_fields", self.custom_fields), methods=get),
            Route(f"{SSL}/enroll", make("enroll", self.enroll), methods=post),
            Route(f"{SSL}/collect/{{ssl_id}}", make("collect", self.collect), methods=get),
            Route(f"{SSL}/collect/{{ssl_id}}/{{format}}", make("collect", self.collect), methods=get),
            Route(f"{SSL}/renewById/{{ssl_id}}", make("renew", self.renew_by_id), methods=post),
            Route(f"{SSL}/renew/{{renew_id}}", make("renew", self.renew), methods=post),
            Route(f"{SSL}/replace/{{ssl_id}}", make("replace", self.replace), methods=post),
            Route(f"{SSL}/revoke/serial/{{serial}}", make("revoke", self.revoke_by_serial), methods=post),
            Route(f"{SSL}/revoke/{{ssl_id}}", make("revoke", self.revoke), methods=post),
            Route(f"{SSL}/approve/{{ssl_id}}", make("approve", self.approve), methods=post),
            Route(f"{SSL}/decline/{{ssl_id}}", make("decline", self.decline), methods=post),
            Route(f"{SSL}/{{ssl_id}}", make("details", self.details), methods=get),
        ]

    def types(self, inbound: Inbound) -> Response:
        return json_response(self._rules.types(self._catalogue.profiles, org_id=inbound.query.get("organizationId")))

    def custom_fields(self, _inbound: Inbound) -> Response:
        return json_response(self._rules.custom_fields())

    def enroll(self, inbound: Inbound) -> Response:
        body = bodies.EnrollBody.parse(inbound.body)
        organization = self._rules.organization(body.orgId)
        profile = self._profile(body.certType, body.term)
        csr = self._rules.csr(body.csr, profile)
        names = [name.strip() for name in (body.subjAltNames or "").split(",")]
        request = _request(
            csr,
            common_name=csr.common_name,
            names=[name for name in names if name],
            profile=profile,
            names_field="subjAltNames",
        )
        custom_fields = self._rules.custom_field_values(body.customFields or [])
        if self._settings.external_requester_required and not body.externalRequester:
            raise scm_problems.external_requester_required()
        subscription = Subscription(
            organization=organization,
            profile=profile,
            term=body.term,
            comments=body.comments or "",
            external_requester=body.externalRequester or "",
            custom_fields=custom_fields,
        )
        order = self._orders.add(request, subscription)
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

    def list_orders(self, inbound: Inbound) -> Response:
        """Answer a page, or the count alone to HEAD."""
        page = self._orders.page(inbound.query, SSL_FILTERS)
        return json_response(
            [_row_json(order) for order in page.orders],
            headers={"x-total-count": str(page.total)},
            body=inbound.method != "HEAD",
        )

    def details(self, inbound: Inbound) -> Response:
        return json_response(_details_json(self._found(inbound), self._orders.now()))

    def renew_by_id(self, inbound: Inbound) -> Response:
        body = self._renew_body(inbound)
        renewed = self._orders.renew(self._addressed(inbound), body.csr)
        return json_response({"sslId": renewed.ssl_id}) if self._settings.renew_answers_id else no_content()

    def renew(self, inbound: Inbound) -> Response:
        """Renew by renewId, which answers no id."""
        body = self._renew_body(inbound)
        order = self._orders.find_by_renew_id(inbound.path["renew_id"])
        if order is None:
            raise scm_problems.invalid_renew_id()
        self._orders.renew(order, body.csr)
        return no_content()

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
        )
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
    csr: Csr, *, common_name: str, names: Sequence[str], profile: Profile, names_field: str
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
    return CertificateRequest(csr=csr, common_name=common_name, names=distinct(all_names))


def _file_name(order: Order) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", order.request.common_name)


def _row_json(order: Order) -> dict[str, Any]:
    """A line of the list; names and serial number come with the certificate."""
    row: dict[str, Any] = {"sslId": order.ssl_id, "commonName": order.request.common_name}
    if order.current is not None:
        row["subjectAlternativeNames"] = list(order.current.request.names)
        row["serialNumber"] = colon_hex(order.current.serial_number)
    return row


def _details_json(order: Order, now: datetime) -> dict[str, Any]:
    """Everything about an order; what has no value is left out."""
    subscription, request = order.subscription, order.request
    values: dict[str, Any] = {
        "id": order.ssl_id,
        "sslId": order.ssl_id,
        "commonName": request.common_name,
        "orgId": subscription.organization.id,
        "status": order.status(now),
        "orderNumber": order.order_number,
        "backendCertId": str(order.order_number),
        "vendor": VENDOR,
        "certType": type_json(subscription.profile),
        "validationType": subscription.profile.validation_type,
        "term": subscription.term,
        "owner": order.requester,
        "requester": order.requester,
        "requestedVia": "REST API",
        "externalRequester": subscription.external_requester,
        "comments": subscription.comments,
        **_dates(order),
        "renewed": order.renewed_to is not None,
        **key_json(request, issued=order.current is not None),
        "subjectAlternativeNames": list(request.names),
        "customFields": [{"name": name, "value": value} for name, value in subscription.custom_fields],
        "autoInstallDetails": {"state": "Not configured"},
        "autoRenewDetails": {"state": "Not scheduled", "daysBeforeExpiration": 30},
        "suspendNotifications": False,
    }
    if order.current is not None:
        values |= _issued_json(order.current)
    return {name: value for name, value in values.items() if value is not None}


def _dates(order: Order) -> dict[str, str | None]:
    current = order.current
    return {
        "requested": us_date(order.requested_at),
        "approved": us_date(order.approved_at),
        "declined": us_date(order.declined_at),
        "issued": us_date(current.issued_at if current else None),
        "expires": us_date(current.not_after if current else None),
        "replaced": us_date(order.replaced_at),
        "revoked": us_date(current.revoked_at if current else None),
        "renewedDate": us_date(order.renewed_at),
    }


def _issued_json(issued: Issued) -> dict[str, Any]:
    return {
        "serialNumber": colon_hex(issued.serial_number),
        "signatureAlg": SIGNATURE_ALGORITHM,
        "keyUsages": key_usages(issued.certificate),
        "extendedKeyUsages": extended_key_usages(issued.certificate),
        "reasonCode": issued.reason_code,
        "certificateDetails": certificate_details_json(issued),
    }
