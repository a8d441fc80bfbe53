"""What is stored, for whoever looks at it: lists, summaries, certificates by their serial numbers."""

from collections.abc import Sequence
from datetime import timedelta

from sectigo_vault_pki.lifecycle.domain_validations import DomainValidations
from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.inventory.outlook import Outlook, outlook_of, outlook_of_order
from sectigo_vault_pki.lifecycle.inventory.stored import (
    CertificateWithSerial,
    find_by_serial,
    order_or_id,
    unique_ids,
)
from sectigo_vault_pki.lifecycle.inventory.summaries import (
    Filter,
    SummaryPage,
    certificates_page,
    ending_within,
    serials_page,
)
from sectigo_vault_pki.lifecycle.recent_events import KEPT_FOR
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.steps import Steps
from sectigo_vault_pki.store import Ending, Event, OrderRecord


class Inventory:
    """Looks at what one mount stores; nothing is called, written or renewed."""

    def __init__(self, resources: Resources, steps: Steps, domains: DomainValidations) -> None:
        self._resources = resources
        self._steps = steps
        self._domains = domains

    async def unique_ids(self, config_name: str, *, after: str = "", limit: int = 0) -> Sequence[str]:
        """Return the next ids of what is stored under a config entry; see `stored.unique_ids`."""
        return await unique_ids(self._resources, config_name, after=after, limit=limit)

    async def serial_numbers(self, *, after: str = "", limit: int = 0) -> Sequence[str]:
        """Return the next serial numbers of all certificates as colon hex, replaced ones among them."""
        return await self._resources.repository.serial_numbers_page(after=after, limit=max(limit, 0))

    async def revoked_serial_numbers(self, *, after: str = "", limit: int = 0) -> Sequence[str]:
        """Return the next serial numbers of the revoked certificates as colon hex, replaced ones among them."""
        return await self._resources.repository.revoked_serial_numbers_page(after=after, limit=max(limit, 0))

    async def by_serial(self, serial_number: str) -> CertificateWithSerial:
        """Return the certificate with a serial number; see `stored.find_by_serial`."""
        return await find_by_serial(self._resources, serial_number)

    async def outlook(self, config_name: str, unique_id: str) -> Outlook:
        """Return what is known of a certificate or an order, without PEM and key; SCM is asked nothing.

        Raises:
            UnknownCertificateError: nothing is stored under that id.
        """
        stored = await order_or_id(self._resources, config_name, unique_id)
        if isinstance(stored, OrderRecord):
            return outlook_of_order(stored)
        record = await self._steps.stored(config_name, stored)
        return await outlook_of(self._resources, self._domains, CertificateKey(config_name, record.unique_id), record)

    async def certificates_page(self, config_name: str, wanted: Filter, *, after: str, limit: int) -> SummaryPage:
        """Return some of a config entry's certificates; see `summaries.certificates_page`."""
        return await certificates_page(self._resources, config_name, wanted, after=after, limit=limit)

    async def serials_page(self, *, after: str, limit: int) -> SummaryPage:
        """Return some certificates by their serial numbers; see `summaries.serials_page`."""
        return await serials_page(self._resources, after=after, limit=limit)

    async def ending_within(self, window: timedelta, *, after: Ending | None, limit: int) -> SummaryPage:
        """Return some of the certificates that end soon; see `summaries.ending_within`."""
        return await ending_within(self._resources, window, after=after, limit=limit)

    async def events_since(self, window: timedelta) -> Sequence[Event]:
        """Return what happened within a time, newest first; see `RecentEvents.since`."""
        now = self._resources.clock.now()
        return await self._resources.recent.since(now - min(window, KEPT_FOR))
