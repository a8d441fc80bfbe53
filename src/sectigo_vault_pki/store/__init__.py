"""Typed, versioned records in a mount's storage; storage's own errors pass through."""

from sectigo_vault_pki.logical.errors import ReadOnlyError, StorageError
from sectigo_vault_pki.store.agenda import AgendaEntry, agenda_keys, due_from
from sectigo_vault_pki.store.cache import RecordCache
from sectigo_vault_pki.store.layout import SEAL_WRAPPED, UniqueId
from sectigo_vault_pki.store.locks import NamedLocks
from sectigo_vault_pki.store.records import (
    MAX_EARLIER,
    CertificateRecord,
    CertificateType,
    ClientFields,
    ConfigIdentity,
    ConfigRecord,
    CurrentCertificate,
    HistoryEntry,
    LoginPause,
    OrderCounts,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    RefusedRenewal,
    RenewedCertificate,
    RequestedFields,
    RequestIndex,
    RoleRecord,
    RoleUse,
    SslFields,
    Status,
    SubjectFields,
    WaitingAndRenewal,
)
from sectigo_vault_pki.store.repository import Repository

__all__ = [
    "MAX_EARLIER",
    "SEAL_WRAPPED",
    "AgendaEntry",
    "CertificateRecord",
    "CertificateType",
    "ClientFields",
    "ConfigIdentity",
    "ConfigRecord",
    "CurrentCertificate",
    "HistoryEntry",
    "LoginPause",
    "NamedLocks",
    "OrderCounts",
    "OrderInFlight",
    "OrderOperation",
    "OrderRecord",
    "ReadOnlyError",
    "RecordCache",
    "RefusedRenewal",
    "RenewedCertificate",
    "Repository",
    "RequestIndex",
    "RequestedFields",
    "RoleRecord",
    "RoleUse",
    "SslFields",
    "Status",
    "StorageError",
    "SubjectFields",
    "UniqueId",
    "WaitingAndRenewal",
    "agenda_keys",
    "due_from",
]
