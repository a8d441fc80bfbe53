"""Vault's nouns and verbs: what an engine is asked, and with what it answers."""

from sectigo_vault_pki.vault_plugin.logical.backend_protocol import (
    Backend,
    BackendConfig,
    BackendFactory,
    BackendType,
    SpecialPaths,
)
from sectigo_vault_pki.vault_plugin.logical.host import (
    PluginEnvironment,
    ReplicationState,
    Storage,
    StorageEntry,
    SystemView,
)
from sectigo_vault_pki.vault_plugin.logical.logical_errors import (
    READ_ONLY_TEXT,
    BadRequestError,
    LogicalError,
    NotFoundError,
    ReadOnlyError,
    StorageError,
    UnavailableError,
    UnsupportedOperationError,
    UnsupportedPathError,
)
from sectigo_vault_pki.vault_plugin.logical.requests import (
    EncodedData,
    Operation,
    Request,
    Response,
    add_log_values,
    list_response,
    log_values,
    raw_response,
    to_json,
)

__all__ = [
    "READ_ONLY_TEXT",
    "Backend",
    "BackendConfig",
    "BackendFactory",
    "BackendType",
    "BadRequestError",
    "EncodedData",
    "LogicalError",
    "NotFoundError",
    "Operation",
    "PluginEnvironment",
    "ReadOnlyError",
    "ReplicationState",
    "Request",
    "Response",
    "SpecialPaths",
    "Storage",
    "StorageEntry",
    "StorageError",
    "SystemView",
    "UnavailableError",
    "UnsupportedOperationError",
    "UnsupportedPathError",
    "add_log_values",
    "list_response",
    "log_values",
    "raw_response",
    "to_json",
]
