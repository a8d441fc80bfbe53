"""SSL orders as the API's JSON (scm-api.md 3.8, 3.9)."""

from datetime import datetime
from typing import Any

from sectigo_vault_pki.scm_simulator.ca import VENDOR
from sectigo_vault_pki.scm_simulator.certificate_json import (
    SIGNATURE_ALGORITHM,
    certificate_details_json,
    extended_key_usages,
    key_json,
    key_usages,
    type_json,
    us_date,
)
from sectigo_vault_pki.scm_simulator.orders import Issued, Order, colon_hex


def row_json(order: Order) -> dict[str, Any]:
    """A line of the list; names and serial number come with the certificate."""
    row: dict[str, Any] = {"sslId": order.ssl_id, "commonName": order.request.common_name}
    if order.current is not None:
        row["subjectAlternativeNames"] = list(order.current.request.names)
        row["serialNumber"] = colon_hex(order.current.serial_number)
    return row


def details_json(order: Order, now: datetime) -> dict[str, Any]:
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
