"""Which of the host's errors each error of the domain becomes."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

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
    UnknownCertificateError,
    UnknownConfigError,
)
from sectigo_vault_pki.lifecycle import Engine
from sectigo_vault_pki.vault_plugin.logical import (
    BadRequestError,
    LogicalError,
    Operation,
    ReadOnlyError,
    UnavailableError,
)
from sectigo_vault_pki.vault_plugin.logical import NotFoundError as NotFoundOnPathError

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
"""The most specific class that is listed applies. `StandbyError` is apart: it keeps the host's own text."""

SCM_FAILURES = (502,)
"""HTTP statuses that only an operation has that calls SCM."""
NOT_FOUND = (404,)
"""The status of a read of one thing that may not be there."""

_READING = frozenset({Operation.READ, Operation.LIST})


def to_logical(error: SectigoVaultPkiError, operation: Operation) -> LogicalError:
    """Return the host's error for a domain error, with its text."""
    if isinstance(error, StandbyError):
        return ReadOnlyError()
    kind = next(KINDS[ancestor] for ancestor in type(error).__mro__ if ancestor in KINDS)
    text = str(error)
    if kind is NotFoundOnPathError and operation not in _READING:
        kind = BadRequestError
        if isinstance(error, UnknownConfigError):
            text += f"; write configs/{error.config_name} first"
    return kind(text)


@contextmanager
def logical_errors(operation: Operation) -> Iterator[None]:
    """Convert domain errors that leave the block."""
    try:
        yield
    except SectigoVaultPkiError as error:
        raise to_logical(error, operation) from None


@asynccontextmanager
async def naming_unknown_entry(engine: Engine, config_name: str) -> AsyncIterator[None]:
    """Report an unknown config entry in place of an unknown certificate under it.

    Certificates of a deleted entry stay readable, so the entry is looked up only if there is no such certificate.

    Raises:
        UnknownConfigError: there is no such entry.
    """
    try:
        yield
    except UnknownCertificateError:
        await engine.certificate_type(config_name)
        raise
