"""What the background work looks at: certificates that the agenda names, and write-ahead entries."""

from dataclasses import dataclass
from datetime import datetime

from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.rules.policy import Step
from sectigo_vault_pki.store import AgendaEntry, ConfigRecord


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """A write-ahead entry that an earlier process, or a lost answer, has left."""

    key: str
    config_name: str
    order_uuid: str

    @property
    def name(self) -> str:
        return f"{self.config_name}/order-{self.order_uuid}"


@dataclass(frozen=True, slots=True)
class DueCertificate:
    """A certificate that the agenda names."""

    entry: AgendaEntry

    @property
    def key(self) -> str:
        return self.entry.key

    @property
    def config_name(self) -> str:
        return self.entry.config_name

    @property
    def certificate(self) -> CertificateKey:
        return CertificateKey(self.entry.config_name, self.entry.unique_id)

    @property
    def name(self) -> str:
        return str(self.certificate)


Item = OpenOrder | DueCertificate


@dataclass(frozen=True, slots=True)
class Task:
    """Something that SCM is to be asked for.

    Attributes:
        expires_at: of a certificate to renew; None: it is another step.
    """

    item: Item
    config: ConfigRecord
    step: Step
    expires_at: datetime | None = None
