"""Under which names a certificate is held: what every step of its life needs together."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from sectigo_vault_pki.scm import ScmAccount
from sectigo_vault_pki.store import CertificateRecord, ConfigRecord, UniqueId

DEFAULT_REQUEST_TIMEOUT = 60.0
"""Seconds that SCM has for each answer."""


class CertificateKey(NamedTuple):
    """Where a certificate is stored."""

    config_name: str
    unique_id: UniqueId

    def __str__(self) -> str:
        return f"{self.config_name}/{self.unique_id}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A config entry and its name."""

    config_name: str
    config: ConfigRecord

    def key_of(self, scm_id: int) -> CertificateKey:
        """Return where the certificate with one of SCM's ids is stored."""
        return CertificateKey(self.config_name, UniqueId(f"{scm_id}_{self.config.customer_uri}"))

    def holding(self, record: CertificateRecord) -> "Held":
        return Held(self.config_name, self.config, record)


@dataclass(frozen=True, slots=True)
class Held(Entry):
    """A stored certificate with the config entry that it was ordered under."""

    record: CertificateRecord

    @property
    def key(self) -> CertificateKey:
        return CertificateKey(self.config_name, self.record.unique_id)

    def with_record(self, record: CertificateRecord) -> "Held":
        return replace(self, record=record)


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
