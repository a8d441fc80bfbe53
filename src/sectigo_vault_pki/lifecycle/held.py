"""A certificate in hand, with its config entry."""

from dataclasses import dataclass, replace
from typing import NamedTuple

from pydantic import SecretStr

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.scm import CertificateLogin, Login, OAuth2Login, PasswordLogin, ScmAccount
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
        login=login_of(config),
        customer_uri=config.customer_uri,
        org_id=config.org_id,
        ca_bundle_pem=config.ca_bundle,
        api_version=config.api_version,
        request_timeout=DEFAULT_REQUEST_TIMEOUT if config.request_timeout is None else config.request_timeout,
    )


def login_of(config: ConfigRecord) -> Login:
    """Return how a config entry logs in.

    Raises:
        InvalidInputError: the entry has no such login, or one that no request can carry.
    """
    match config:
        case ConfigRecord(auth="oauth2", client_id=str(client_id), client_secret=SecretStr() as secret):
            return OAuth2Login(client_id, secret, config.token_url)
        case ConfigRecord(auth="certificate", client_certificate=str(pem), client_key=SecretStr() as key):
            return CertificateLogin(config.login, pem, key)
        case ConfigRecord(auth=None | "password", password=SecretStr() as password):
            return PasswordLogin(config.login, password)
    raise InvalidInputError("the config entry has no login: write it again")
