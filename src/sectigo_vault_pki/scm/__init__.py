"""Sectigo Certificate Manager's REST API (scm-api.md): URLs, headers, codes and JSON stay in this room."""

from sectigo_vault_pki.scm.account import ScmAccount, header_value_problem, parse_base_url, parse_ca_bundle
from sectigo_vault_pki.scm.breaker import State as BreakerState
from sectigo_vault_pki.scm.budget import CallBudget
from sectigo_vault_pki.scm.client import ScmClient
from sectigo_vault_pki.scm.client_orders import ClientAccepted, ClientOrder, ClientRenewed, ClientRow
from sectigo_vault_pki.scm.codes import COLLECT, hint_for, is_final, is_revoked, is_unknown
from sectigo_vault_pki.scm.exchange import call_slots
from sectigo_vault_pki.scm.guarded import Availability
from sectigo_vault_pki.scm.outcomes import Collected, Page, Revoked, StillProcessing
from sectigo_vault_pki.scm.ssl_orders import SslAccepted, SslDetails, SslOrder, SslProfile, SslRenewed, SslRow

__all__ = [
    "COLLECT",
    "Availability",
    "BreakerState",
    "CallBudget",
    "ClientAccepted",
    "ClientOrder",
    "ClientRenewed",
    "ClientRow",
    "Collected",
    "Page",
    "Revoked",
    "ScmAccount",
    "ScmClient",
    "SslAccepted",
    "SslDetails",
    "SslOrder",
    "SslProfile",
    "SslRenewed",
    "SslRow",
    "StillProcessing",
    "call_slots",
    "header_value_problem",
    "hint_for",
    "is_final",
    "is_revoked",
    "is_unknown",
    "parse_base_url",
    "parse_ca_bundle",
]
