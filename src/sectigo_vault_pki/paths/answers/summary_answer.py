"""What lists and summaries show of a certificate, in the words of OpenBao's `certs/detailed`: no PEM and no key."""

from collections.abc import Mapping
from dataclasses import replace

from sectigo_vault_pki.lifecycle import MAX_PAGE, SummaryPage
from sectigo_vault_pki.paths.answers.certificate_answer import LIST_SCHEMA, NUMBER, TEXT, TEXTS, Schema, rfc3339
from sectigo_vault_pki.pki import is_host_name
from sectigo_vault_pki.store import CertificateSummary
from sectigo_vault_pki.vault_plugin.framework.lists import AFTER, LIMIT
from sectigo_vault_pki.vault_plugin.logical import Response, list_response

LIMIT_OF_DETAILS = replace(
    LIMIT, description=f"Return at most so many certificates; {MAX_PAGE} are the most, and the default."
)
PAGING_OF_DETAILS = (AFTER, LIMIT_OF_DETAILS)

KEY_INFO_PROPERTIES: Schema = {
    "common_name": TEXT,
    "config": {**TEXT, "description": "The config entry under which it is stored"},
    "dns_names": {**TEXTS, "description": "Host names among its alternative names"},
    "issuer": {**TEXT, "description": "Distinguished name of the issuer (RFC 4514)"},
    "key_bits": {**NUMBER, "description": "Bits of the key; 0 while unknown"},
    "key_type": {**TEXT, "description": "rsa or ec"},
    "not_after": {**TEXT, "description": "End of validity (RFC 3339); empty while unknown"},
    "not_before": {**TEXT, "description": "Start of validity (RFC 3339); empty while unknown"},
    "renewed_from": {**TEXT, "description": "Unique id of the certificate that this one renewed"},
    "renewed_to": {**TEXT, "description": "Unique id of the certificate that renewed this one"},
    "requested_by": {**TEXT, "description": "Who asked for the newest order, or automatic; empty if unknown"},
    "serial_number": {**TEXT, "description": "Hex with colons"},
    "status": {**TEXT, "description": "The newest status"},
    "unique_id": TEXT,
}
DETAILS_SCHEMA: Schema = {
    **LIST_SCHEMA,
    "key_info": {
        "type": "object",
        "additionalProperties": {"type": "object", "properties": KEY_INFO_PROPERTIES},
        "description": "What is known of each certificate",
    },
}


def details_response(page: SummaryPage, rows: Mapping[str, tuple[str, CertificateSummary]]) -> Response:
    """Answer some certificates with their details, by the keys of the list."""
    warnings: tuple[str, ...] = ()
    if page.goes_on_after is not None:
        warnings = (f"there may be more: continue with after={page.goes_on_after}",)
    if not rows:
        return replace(list_response(()), warnings=warnings)
    shown = {key: shown_summary(config_name, summary) for key, (config_name, summary) in rows.items()}
    return Response(data={"keys": list(shown), "key_info": shown}, warnings=warnings)


def shown_summary(config_name: str, summary: CertificateSummary) -> dict[str, object]:
    """Return what a list shows of a certificate."""
    return {
        "common_name": summary.common_name,
        "config": config_name,
        "dns_names": [name for name in summary.subject_alt_names if is_host_name(name)],
        "issuer": summary.issuer,
        "key_bits": summary.key_bits,
        "key_type": summary.key_type,
        "not_after": rfc3339(summary.not_after),
        "not_before": rfc3339(summary.not_before),
        "renewed_from": summary.renewed_from or "",
        "renewed_to": summary.renewed_to or "",
        "requested_by": summary.requested_by,
        "serial_number": summary.serial_number,
        "status": summary.status.value if summary.status else "",
        "unique_id": summary.unique_id,
    }
