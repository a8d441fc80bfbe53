"""What somebody should look at among stored certificates, orders and roles, in words. Pure functions."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sectigo_vault_pki.lifecycle.answers import NOTHING_BOUGHT, hold_to_tell, order_id, remarks_on
from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.rules.renewal_rule import Hold, renewal_policy
from sectigo_vault_pki.lifecycle.rules.role_rules import guard_warnings
from sectigo_vault_pki.store import CertificateRecord, ConfigRecord, RoleRecord, UniqueId

Records: TypeAlias = Mapping[tuple[str, ...], CertificateRecord]
"""Certificates by their config entries' names and their ids."""


@dataclass(frozen=True, slots=True)
class HeldRenewal:
    """A certificate that is not renewed automatically, though its entry or itself wants that; and why."""

    key: CertificateKey
    hold: Hold


def held_renewals(records: Records, configs: Mapping[str, ConfigRecord], now: datetime) -> Iterator[HeldRenewal]:
    """Yield the certificates that somebody wants renewed, and whose renewal is held."""
    for (config_name, unique_id), record in records.items():
        config = configs.get(config_name)
        if config is None or not record.is_in_use:
            continue
        if not renewal_policy(record.requested.waiting, config.defaults).auto_renew:
            continue
        if (hold := hold_to_tell(record, now)) is not None:
            yield HeldRenewal(CertificateKey(config_name, UniqueId(unique_id)), hold)


def notices_of_deleted_entries(deleted: Mapping[str, int]) -> Iterator[str]:
    """Yield the config entries that are deleted, and under which certificates are stored."""
    yield from (
        f"config entry {name} is deleted: its certificates ({number}) are not renewed until the entry is written again"
        for name, number in deleted.items()
    )


def notices_of_orders(not_booked: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield what is to be said of orders that SCM certainly does not have."""
    yield from (f"{config_name}/{order_id(order_uuid)}: {NOTHING_BOUGHT}" for config_name, order_uuid in not_booked)


def notices_of_roles(roles: Mapping[tuple[str, ...], RoleRecord]) -> Iterator[str]:
    """Yield what roles lack that would limit their orders."""
    for (name,), role in roles.items():
        yield from (f"role {name}: {warning}" for warning in guard_warnings(role))


def notices_of_certificates(records: Records, now: datetime) -> Iterator[str]:
    """Yield what reads of the certificates would warn of."""
    for (config_name, unique_id), record in records.items():
        yield from (f"{config_name}/{unique_id}: {remark}" for remark in remarks_on(record, now))


def notices_of_renewals(records: Records) -> Iterator[str]:
    """Yield the renewals that SCM accepted and does not deliver."""
    for (config_name, unique_id), record in records.items():
        renewal = records.get((config_name, record.successor or ""))
        if renewal is not None and renewal.order is not None and renewal.order.in_trouble and renewal.history:
            reason = renewal.history[-1].description or ""
            yield f"{config_name}/{unique_id}: its renewal {renewal.unique_id} could not be collected: {reason}"
