"""Sectigo Certificate Manager's REST API (scm-api.md): URLs, headers, codes and JSON stay in this room."""

from collections.abc import Mapping
from types import MappingProxyType

from sectigo_vault_pki.scm.account import ScmAccount, parse_base_url, parse_ca_bundle, parse_token_url
from sectigo_vault_pki.scm.account_api import (
    OrganizationDetails,
    PasswordState,
    change_password,
    details,
    organization,
    password_state,
)
from sectigo_vault_pki.scm.breaker import Availability, CallBudget
from sectigo_vault_pki.scm.breaker import State as BreakerState
from sectigo_vault_pki.scm.certificate_api import CertificateApi, Order, has_more, mark, mark_in
from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.codes import COLLECT, hint_for, is_about_offers, is_final, is_revoked
from sectigo_vault_pki.scm.custom_fields import CustomField
from sectigo_vault_pki.scm.domain_validation import (
    DomainDetails,
    DomainRow,
    Instruction,
    domain_details,
    instructions_of_order,
    listed_domains,
)
from sectigo_vault_pki.scm.exchange import call_slots
from sectigo_vault_pki.scm.login import CertificateLogin, Login, PasswordLogin, header_value_problem
from sectigo_vault_pki.scm.oauth2 import OAuth2Login
from sectigo_vault_pki.scm.profiles import Profile
from sectigo_vault_pki.scm.reports import LISTED_STATUSES, ByDate, Reported, listed_entries, report
from sectigo_vault_pki.scm.results import (
    Accepted,
    Collected,
    Listed,
    Page,
    Pending,
    Remarks,
    Standing,
    StillProcessing,
    Unnamed,
)
from sectigo_vault_pki.scm.smime import SMIME
from sectigo_vault_pki.scm.ssl import SSL
from sectigo_vault_pki.scm.tokens import Tokens

CERTIFICATE_APIS: Mapping[str, CertificateApi] = MappingProxyType({"ssl_cert": SSL, "client_cert": SMIME})
"""SCM's calls by certificate type, in the guide's words."""

__all__ = [
    "CERTIFICATE_APIS",
    "COLLECT",
    "LISTED_STATUSES",
    "SMIME",
    "SSL",
    "Accepted",
    "Availability",
    "BreakerState",
    "ByDate",
    "CallBudget",
    "CertificateApi",
    "CertificateLogin",
    "Collected",
    "CustomField",
    "DomainDetails",
    "DomainRow",
    "Instruction",
    "Listed",
    "Login",
    "OAuth2Login",
    "Order",
    "OrganizationDetails",
    "Page",
    "PasswordLogin",
    "PasswordState",
    "Pending",
    "Profile",
    "Remarks",
    "Reported",
    "ScmAccount",
    "ScmClient",
    "Standing",
    "StillProcessing",
    "Tokens",
    "Unnamed",
    "call_slots",
    "change_password",
    "details",
    "domain_details",
    "has_more",
    "header_value_problem",
    "hint_for",
    "instructions_of_order",
    "is_about_offers",
    "is_final",
    "is_revoked",
    "listed_domains",
    "listed_entries",
    "mark",
    "mark_in",
    "organization",
    "parse_base_url",
    "parse_ca_bundle",
    "parse_token_url",
    "password_state",
    "report",
]
