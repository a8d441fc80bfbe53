"""The SCM account behind a config entry."""

from sectigo_vault_pki.lifecycle.rules.policy import DEFAULT_REQUEST_TIMEOUT
from sectigo_vault_pki.scm import ScmAccount
from sectigo_vault_pki.store import ConfigRecord


def account_of(config: ConfigRecord) -> ScmAccount:
    """Return the SCM account that a config entry describes."""
    return ScmAccount(
        base_url=config.base_url,
        login=config.login,
        password=config.password,
        customer_uri=config.customer_uri,
        org_id=config.org_id,
        ca_bundle_pem=config.ca_bundle,
        request_timeout=DEFAULT_REQUEST_TIMEOUT if config.request_timeout is None else config.request_timeout,
    )
