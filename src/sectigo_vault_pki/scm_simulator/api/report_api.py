"""Reports: whole rows for a window of dates (scm-api.md 13.2)."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from starlette.responses import Response
from starlette.routing import Route

from sectigo_vault_pki.scm_simulator.api import scm_problems
from sectigo_vault_pki.scm_simulator.api.bodies import ClientReportBody, ReportBody, SslReportBody
from sectigo_vault_pki.scm_simulator.api.certificates import SIGNATURE_ALGORITHM, fingerprint, utc_text
from sectigo_vault_pki.scm_simulator.api.endpoint import Endpoints
from sectigo_vault_pki.scm_simulator.api.inbound import Inbound, compact_json_response
from sectigo_vault_pki.scm_simulator.model.book import OrderBook
from sectigo_vault_pki.scm_simulator.model.orders import Issued, Kind, Order, Person, Status

REPORT = "/api/report/v1"
_LEADING_ZEROS = "hexwithleadingzeros"
_OCTETS = 16  # of a serial number with leading zeros; inferred

_SSL_STATUSES: Mapping[str, frozenset[Status] | None] = {
    "0": None,
    "1": frozenset({Status.REQUESTED, Status.APPLIED}),
    "2": frozenset({Status.ISSUED}),
    "3": frozenset({Status.REVOKED}),
    "4": frozenset({Status.EXPIRED}),
}
_CLIENT_STATUSES: Mapping[str, frozenset[Status] | None] = {
    "0": None,
    "2": frozenset({Status.ISSUED}),
    "3": frozenset({Status.REVOKED}),
    "4": frozenset({Status.EXPIRED}),
    "5": frozenset(),
    "6": frozenset({Status.REQUESTED, Status.APPLIED, Status.DECLINED, Status.REJECTED}),
}

Moment = Callable[[Order], datetime | None]


def _of_certificate(attribute: Callable[[Issued], datetime | None]) -> Moment:
    return lambda order: None if order.current is None else attribute(order.current)


_SSL_DATES: Mapping[str, Moment] = {
    "2": _of_certificate(lambda issued: issued.revoked_at),
    "3": _of_certificate(lambda issued: issued.not_after),
    "4": lambda order: order.requested_at,
    "5": _of_certificate(lambda issued: issued.issued_at),
}
_CLIENT_DATES: Mapping[str, Moment] = {
    "0": lambda order: order.requested_at,
    "1": lambda _order: None,  # nothing is downloaded here but by a collect
    "2": _of_certificate(lambda issued: issued.revoked_at),
    "3": _of_certificate(lambda issued: issued.not_after),
}


class ReportApi:
    """The two reports."""

    def __init__(self, orders: OrderBook) -> None:
        self._orders = orders

    def routes(self, endpoints: Endpoints) -> list[Route]:
        make, post = endpoints.endpoint, ["POST"]
        return [
            Route(f"{REPORT}/ssl-certificates", make("ssl_report", self.ssl_certificates), methods=post),
            Route(f"{REPORT}/client-certificates", make("client_report", self.client_certificates), methods=post),
        ]

    def ssl_certificates(self, inbound: Inbound) -> Response:
        body = SslReportBody.parse(inbound.body)
        found = self._found(
            Kind.SSL, body, _SSL_STATUSES[body.certificateStatus], _SSL_DATES[body.certificateDateAttribute]
        )
        name, requester = (body.commonName or "").lower(), (body.externalRequester or "").lower()
        zeros = (body.serialNumberFormat or "").lower() == _LEADING_ZEROS
        return _report(
            [
                _ssl_row(order, self._orders.now(), zeros=zeros)
                for order in found
                if name in order.request.common_name.lower()
                and requester in order.subscription.external_requester.lower()
            ]
        )

    def client_certificates(self, inbound: Inbound) -> Response:
        body = ClientReportBody.parse(inbound.body)
        found = self._found(
            Kind.CLIENT, body, _CLIENT_STATUSES[body.certificateStatus], _CLIENT_DATES[body.certificateDateAttribute]
        )
        people = ((order, order.subscription.person) for order in found)
        return _report([_client_row(order, person) for order, person in people if person is not None])

    def _found(self, kind: Kind, body: ReportBody, statuses: frozenset[Status] | None, moment: Moment) -> list[Order]:
        now = self._orders.now()
        first, last = _date(body.from_, "from"), _date(body.to, "to")
        return [
            order
            for order in self._orders.of_kind(kind)
            if (statuses is None or order.status(now) in statuses)
            and (not body.organizationIds or order.subscription.organization.id in body.organizationIds)
            and _is_within(moment(order), first, last)
        ]


def _date(text: str | None, field: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise scm_problems.invalid_value(field) from error


def _is_within(moment: datetime | None, first: date | None, last: date | None) -> bool:
    """Whether the day is in the window, both ends of which are part of it (inferred); no window is everything."""
    if first is None and last is None:
        return True
    if moment is None:
        return False
    return (first is None or first <= moment.date()) and (last is None or moment.date() <= last)


def _report(rows: list[dict[str, Any]]) -> Response:
    return compact_json_response({"statusCode": 0, "message": "OK", "reports": rows})


def _ssl_row(order: Order, now: datetime, *, zeros: bool) -> dict[str, Any]:
    subscription, request, current = order.subscription, order.request, order.current
    values: dict[str, Any] = {
        "id": order.ssl_id,
        "type": subscription.profile.name,
        "typeId": subscription.profile.id,
        "orgId": subscription.organization.id,
        "organizationName": subscription.organization.name,
        "commonName": request.common_name,
        "subjAltNames": ", ".join(request.names),
        "status": order.status(now),
        "requester": order.requester,
        "orderNumber": order.order_number,
        "backendCertId": str(order.order_number),
        "requestedVia": "REST API",
        "term": subscription.term,
        "comments": subscription.comments,
        "externalRequester": subscription.external_requester,
        "requested": utc_text(order.requested_at),
        "approved": utc_text(order.approved_at),
        "declined": utc_text(order.declined_at),
        "replaced": utc_text(order.replaced_at),
        "publicKeyType": f"{request.csr.algorithm} - {request.csr.size}",
        "customFields": _custom_fields(order),
    }
    if current is not None:
        values |= {
            "issued": utc_text(current.issued_at),
            "expires": utc_text(current.not_after),
            "revoked": utc_text(current.revoked_at),
            "issuer": current.certificate.issuer.rfc4514_string(),
            "serialNumber": _serial_number(current.serial_number, zeros=zeros),
            "signatureAlg": SIGNATURE_ALGORITHM,
            "sha1": fingerprint(current.certificate, hashes.SHA1()),  # noqa: S303 - a field of SCM's
        }
    return {name: value for name, value in values.items() if value is not None}


def _serial_number(number: int, *, zeros: bool) -> str:
    """Return it in hex without colons; how SCM writes it by default is inferred."""
    return f"{number:0{2 * _OCTETS}X}" if zeros else f"{number:X}"


def _client_row(order: Order, person: Person) -> dict[str, Any]:
    subscription, current = order.subscription, order.current
    values: dict[str, Any] = {
        "id": order.id,
        "person": {"name": person.full_name, "email": person.email},
        "organization": {"id": str(subscription.organization.id), "name": subscription.organization.name},
        "subject": None if current is None else current.certificate.subject.rfc4514_string(),
        "email": person.email,
        "orderNumber": order.order_number,
        "backendCertId": str(order.order_number),
        "enrolled": utc_text(order.requested_at),
        "revoked": utc_text(None if current is None else current.revoked_at),
        "expire": utc_text(None if current is None else current.not_after),
        "enrollType": "API Enroll",
        "customFields": _custom_fields(order),
        "comments": subscription.comments,
    }
    return {name: value for name, value in values.items() if value is not None}


def _custom_fields(order: Order) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in order.subscription.custom_fields]
