"""What users can ask: one module for each Vault path, and `all_paths`, which lists them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sectigo_vault_pki.lifecycle import Configs, Engine, Issuer, PasswordRotation, Profiles, Roles
from sectigo_vault_pki.paths import (
    certs,
    config_login,
    configs,
    domains,
    enroll,
    export,
    fetch,
    metrics,
    profile,
    readcert,
    recent,
    renew,
    replace,
    revoke,
    status,
    summaries,
    sync,
    tidy,
)
from sectigo_vault_pki.paths.pki import authority, issue, roles, serials
from sectigo_vault_pki.vault_plugin.framework import Path

__all__ = ["Parts", "all_paths"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the paths of one mount call.

    Attributes:
        background: whether the mount does background work.
    """

    engine: Engine
    configs: Configs
    roles: Roles
    issuer: Issuer
    rotation: PasswordRotation
    profiles: Profiles
    background: bool


def all_paths(parts: Parts) -> Sequence[Path]:
    """Return every path, in the order in which requests are matched and documents list them."""
    return (
        configs.path_configs(parts.configs),
        configs.path_configs_list(parts.configs),
        config_login.path_config_test(parts.engine),
        config_login.path_rotate_root(parts.rotation),
        domains.path_domain(parts.engine),
        domains.path_domains_list(parts.engine),
        profile.path_profile(parts.profiles),
        profile.path_profile_list(parts.profiles),
        enroll.path_enroll(parts.engine),
        serials.path_details_list(parts.engine),
        summaries.path_details_list(parts.engine),
        certs.path_certs(parts.engine),
        summaries.path_summary(parts.engine),
        serials.path_revoked_list(parts.engine),
        certs.path_certs_list(parts.engine),
        readcert.path_readcert(parts.engine),
        renew.path_renew(parts.engine),
        replace.path_replace(parts.engine),
        revoke.path_revoke(parts.engine),
        fetch.path_fetch(parts.engine),
        sync.path_sync(parts.engine),
        tidy.path_tidy(parts.engine.tidy),
        tidy.path_tidy_status(parts.engine.tidy),
        tidy.path_tidy_cancel(parts.engine.tidy),
        tidy.path_auto_tidy(parts.engine.tidy),
        export.path_export(parts.engine),
        roles.path_roles(parts.roles),
        roles.path_roles_list(parts.roles),
        roles.path_role_defaults(parts.roles),
        roles.path_role_ca_chain(parts.roles),
        issue.path_issue(parts.engine, parts.issuer),
        issue.path_sign(parts.issuer),
        *authority.ca_paths(parts.engine),
        *authority.crl_paths(parts.engine),
        *authority.issuer_paths(parts.engine),
        serials.path_cert(parts.engine),
        *authority.serial_raw_paths(parts.engine),
        serials.path_serials_list(parts.engine),
        serials.path_revoke_by_serial(parts.engine),
        summaries.path_expiring_list(parts.engine),
        recent.path_recent_list(parts.engine),
        status.path_status(parts.engine, background=parts.background),
        metrics.path_metrics(parts.engine),
    )
