"""Domains and their validation as SCM shows them (scm-api.md 13.3)."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from sectigo_vault_pki.scm_simulator.api.certificates import utc_text
from sectigo_vault_pki.scm_simulator.model.domains import DcvStatus, Domain, Domains
from sectigo_vault_pki.scm_simulator.model.orders import Order

_METHODS: Mapping[str, str] = {
    "CNAME": "CNAME_CSR_HASH",
    "EMAIL": "EMAIL",
    "HTTP": "HTTP_CSR_HASH",
    "HTTPS": "HTTPS_CSR_HASH",
    "TXT": "DNSTXT_RANDOM_VALUE",
    "PERSISTENT_TXT": "DNSTXT_RANDOM_VALUE",
    "AUTO": "CNAME_CSR_HASH",
}


def row_json(domain: Domain, domains: Domains) -> dict[str, Any]:
    """A line of the list of all domains."""
    values = {
        "domain": domain.name,
        "dcvStatus": domains.status(domain),
        "dcvMethod": None if domain.method is None else _METHODS.get(domain.method, domain.method),
        "dcvOrderStatus": _order_status(domain),
        "dcvOrderMethod": domain.order_mode,
        "expirationDate": utc_text(domains.end(domain)),
    }
    return _known(values)


def status_json(domain: Domain, domains: Domains) -> dict[str, Any]:
    """One domain; while it is being validated with what is to be done."""
    proof = {} if domain.order_mode is None else _proof(domain.order_mode, domain.name, domain.name)
    values = {
        "status": domains.status(domain),
        "validationDate": utc_text(domain.validated_at),
        "expirationDate": utc_text(domains.end(domain)),
        "orderStatus": _order_status(domain),
        "orderMode": domain.order_mode,
        **proof,
        "lastCheck": utc_text(domain.last_check),
    }
    if "file" in values:
        values["firstLine"], _, values["secondLine"] = str(values.pop("file")).partition("\n")
    return _known(values)


def order_dcv_json(order: Order, domains: Domains, unvalidated: Iterable[str]) -> dict[str, Any]:
    """The validation of an order's names: what was found, and what is to be done for the unvalidated ones."""
    request = order.request
    missing = set(unvalidated)
    names = dict.fromkeys(name.removeprefix("*.") for name in request.names)
    mode = request.dcv_mode or "CNAME"
    return {
        "dcvLog": {"log": [_log_json(name, domains, validated=name.lower() not in missing) for name in names]},
        "instructions": [
            _known({"domainName": name, "dcvMode": mode, **_proof(mode, name, request.csr.public_key_sha256)})
            | ({"dcvEmail": request.dcv_email} if request.dcv_email else {})
            for name in names
            if name.lower() in missing
        ],
    }


def _log_json(name: str, domains: Domains, *, validated: bool) -> dict[str, Any]:
    domain = domains.covering(name) or domains.get(name)
    status = DcvStatus.VALIDATED if validated else DcvStatus.NOT_VALIDATED
    values = {
        "dcvStatus": status,
        "domainName": name,
        "lastCheck": utc_text(domain.last_check if domain else None),
        "dcvDate": utc_text(domain.validated_at if domain else None),
    }
    return _known(values)


def _order_status(domain: Domain) -> str:
    return "Not initiated" if domain.order_mode is None else "Submitted"


def _proof(mode: str, domain: str, seed: str) -> dict[str, str]:
    """Return what the owner of a domain publishes; values of this simulator that nothing looks up."""
    digest = hashlib.sha256(f"{seed} {domain}".encode()).hexdigest()
    match mode:
        case "HTTP" | "HTTPS":
            url = f"{mode.lower()}://{domain}/.well-known/pki-validation/{digest[:32].upper()}.txt"
            return {"url": url, "file": f"{digest}\nsectigo.com"}
        case "TXT" | "PERSISTENT_TXT":
            return {"host": f"_pki-validation.{domain}", "point": digest[:32]}
        case "EMAIL":
            return {}
        case _:
            return {"host": f"_{digest[:32]}.{domain}", "point": f"{digest[:32]}.{digest[32:]}.sectigo.com"}


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
