"""Stored entries read as records."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sectigo_vault_pki.errors import RecordError
from sectigo_vault_pki.vault_plugin.logical import StorageEntry

R = TypeVar("R", bound=BaseModel)


def parsed(entry: StorageEntry, record_type: type[R]) -> R:
    """Return the record that an entry holds.

    Raises:
        RecordError: it holds none, or one that a newer version wrote; the error shows no value.
    """
    try:
        return record_type.model_validate_json(entry.value)
    except ValidationError as error:
        problem = "was written by a newer version" if _is_newer(error) else "is damaged"
        raise RecordError(f'the stored entry "{entry.key}" {problem} and was left as it is') from None


def _is_newer(error: ValidationError) -> bool:
    """Whether it has another version number, or nothing is wrong with it but fields that are not known here."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    if any(problem["loc"] == ("v",) and problem["type"] == "literal_error" for problem in problems):
        return True
    return all(problem["type"] == "extra_forbidden" for problem in problems)
