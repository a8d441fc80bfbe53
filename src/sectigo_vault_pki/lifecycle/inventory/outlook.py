"""One certificate without its PEM and its key: its summary, and what becomes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sectigo_vault_pki.lifecycle.answers import notice_of_deleted_renewal, remarks_on
from sectigo_vault_pki.lifecycle.domain_validations import DomainValidations
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry
from sectigo_vault_pki.lifecycle.inventory.summaries import summary_as_far_as_known, summary_of_order
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.renewal_rule import clocks_apart, hold_on_renewal, renewal_policy
from sectigo_vault_pki.lifecycle.rules.validation_rule import Lapse
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateSummary,
    ConfigRecord,
    OrderRecord,
    RefusedRenewal,
    due_from,
)

NO_ENTRY = "its config entry is deleted"
NOT_WANTED = "sectigo_auto_renew is false"
IN_PROGRESS = "its renewal is in progress"


@dataclass(frozen=True, slots=True)
class RenewalOutlook:
    """How a certificate is renewed.

    Attributes:
        due_at: when it becomes due; None: it is not renewed, or renewed already.
        is_automatic: whether it is renewed without anybody asking.
        held_by: why it is not renewed automatically now, or ever; empty where nothing stands in the way.
        next_try: when it is tried next after a refusal; None where no time is set.
        refused: the newest refusal, if one stands.
    """

    due_at: datetime | None = None
    is_automatic: bool = False
    held_by: str = ""
    next_try: datetime | None = None
    refused: RefusedRenewal | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """One certificate.

    Attributes:
        life_left: until its end; negative behind it; None before it is collected.
        validations: those that end before it is renewed.
    """

    summary: CertificateSummary
    life_left: timedelta | None
    renewal: RenewalOutlook
    validations: Sequence[Lapse]
    warnings: Sequence[str]


def outlook_of_order(order: OrderRecord) -> Outlook:
    """Return what is known of an order that SCM has not named."""
    return Outlook(summary_of_order(order), life_left=None, renewal=RenewalOutlook(), validations=(), warnings=())


async def outlook_of(
    resources: Resources, domains: DomainValidations, key: CertificateKey, record: CertificateRecord
) -> Outlook:
    """Return what is known of a stored certificate; SCM is asked nothing."""
    now = resources.clock.now()
    config = await resources.repository.config(key.config_name)
    _, lapses = await domains.lapses_before_renewal(key.config_name, record)
    return Outlook(
        summary=summary_as_far_as_known(record),
        life_left=None if record.current is None else record.current.not_after - now,
        renewal=_renewal_of(resources, key, config, record),
        validations=lapses,
        warnings=(*remarks_on(record, now), *await _of_deleted_renewal(resources, key, record)),
    )


async def _of_deleted_renewal(resources: Resources, key: CertificateKey, record: CertificateRecord) -> Sequence[str]:
    if record.renewed_to is None or record.revoked_at is not None:
        return ()
    renewal = await resources.repository.certificate_once(key.config_name, record.renewed_to)
    return () if renewal is not None else (notice_of_deleted_renewal(key, record),)


def _renewal_of(
    resources: Resources, key: CertificateKey, config: ConfigRecord | None, record: CertificateRecord
) -> RenewalOutlook:
    current, refused, now = record.current, record.refused_renewal, resources.clock.now()
    if current is None or not record.is_in_use:
        return RenewalOutlook()
    if config is None:
        return RenewalOutlook(held_by=NO_ENTRY)
    policy = renewal_policy(record.requested.waiting, config.defaults)
    due_at = due_from(current, policy.expiry_window)
    if not policy.auto_renew:
        return RenewalOutlook(due_at, held_by=NOT_WANTED, refused=refused)
    hold = hold_on_renewal(record, now)
    if hold is not None:
        return RenewalOutlook(due_at, hold.until is not None, hold.reason, hold.until, refused)
    if record.successor is not None or record.submitting is not None:
        return RenewalOutlook(due_at, is_automatic=True, held_by=IN_PROGRESS, refused=refused)
    held_by, until = _held_account(resources, Entry(key.config_name, config))
    return RenewalOutlook(due_at, is_automatic=True, held_by=held_by, next_try=until, refused=refused)


def _held_account(resources: Resources, entry: Entry) -> tuple[str, datetime | None]:
    """Return why nothing of a config entry is renewed automatically now; as a look, it takes nobody's turn to try."""
    clients, config = resources.clients, entry.config
    if config.suspend_renewals:
        return f"sectigo_suspend_renewals of config entry {entry.config_name} is true", None
    if (until := clients.login_refused_until(config)) is not None:
        return f"SCM refused the login of config entry {entry.config_name}", until
    apart = clocks_apart(clients.clock_difference(config))
    return "" if apart is None else apart.reason, None
