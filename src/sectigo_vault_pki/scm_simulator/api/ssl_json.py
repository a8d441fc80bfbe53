"""SSL orders as the SSL API shows them, in its two generations (scm-api.md 3.8, 3.9 and 9)."""

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives import hashes

from sectigo_vault_pki.scm_simulator.api.certificates import (
    SIGNATURE_ALGORITHM,
    certificate_details_json,
    extended_key_usages,
    fingerprint,
    key_json,
    key_usages,
    type_json,
    us_date,
    utc_text,
)
from sectigo_vault_pki.scm_simulator.model.ca import VENDOR
from sectigo_vault_pki.scm_simulator.model.orders import Csr, Issued, Order, colon_hex


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
        **_dates(order, us_date),
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


def _dates(order: Order, text: Callable[[datetime | None], str | None]) -> dict[str, str | None]:
    current = order.current
    moments = {
        "requested": order.requested_at,
        "approved": order.approved_at,
        "declined": order.declined_at,
        "issued": current.issued_at if current else None,
        "expires": current.not_after if current else None,
        "replaced": order.replaced_at,
        "revoked": current.revoked_at if current else None,
        "renewedDate": order.renewed_at,
    }
    return {name: text(moment) for name, moment in moments.items()}


def _issued_json(issued: Issued) -> dict[str, Any]:
    return {
        "serialNumber": colon_hex(issued.serial_number),
        "signatureAlg": SIGNATURE_ALGORITHM,
        "keyUsages": key_usages(issued.certificate),
        "extendedKeyUsages": extended_key_usages(issued.certificate),
        "reasonCode": issued.reason_code,
        "certificateDetails": certificate_details_json(issued),
    }


def v2_details_json(order: Order, now: datetime) -> dict[str, Any]:
    """Everything about an order as v2 says it: with times, the CSR and fingerprints (scm-api.md 9)."""
    current = order.current
    values = {**details_json(order, now), **_dates(order, utc_text), "csrDetails": _csr_json(order.request.csr)}
    if current is not None:
        values |= {
            "md5Fingerprint": fingerprint(current.certificate, hashes.MD5()),  # noqa: S303 - a field of SCM's
            "sha1Fingerprint": fingerprint(current.certificate, hashes.SHA1()),  # noqa: S303 - a field of SCM's
            "sha256Fingerprint": fingerprint(current.certificate, hashes.SHA256()),
        }
    return {name: value for name, value in values.items() if value is not None}


def _csr_json(csr: Csr) -> dict[str, str]:
    return {
        "csr": base64.b64encode(csr.der).decode(),
        "md5Hash": hashlib.md5(csr.der, usedforsecurity=False).hexdigest().upper(),
        "sha1Hash": hashlib.sha1(csr.der, usedforsecurity=False).hexdigest().upper(),
        "sha256Hash": hashlib.sha256(csr.der).hexdigest().upper(),
    }
