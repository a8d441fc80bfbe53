"""What log lines say of orders and certificates: the same keys in each, so that one search finds the whole story."""

from collections.abc import Mapping
from typing import Any

from sectigo_vault_pki.errors import ScmRefusedError
from sectigo_vault_pki.store import CertificateRecord, OrderRecord


def of_certificate(config_name: str, record: CertificateRecord, **more: object) -> Mapping[str, Any]:
    """Return a log record's values: whose certificate a line is about, and what else it says."""
    in_flight = record.order.uuid if record.order is not None else record.order_uuid
    about = {
        "config": config_name,
        "unique_id": record.unique_id,
        "order": in_flight or "",
        "domain": record.common_name,
    }
    return {"kv": about | more}


def of_order(config_name: str, order: OrderRecord, **more: object) -> Mapping[str, Any]:
    """Return the same for an order; its unique id is empty before SCM has named it."""
    about = {
        "config": config_name,
        "unique_id": order.unique_id or "",
        "order": order.uuid,
        "domain": order.common_name,
        "operation": order.operation,
    }
    return {"kv": about | more}


def of_refusal(error: Exception) -> Mapping[str, object]:
    """Return what a line says of a refusal: SCM's code and text where it gave one."""
    if isinstance(error, ScmRefusedError):
        return {"code": "" if error.code is None else error.code, "error": error.description}
    return {"error": str(error)}
