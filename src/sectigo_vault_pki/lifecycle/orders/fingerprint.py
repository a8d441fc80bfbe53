"""Fingerprints: they tell a repeated request from another one. They are stored, so they must stay what they are."""

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from pydantic import BaseModel

from sectigo_vault_pki.store import ClientFields, RequestedFields, SslFields, SubjectFields, WaitingAndRenewal

_ALWAYS_COMPARED: Mapping[type[BaseModel], AbstractSet[str]] = {
    RequestedFields: frozenset({"ssl", "client", "format", "subject", "waiting"}),
    SslFields: frozenset(
        {
            *("certificate_profile", "validity_days", "subject_alt_names", "external_requester", "comments"),
            *("number_servers", "server_type", "custom_fields"),
        }
    ),
    ClientFields: frozenset(
        {
            *("certificate_profile", "validity_days", "email", "first_name", "middle_name", "last_name"),
            "custom_fields",
        }
    ),
    SubjectFields: frozenset(
        {
            *("common_name", "country", "state", "locality", "organization", "organizational_unit"),
            "email_address",
        }
    ),
    WaitingAndRenewal: frozenset({"max_timeout", "loop_period", "auto_renew", "expiry_window", "read_renewed_cert"}),
}
"""The fields of the first stored fingerprints. A later field counts if it is set, so that those still hold."""


def digest_of(asked: object) -> str:
    """Return the SHA-256 of something that can be written as JSON, in hex."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def asked_for(part: BaseModel) -> Mapping[str, object]:
    """Return what a request says, as JSON that is compared with an earlier one's."""
    always = next((names for kind, names in _ALWAYS_COMPARED.items() if isinstance(part, kind)), frozenset())
    written = part.model_dump(mode="json")
    said: dict[str, object] = {}
    for name, declared in type(part).model_fields.items():
        value = getattr(part, name)
        if name in always or value != declared.get_default(call_default_factory=True):
            said[name] = asked_for(value) if isinstance(value, BaseModel) else written[name]
    return said
