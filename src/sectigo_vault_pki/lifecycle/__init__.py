"""The life of a certificate: which step is next, and why."""

from sectigo_vault_pki.lifecycle.account_check import AccountCheck
from sectigo_vault_pki.lifecycle.accounts import CallFailure, ClientFactory, LoginPauses, ScmClients
from sectigo_vault_pki.lifecycle.answers import Answer, UnnamedOrder, notice_on_window, order_id
from sectigo_vault_pki.lifecycle.config_entries import Configs
from sectigo_vault_pki.lifecycle.domain_validations import DomainList
from sectigo_vault_pki.lifecycle.engine import Engine
from sectigo_vault_pki.lifecycle.inventory.counting import HORIZONS, Counts
from sectigo_vault_pki.lifecycle.inventory.notices import HeldRenewal
from sectigo_vault_pki.lifecycle.inventory.outlook import Outlook, RenewalOutlook
from sectigo_vault_pki.lifecycle.inventory.report import (
    AccountStatus,
    BackgroundRun,
    EngineStatus,
    Measures,
)
from sectigo_vault_pki.lifecycle.inventory.stored import CertificateWithSerial, StoredVersion
from sectigo_vault_pki.lifecycle.inventory.summaries import MAX_PAGE, Filter, SummaryPage, summary_of
from sectigo_vault_pki.lifecycle.orders.enrolment import MAX_COMMENTS, EnrolmentRequest
from sectigo_vault_pki.lifecycle.orders.fetching import FetchRequest
from sectigo_vault_pki.lifecycle.orders.operation import KeyRequest
from sectigo_vault_pki.lifecycle.orders.renewal import RenewalRequest
from sectigo_vault_pki.lifecycle.orders.replacement import ReplacementRequest
from sectigo_vault_pki.lifecycle.orders.revocation import RevocationRequest
from sectigo_vault_pki.lifecycle.password_rotation import PasswordRotation
from sectigo_vault_pki.lifecycle.profiles import Profiles, ProfileWithFields
from sectigo_vault_pki.lifecycle.resources import Resources, default_jitter, key_threads
from sectigo_vault_pki.lifecycle.roles.issuing import Issued, Issuer, IssueRequest
from sectigo_vault_pki.lifecycle.roles.role_entries import Roles, RoleWritten
from sectigo_vault_pki.lifecycle.rules.role_rules import ANY_KEY, DEFAULT_MAX_ORDERS, guard_warnings, with_defaults
from sectigo_vault_pki.lifecycle.sync.runs import ShownRun
from sectigo_vault_pki.lifecycle.tasks import NamedLocks
from sectigo_vault_pki.lifecycle.tidy.runs import TidyRuns, TidyState, TidyStatus
from sectigo_vault_pki.scm import (
    DomainDetails,
    DomainRow,
    Instruction,
    Profile,
    header_value_problem,
    parse_base_url,
    parse_ca_bundle,
    parse_token_url,
)

__all__ = [
    "ANY_KEY",
    "DEFAULT_MAX_ORDERS",
    "HORIZONS",
    "MAX_COMMENTS",
    "MAX_PAGE",
    "AccountCheck",
    "AccountStatus",
    "Answer",
    "BackgroundRun",
    "CallFailure",
    "CertificateWithSerial",
    "ClientFactory",
    "Configs",
    "Counts",
    "DomainDetails",
    "DomainList",
    "DomainRow",
    "Engine",
    "EngineStatus",
    "EnrolmentRequest",
    "FetchRequest",
    "Filter",
    "HeldRenewal",
    "Instruction",
    "IssueRequest",
    "Issued",
    "Issuer",
    "KeyRequest",
    "LoginPauses",
    "Measures",
    "NamedLocks",
    "Outlook",
    "PasswordRotation",
    "Profile",
    "ProfileWithFields",
    "Profiles",
    "RenewalOutlook",
    "RenewalRequest",
    "ReplacementRequest",
    "Resources",
    "RevocationRequest",
    "RoleWritten",
    "Roles",
    "ScmClients",
    "ShownRun",
    "StoredVersion",
    "SummaryPage",
    "TidyRuns",
    "TidyState",
    "TidyStatus",
    "UnnamedOrder",
    "default_jitter",
    "guard_warnings",
    "header_value_problem",
    "key_threads",
    "notice_on_window",
    "order_id",
    "parse_base_url",
    "parse_ca_bundle",
    "parse_token_url",
    "summary_of",
    "with_defaults",
]
