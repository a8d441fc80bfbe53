import inspect

import pytest

from sectigo_vault_pki import errors
from sectigo_vault_pki.errors import (
    RecordError,
    ScmRefusedError,
    ScmUnavailableError,
    SectigoVaultPkiError,
    StandbyError,
    UnknownCertificateError,
    UnknownConfigError,
)
from sectigo_vault_pki.paths.error_kinds import KINDS, to_logical
from sectigo_vault_pki.vault_plugin.logical import (
    READ_ONLY_TEXT,
    BadRequestError,
    LogicalError,
    NotFoundError,
    Operation,
    ReadOnlyError,
    UnavailableError,
)

BASES = {SectigoVaultPkiError, errors.ScmError, StandbyError}
EVERY_ERROR = [
    member
    for _, member in inspect.getmembers(errors, inspect.isclass)
    if issubclass(member, SectigoVaultPkiError) and member not in BASES
]


@pytest.mark.parametrize("error_type", EVERY_ERROR)
def test_every_error_of_the_domain_has_a_kind(error_type: type[SectigoVaultPkiError]) -> None:
    assert any(ancestor in KINDS for ancestor in error_type.__mro__)


def test_the_tree_at_the_top_of_the_module_names_every_error() -> None:
    documentation = inspect.getdoc(errors)
    assert documentation is not None
    for error_type in [*EVERY_ERROR, *BASES]:
        assert error_type.__name__ in documentation


@pytest.mark.parametrize(
    ("error", "operation", "kind", "text"),
    [
        (UnknownConfigError("web"), Operation.READ, NotFoundError, 'no config entry named "web"'),
        (
            UnknownConfigError("web"),
            Operation.UPDATE,
            BadRequestError,
            'no config entry named "web"; write configs/web first',
        ),
        (
            UnknownCertificateError("web", "1_x"),
            Operation.DELETE,
            BadRequestError,
            'no certificate "1_x" under config entry "web"',
        ),
        (StandbyError(), Operation.READ, ReadOnlyError, READ_ONLY_TEXT),
        (ScmUnavailableError("collect", "down"), Operation.READ, UnavailableError, "down"),
        (
            ScmRefusedError("enroll", code=-36, description="bad term", status=400),
            Operation.UPDATE,
            BadRequestError,
            "SCM refused enroll: bad term (code -36)",
        ),
        (RecordError("damaged"), Operation.READ, LogicalError, "damaged"),
    ],
)
def test_an_error_reaches_the_host_in_its_kind_with_its_text(
    error: SectigoVaultPkiError, operation: Operation, kind: type[LogicalError], text: str
) -> None:
    translated = to_logical(error, operation)
    assert type(translated) is kind
    assert str(translated) == text
