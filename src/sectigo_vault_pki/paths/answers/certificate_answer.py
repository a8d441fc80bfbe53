"""A certificate as an answer shows it (api.md 5). Every key is always there, empty while its value is unknown."""

import weakref
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sectigo_vault_pki.lifecycle import Answer, Engine, UnnamedOrder, order_id
from sectigo_vault_pki.paths.answers.validation_answer import INSTRUCTIONS_SCHEMA, shown_instruction
from sectigo_vault_pki.pki import CertificateFormat, PemBundle, render
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
    CurrentCertificate,
    HistoryEntry,
    OrderInFlight,
    OrderRecord,
    RequestedFields,
    Status,
)
from sectigo_vault_pki.vault_plugin.logical import EncodedData, Response

Schema = Mapping[str, Mapping[str, object]]
"""The fields of an answer: name to JSON schema."""

TEXT = {"type": "string"}
FLAG = {"type": "boolean"}
NUMBER = {"type": "integer"}
INT64 = {**NUMBER, "format": "int64"}
TEXTS = {"type": "array", "items": TEXT}
OBJECT = {"type": "object"}
SENSITIVE = {"x-vault-displayAttrs": {"sensitive": True}}

LIST_SCHEMA: Schema = {"keys": TEXTS}


def rfc3339(moment: datetime | None) -> str:
    """Write a time in UTC to the second (RFC 3339); empty if there is none."""
    return "" if moment is None else f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


CERTIFICATE_SCHEMA: Schema = {
    "ca_chain": {**TEXTS, "description": "Issuers in PEM, nearest to the certificate first"},
    "cert_unique_id": {**TEXT, "description": "<ssl_id>_<customer_uri>, or order-<uuid> while SCM has not named it"},
    "certificate": {**TEXT, "description": "The certificate in ssl_format, or why there is none yet"},
    "certificate_bundle": {**TEXT, "description": "The certificate and its issuers in PEM, certificate first"},
    "certificate_type": {**TEXT, "enum": [kind.value for kind in CertificateType]},
    "csr": {**TEXT, "description": "The CSR in PEM"},
    "dcv": {
        **INSTRUCTIONS_SCHEMA,
        "description": (
            "What the validation of the domains of an order in progress waits for, if this request asked SCM; SSL only"
        ),
    },
    "domain": {**TEXT, "description": "Common name"},
    "expiration": {**NUMBER, "format": "int64", "description": "End of validity, in unix seconds; 0 while unknown"},
    "issuing_ca": {**TEXT, "description": "The certificate's issuer in PEM"},
    "leaf_certificate": {**TEXT, "description": "The certificate alone, in PEM"},
    "not_after": {**TEXT, "description": "End of validity (RFC 3339)"},
    "not_before": {**TEXT, "description": "Start of validity (RFC 3339)"},
    "order_number": {**NUMBER, "description": "SCM's order number; client certificates only, 0 while unknown"},
    "private_key": {
        **TEXT,
        "description": "The private key in PEM; empty if the engine never had it",
        **SENSITIVE,
    },
    "private_key_type": {**TEXT, "description": "rsa or ec"},
    "renew_id": {**TEXT, "description": "SCM's renew id; SSL only, empty if SCM gave none"},
    "renewed_from": {**TEXT, "description": "Unique id of the certificate that this one renewed"},
    "renewed_to": {**TEXT, "description": "Unique id of the certificate that renewed this one"},
    "serial_number": {**TEXT, "description": "Hex with colons"},
    "ssl_format": {
        **TEXT,
        "enum": [known.value for known in CertificateFormat],
        "description": "Format of certificate; SSL only",
    },
    "ssl_id": {**NUMBER, "description": "SCM's id; SSL only, 0 while unknown"},
    "state": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "status": TEXT,
                "time_stamp": {**TEXT, "format": "date-time"},
                "code": NUMBER,
                "description": TEXT,
            },
        },
        "description": "What happened so far, oldest first; description with ErrorCode only, and code if SCM gave one",
    },
    "status": {**TEXT, "description": "The newest status"},
}


_OF_ONE_TYPE: Mapping[CertificateType, frozenset[str]] = {
    CertificateType.SSL: frozenset({"dcv", "renew_id", "ssl_format", "ssl_id"}),
    CertificateType.CLIENT: frozenset({"order_number"}),
}


async def delete_one_time_key(engine: Engine, config_name: str, answer: Answer, requested_by: str) -> None:
    """Delete a one-time private key from Vault before the answer that carries it is sent."""
    if answer.record is not None and not answer.of_replacement:
        await engine.key_answered(config_name, answer.record, requested_by)


def with_remarks(response: Response, remarks: tuple[str, ...]) -> Response:
    """Return a response with warnings before its own."""
    return replace(response, warnings=(*remarks, *response.warnings)) if remarks else response


def certificate_response(answer: Answer, wanted: CertificateFormat | None, *, with_key: bool = True) -> Response:
    """Return the response that shows a certificate.

    Args:
        answer: the engine's.
        wanted: the format that the request asks for, if any.
        with_key: whether the response carries the private key.
    """
    if answer.record is not None:
        record, certificate_type = answer.record, answer.record.certificate_type
        shown_format = _format(wanted, certificate_type, record.requested)
        data = _certificate(record, shown_format, of_replacement=answer.of_replacement)
    elif answer.order is not None:
        stored = answer.order.stored
        certificate_type = stored.certificate_type if stored else CertificateType.SSL
        shown_format = _format(wanted, certificate_type, stored.requested if stored else None)
        data = _order(answer.order, certificate_type, shown_format)
    else:
        raise ValueError("an answer is about a certificate or about an order")
    data["dcv"] = [shown_instruction(instruction) for instruction in answer.instructions]
    if not with_key:
        data["private_key"] = ""
    others = frozenset().union(*(names for other, names in _OF_ONE_TYPE.items() if other is not certificate_type))
    shown = {name: value for name, value in data.items() if name not in others}
    return Response(data=shown, warnings=answer.warnings)


_ByFormat = dict[CertificateFormat | None, EncodedData]


class AnsweredCertificates:
    """Responses of collected certificates: made and encoded once for each record object, and dropped with it."""

    def __init__(self) -> None:
        self._answered: dict[int, _ByFormat] = {}

    def response(self, answer: Answer, wanted: CertificateFormat | None) -> Response:
        """Return what `certificate_response` returns, with the private key."""
        is_of_order = answer.of_replacement or bool(answer.instructions)
        if answer.record is None or answer.record.current is None or is_of_order:
            return certificate_response(answer, wanted)
        by_format = self._of(answer.record)
        if wanted not in by_format:
            by_format[wanted] = EncodedData(certificate_response(answer, wanted).data or {})
        return Response(data=by_format[wanted], warnings=answer.warnings)

    def __len__(self) -> int:
        """Count the records with a kept response."""
        return len(self._answered)

    def _of(self, record: CertificateRecord) -> _ByFormat:
        # By the object's identity: records compare by value.
        key = id(record)
        if key not in self._answered:
            self._answered[key] = {}
            weakref.finalize(record, self._answered.pop, key, None).atexit = False
        return self._answered[key]


def _format(
    wanted: CertificateFormat | None, certificate_type: CertificateType, requested: RequestedFields | None
) -> CertificateFormat:
    if certificate_type is CertificateType.CLIENT:
        return CertificateFormat.PEM_ISSUERS_AFTER
    if wanted is not None:
        return wanted
    stored = requested.format if requested else None
    return CertificateFormat.X509 if stored is None else CertificateFormat(stored)


def _certificate(
    record: CertificateRecord, certificate_format: CertificateFormat, *, of_replacement: bool
) -> dict[str, object]:
    data = {
        **_nothing_known(),
        "cert_unique_id": record.unique_id,
        "certificate_type": record.certificate_type.value,
        "domain": record.common_name,
        "order_number": record.scm_id,
        "private_key_type": record.key_type,
        "renew_id": record.renew_id,
        "renewed_from": record.renewed_from or "",
        "renewed_to": record.renewed_to or "",
        "ssl_format": certificate_format.value,
        "ssl_id": record.scm_id,
        "state": [_history_entry(entry) for entry in record.history],
        "status": record.newest_status or "",
    }
    if record.current is not None and not of_replacement:
        return data | _collected(record.current, certificate_format)
    return data | _not_collected(record)


def _collected(current: CurrentCertificate, certificate_format: CertificateFormat) -> dict[str, object]:
    bundle = PemBundle.split(current.bundle)
    return {
        **_key_and_csr(current),
        "ca_chain": list(bundle.issuers_pem),
        "certificate": render(bundle, certificate_format),
        "certificate_bundle": bundle.bundle_pem,
        "expiration": int(current.not_after.timestamp()),
        "issuing_ca": bundle.issuers_pem[0] if bundle.issuers_pem else "",
        "leaf_certificate": bundle.leaf_pem,
        "not_after": rfc3339(current.not_after),
        "not_before": rfc3339(current.not_before),
        "serial_number": current.serial_number,
    }


def _not_collected(record: CertificateRecord) -> dict[str, object]:
    data: dict[str, object] = {"certificate": _reason(record)}
    asked_for = record.order or next(iter(record.superseded), None)  # revoked before it was collected
    if asked_for is not None:
        data |= _key_and_csr(asked_for)
    return data


def _reason(record: CertificateRecord) -> str:
    entries = [entry for entry in record.history if entry.status is not Status.REVOKED]
    newest = entries[-1] if entries else None
    if newest is None or newest.status is not Status.ERROR_CODE:
        return Status.TIMEOUT_STATE_SAVED.value
    code = "" if newest.code is None else f" {newest.code}"
    return f"{Status.ERROR_CODE.value}{code}: {newest.description or ''}"


def _order(
    order: UnnamedOrder, certificate_type: CertificateType, certificate_format: CertificateFormat
) -> dict[str, object]:
    data = {
        **_nothing_known(),
        "cert_unique_id": order_id(order.uuid),
        "certificate": Status.TIMEOUT_STATE_SAVED.value,
        "certificate_type": certificate_type.value,
        "ssl_format": certificate_format.value,
        "status": order.status.value,
    }
    if order.stored is None:
        return data
    return {
        **data,
        **_key_and_csr(order.stored),
        "domain": order.stored.common_name,
        "private_key_type": order.stored.key_type,
        "state": [{"status": order.status.value, "time_stamp": rfc3339(order.stored.created_at)}],
    }


def _nothing_known() -> dict[str, object]:
    empty: dict[str, object] = {"integer": 0, "string": ""}
    return {
        name: [] if schema["type"] == "array" else empty[str(schema["type"])]
        for name, schema in CERTIFICATE_SCHEMA.items()
    }


def _key_and_csr(holder: CurrentCertificate | OrderInFlight | OrderRecord) -> dict[str, object]:
    key = holder.private_key
    return {"csr": holder.csr, "private_key": key.get_secret_value() if key else ""}


def _history_entry(entry: HistoryEntry) -> Mapping[str, object]:
    shown: dict[str, object] = {"status": entry.status.value, "time_stamp": rfc3339(entry.at)}
    if entry.status is Status.ERROR_CODE:
        shown |= {"description": entry.description or ""}
        if entry.code is not None:
            shown["code"] = entry.code
    return shown
