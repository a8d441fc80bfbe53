"""SCM's errors, as text that may be shown."""

import unicodedata

from pydantic import ValidationError

from sectigo_vault_pki.errors import ScmRefusedError
from sectigo_vault_pki.scm.codes import NOT_SCM, hint_for, phrase_of
from sectigo_vault_pki.scm.exchange import Answer
from sectigo_vault_pki.scm.models import ErrorAnswer

MAX_DESCRIPTION_LENGTH = 512


def error_in(answer: Answer) -> ErrorAnswer | None:
    """Read SCM's error shape, or None where the body is something else."""
    try:
        error = ErrorAnswer.model_validate_json(answer.body)
    except ValidationError:
        return None
    return error.model_copy(update={"description": presentable(error.description)})


def refusal_from(operation: str, answer: Answer) -> ScmRefusedError:
    """Put a refusal into words: SCM's own, and what to do where that is known."""
    error = error_in(answer) or ErrorAnswer()
    return ScmRefusedError(
        operation,
        code=error.code,
        description=error.description or phrase_of(answer.status),
        status=answer.status,
        hint=_hint(operation, error),
    )


def presentable(text: str) -> str:
    """Bound foreign text and take control characters and line ends out of it."""
    printable = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text)
    words = " ".join(printable.split())
    return words if len(words) <= MAX_DESCRIPTION_LENGTH else words[: MAX_DESCRIPTION_LENGTH - 1] + "…"


def _hint(operation: str, error: ErrorAnswer) -> str | None:
    if error.code is not None:
        return hint_for(operation, error.code)
    return None if error.description else NOT_SCM
