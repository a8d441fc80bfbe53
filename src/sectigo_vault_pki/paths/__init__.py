"""What users can ask: one module for each path."""

from sectigo_vault_pki.paths.cert import path_cert, path_revoke_by_serial, path_serials_list
from sectigo_vault_pki.paths.certs import path_certs, path_certs_list
from sectigo_vault_pki.paths.configs import path_configs, path_configs_list
from sectigo_vault_pki.paths.enroll import path_enroll
from sectigo_vault_pki.paths.export import path_export
from sectigo_vault_pki.paths.fetch import path_fetch
from sectigo_vault_pki.paths.issue import path_issue, path_sign
from sectigo_vault_pki.paths.renew import path_renew
from sectigo_vault_pki.paths.replace import path_replace
from sectigo_vault_pki.paths.revoke import path_revoke
from sectigo_vault_pki.paths.roles import path_role_ca_chain, path_roles, path_roles_list
from sectigo_vault_pki.paths.status import path_status

__all__ = [
    "path_cert",
    "path_certs",
    "path_certs_list",
    "path_configs",
    "path_configs_list",
    "path_enroll",
    "path_export",
    "path_fetch",
    "path_issue",
    "path_renew",
    "path_replace",
    "path_revoke",
    "path_revoke_by_serial",
    "path_role_ca_chain",
    "path_roles",
    "path_roles_list",
    "path_serials_list",
    "path_sign",
    "path_status",
]
