"""Typed, versioned records in a mount's storage; errors of the storage itself pass through."""

from sectigo_vault_pki.store.base import CertificateType, DomainValidation, WaitingAndRenewal
from sectigo_vault_pki.store.cache import RecordCache
from sectigo_vault_pki.store.certificate_records import (
    MAX_EARLIER,
    CertificateRecord,
    ClientFields,
    CurrentCertificate,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    RefusedRenewal,
    RenewedCertificate,
    RequestedFields,
    RequestIndex,
    SslFields,
    Status,
    SubjectFields,
)
from sectigo_vault_pki.store.config_records import (
    ConfigIdentity,
    ConfigRecord,
    LoginPause,
    NewestChain,
    OrderCounts,
    RoleDefaults,
    RoleRecord,
    RoleUse,
)
from sectigo_vault_pki.store.event_records import Event, EventPage
from sectigo_vault_pki.store.index import AgendaEntry, agenda_keys, due_from
from sectigo_vault_pki.store.index_reader import Ending
from sectigo_vault_pki.store.layout import SEAL_WRAPPED, UniqueId
from sectigo_vault_pki.store.repository import Repository
from sectigo_vault_pki.store.summaries import CertificateSummary, Condition, SummaryEntry, condition_of
from sectigo_vault_pki.store.sync_records import Difference, SyncItem, SyncRequest, SyncRun
from sectigo_vault_pki.store.tally import EntryTally, StoredPage, Tally
from sectigo_vault_pki.store.tidy_records import MAX_SHOWN, AutoTidy, TidyRules, TidyRun
from sectigo_vault_pki.vault_plugin.logical import StorageError

__all__ = [
    "MAX_EARLIER",
    "MAX_SHOWN",
    "SEAL_WRAPPED",
    "AgendaEntry",
    "AutoTidy",
    "CertificateRecord",
    "CertificateSummary",
    "CertificateType",
    "ClientFields",
    "Condition",
    "ConfigIdentity",
    "ConfigRecord",
    "CurrentCertificate",
    "Difference",
    "DomainValidation",
    "Ending",
    "EntryTally",
    "Event",
    "EventPage",
    "HistoryEntry",
    "LoginPause",
    "NewestChain",
    "OrderCounts",
    "OrderInFlight",
    "OrderOperation",
    "OrderRecord",
    "RecordCache",
    "RefusedRenewal",
    "RenewedCertificate",
    "Repository",
    "RequestIndex",
    "RequestedFields",
    "RoleDefaults",
    "RoleRecord",
    "RoleUse",
    "SslFields",
    "Status",
    "StorageError",
    "StoredPage",
    "SubjectFields",
    "SummaryEntry",
    "SyncItem",
    "SyncRequest",
    "SyncRun",
    "Tally",
    "TidyRules",
    "TidyRun",
    "UniqueId",
    "WaitingAndRenewal",
    "agenda_keys",
    "condition_of",
    "due_from",
]
