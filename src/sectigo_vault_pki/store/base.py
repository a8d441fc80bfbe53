"""What all stored records have in common (design.md 5)."""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, PlainSerializer, SecretStr, ValidationError

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.vault_plugin.logical import StorageEntry

R = TypeVar("R", bound="Record")

StoredSecret = Annotated[
    SecretStr, PlainSerializer(lambda secret: secret.get_secret_value(), return_type=str, when_used="json")
]
"""Written only into the stored record, which the host encrypts; hidden in repr, errors and logs."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DomainValidation(Part):
    """How domains are validated for an order, in SCM's words (scm-api.md 13.3); None where nobody says it."""

    mode: str | None = None
    email: str | None = None

    @property
    def is_said(self) -> bool:
        return self.mode is not None or self.email is not None


class Record(Part):
    v: Literal[1] = 1


class EmptyEntry(Record):
    """An index entry whose key carries all its information."""


def encoded(record: Record) -> bytes:
    """Return the bytes in which a record is stored."""
    return record.model_dump_json(exclude_none=True).encode()


def parsed(entry: StorageEntry, record_type: type[R]) -> R:
    """Return the record that an entry holds.

    Raises:
        RecordError: the entry is damaged, or a newer version wrote it; the error shows no value.
    """
    try:
        return record_type.model_validate_json(entry.value)
    except ValidationError as error:
        problem = "was written by a newer version" if _is_newer(error) else "is damaged"
        raise RecordError(f'the stored entry "{entry.key}" {problem} and was left as it is') from None


def _is_newer(error: ValidationError) -> bool:
    """Whether the record has another version number, or only fields that are unknown here."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if any(problem["loc"] == ("v",) and problem["type"] == "literal_error" for problem in problems):
        return True
    return all(problem["type"] == "extra_forbidden" for problem in problems)


class CertificateType(StrEnum):
    """SCM's two kinds of certificates, with their names in `sectigo_config_type`."""

    SSL = "ssl_cert"
    CLIENT = "client_cert"


class WaitingAndRenewal(Part):
    """Waiting and renewal as a request or a config entry sets them, in seconds; None for what it does not set."""

    max_timeout: float | None = None
    loop_period: float | None = None
    expiry_window: float | None = None
    auto_renew: bool | None = None
    read_renewed_cert: bool | None = None

    def changed_by(self, request: "WaitingAndRenewal", cleared: AbstractSet[str] = frozenset()) -> "WaitingAndRenewal":
        """Return these values with those that a request sets, and without those that it clears."""
        values = {name: value for name, value in request if value is not None}
        return self.model_copy(update=dict.fromkeys(cleared) | values)
