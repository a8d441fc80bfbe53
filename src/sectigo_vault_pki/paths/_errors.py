"""From the domain's errors to the host's kinds: one table."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import TypeVar

from sectigo_vault_pki.errors import (
    ChainError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PendingError,
    RecordError,
    ScmAnswerLostError,
    ScmRefusedError,
    ScmUnavailableError,
    SectigoVaultPkiError,
    StandbyError,
    UnknownConfigError,
)
from sectigo_vault_pki.vault_plugin.framework import FieldData
from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    LogicalError,
    Operation,
    ReadOnlyError,
    Request,
    UnavailableError,
)
from sectigo_vault_pki.vault_plugin.logical import NotFoundError as NotFoundOnPathError

T = TypeVar("T")

KINDS: Mapping[type[SectigoVaultPkiError], type[LogicalError]] = {
    InvalidInputError: BadRequestError,
    ConflictError: BadRequestError,
    NotFoundError: NotFoundOnPathError,
    PendingError: BadRequestError,
    ScmRefusedError: BadRequestError,
    ScmUnavailableError: UnavailableError,
    ScmAnswerLostError: UnavailableError,
    ChainError: UnavailableError,
    RecordError: LogicalError,
}
"""The most specific class of an error that stands here decides. `StandbyError` keeps the host's own text instead."""

_READING = frozenset({Operation.READ, Operation.LIST})


def to_logical(error: SectigoVaultPkiError, operation: Operation) -> LogicalError:
    """Return the host's kind of a domain error, with its text."""
    if isinstance(error, StandbyError):
        return ReadOnlyError()
    kind = next(KINDS[ancestor] for ancestor in type(error).__mro__ if ancestor in KINDS)
    text = str(error)
    if kind is NotFoundOnPathError and operation not in _READING:
        kind = BadRequestError
        if isinstance(error, UnknownConfigError):
            text += f"; write configs/{error.config_name} first"
    return kind(text)


def with_logical_errors(
    call: Callable[[Request, FieldData], Awaitable[T]],
) -> Callable[[Request, FieldData], Awaitable[T]]:
    """Wrap a handler or a review so that the domain's errors leave it in the host's kinds."""

    @wraps(call)
    async def wrapped(request: Request, data: FieldData) -> T:
        try:
            return await call(request, data)
        except SectigoVaultPkiError as error:
            raise to_logical(error, request.operation) from None

    return wrapped
