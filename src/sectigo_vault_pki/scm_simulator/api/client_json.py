"""Client orders as the client certificate API shows them (scm-api.md 4.2)."""

from datetime import datetime
from typing import Any

from sectigo_vault_pki.scm_simulator.api.certificates import (
    SIGNATURE_ALGORITHM,
    certificate_details_json,
    extended_key_usages,
    key_json,
    key_usages,
    type_json,
    us_date,
)
from sectigo_vault_pki.scm_simulator.model.orders import Issued, Order, Person, colon_hex, state_of


def v1_row_json(order: Order, now: datetime) -> dict[str, Any]:
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


def row_json(order: Order, now: datetime) -> dict[str, Any]:
    """A line of the v2 list."""
    return {
        **v1_row_json(order, now),
        "certificateDetails": {} if order.current is None else certificate_details_json(order.current),
        "comments": order.subscription.comments or None,
    }


def details_json(order: Order, person: Person, now: datetime) -> dict[str, Any]:
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
