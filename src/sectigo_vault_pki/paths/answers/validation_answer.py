"""Domains and the validation of domains as answers show them: instructions have one shape everywhere."""

from collections.abc import Mapping
from datetime import datetime

from sectigo_vault_pki.lifecycle import DomainDetails, DomainRow, Instruction

_TEXT = {"type": "string"}

INSTRUCTION_PROPERTIES: Mapping[str, Mapping[str, object]] = {
    "dcv_mode": {**_TEXT, "description": "How the domain is validated, in SCM's word, such as CNAME or EMAIL"},
    "domain": {**_TEXT, "description": "The domain to validate"},
    "email": {**_TEXT, "description": "Address that gets the question"},
    "first_line": {**_TEXT, "description": "First line of the file"},
    "host": {**_TEXT, "description": "Name of the DNS record to write"},
    "point": {**_TEXT, "description": "Value of the DNS record"},
    "second_line": {**_TEXT, "description": "Second line of the file"},
    "url": {**_TEXT, "description": "Address at which the file is to be published"},
}
INSTRUCTIONS_SCHEMA: Mapping[str, object] = {
    "type": "array",
    "items": {"type": "object", "properties": INSTRUCTION_PROPERTIES},
}
STATE_SCHEMA: Mapping[str, Mapping[str, object]] = {
    "dcv_method": {**_TEXT, "description": "How it was or is being validated, in SCM's word"},
    "dcv_status": {**_TEXT, "description": "SCM's word: Not validated, Validated or Expired"},
    "expiration": {**_TEXT, "description": "End of the validation: RFC 3339, or a day if SCM names no time"},
    "order_method": {**_TEXT, "description": "How a validation in progress is done"},
    "order_status": {**_TEXT, "description": "State of a validation in progress, in SCM's word"},
}
DOMAIN_SCHEMA: Mapping[str, Mapping[str, object]] = {
    **STATE_SCHEMA,
    "dcv": {**INSTRUCTIONS_SCHEMA, "description": "What to publish so that it is validated; empty if nothing"},
    "domain": {**_TEXT, "description": "The domain"},
    "last_check": {**_TEXT, "description": "When SCM looked last, as SCM writes it"},
    "next_check": {**_TEXT, "description": "When SCM looks again, as SCM writes it"},
}


def shown_instruction(instruction: Instruction, domain: str = "") -> dict[str, str]:
    """Return what is to be done; every key is there, empty where SCM says nothing.

    Args:
        instruction: SCM's.
        domain: the domain, where SCM does not repeat it.
    """
    return {
        "dcv_mode": instruction.mode,
        "domain": instruction.domain or domain,
        "email": instruction.email,
        "first_line": instruction.first_line,
        "host": instruction.host,
        "point": instruction.point,
        "second_line": instruction.second_line,
        "url": instruction.url,
    }


def shown_state(state: DomainRow | DomainDetails) -> dict[str, object]:
    """Return the state of a domain's validation."""
    return {
        "dcv_method": state.method or state.order_method,
        "dcv_status": state.status,
        "expiration": _end(state.ends_at, is_day=state.ends_on_a_day),
        "order_method": state.order_method,
        "order_status": state.order_status,
    }


def shown_domain(domain: str, details: DomainDetails) -> dict[str, object]:
    """Return everything that SCM says of one domain."""
    instruction = details.instruction
    return {
        **shown_state(details),
        "dcv": [] if instruction is None else [shown_instruction(instruction, domain)],
        "domain": domain,
        "last_check": details.last_check,
        "next_check": details.next_check,
    }


def _end(moment: datetime | None, *, is_day: bool) -> str:
    if moment is None:
        return ""
    return moment.date().isoformat() if is_day else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
