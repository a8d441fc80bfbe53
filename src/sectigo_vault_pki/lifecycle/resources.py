"""What the parts of the engine share: one set for each backend, owned by the engine."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from secrets import SystemRandom

from sectigo_vault_pki.clock import Clock
from sectigo_vault_pki.errors import StandbyError, UnknownConfigError
from sectigo_vault_pki.lifecycle.accounts import ScmClients
from sectigo_vault_pki.lifecycle.event_log import EventLog
from sectigo_vault_pki.lifecycle.held import CertificateKey, Entry
from sectigo_vault_pki.lifecycle.recent_events import RecentEvents
from sectigo_vault_pki.lifecycle.rules.evidence import Change
from sectigo_vault_pki.lifecycle.rules.profile_rules import KeptOffers
from sectigo_vault_pki.lifecycle.tasks import NamedLocks, OwnedTasks
from sectigo_vault_pki.pki import CertificateChain, KeyParameters, Pkcs12Protection, PrivateKey, pkcs12_file
from sectigo_vault_pki.store import AgendaEntry, CertificateRecord, Repository, agenda_keys

_log = logging.getLogger(__name__)

STORING_GRACE = 0.3
"""Seconds for which the end waits for the events to be stored, of the host's 2 s."""


def key_threads() -> Executor:
    """Return threads for making keys, as many as cores: `cryptography` releases the GIL meanwhile (design.md 2)."""
    return ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="key")


def default_jitter() -> float:
    """Draw from 1 to 6 seconds."""
    return SystemRandom().uniform(1.0, 6.0)


@dataclass(slots=True)
class Resources:
    """Storage, time, SCM and tasks of one backend.

    Attributes:
        is_read_only: asks whether this node must leave writing and SCM to another one.
        executor: runs what would hold up the event loop.
        renewals: one lock for each certificate of SCM's, shared with the other mounts of the process.
        jitter: draws the seconds between a tick of the host's and its run, so that mounts do not ask SCM together.
        offers: what SCM told of its profiles, by config entry; `offers.py` keeps it.
        recent: what happened lately.
        log: is told what happens.
    """

    repository: Repository
    clock: Clock
    clients: ScmClients
    is_read_only: Callable[[], Awaitable[bool]]
    executor: Executor
    jitter: Callable[[], float] = default_jitter
    tasks: OwnedTasks = field(default_factory=OwnedTasks)
    locks: NamedLocks = field(default_factory=NamedLocks)
    renewals: NamedLocks = field(default_factory=NamedLocks)
    offers: dict[str, KeptOffers] = field(default_factory=dict)
    recent: RecentEvents = field(init=False)
    log: EventLog = field(init=False)

    def __post_init__(self) -> None:
        self.recent = RecentEvents(self.repository, self.clock)
        self.log = EventLog(self.recent.note)

    async def must_write(self) -> None:
        """Make sure that this node may write and call SCM.

        Raises:
            StandbyError: it may not; nothing has happened yet.
        """
        if await self.is_read_only():
            raise StandbyError

    async def entry(self, config_name: str) -> Entry:
        """Return a config entry.

        Raises:
            UnknownConfigError: there is no such entry.
        """
        config = await self.repository.config(config_name)
        if config is None:
            raise UnknownConfigError(config_name)
        return Entry(config_name, config)

    async def make_key(self, parameters: KeyParameters) -> PrivateKey:
        return await asyncio.get_running_loop().run_in_executor(self.executor, PrivateKey.generate, parameters)

    async def make_pkcs12(self, chain: CertificateChain, stored_key_pem: str, protection: Pkcs12Protection) -> bytes:
        return await asyncio.get_running_loop().run_in_executor(
            self.executor, pkcs12_file, chain, stored_key_pem, protection
        )

    async def change(
        self, key: CertificateKey, change: Change, *, requested_by: str | None = None
    ) -> CertificateRecord | None:
        """Apply a change to the record as it is now, and store and log it if that made a difference.

        Args:
            key: the certificate's.
            change: what is to become of the record.
            requested_by: who has it changed; None: who asked for the certificate.

        Returns:
            The record after the change; None where it has been deleted.
        """
        return await self.tasks.finish(self._change(key, change, requested_by))

    async def _change(self, key: CertificateKey, change: Change, requested_by: str | None) -> CertificateRecord | None:
        async with self.locks.hold("certificate", *key):
            record = await self.repository.certificate(*key)
            if record is None:
                return None
            changed = change(record)
            if changed != record:
                await self.repository.put_certificate(key.config_name, changed, before=record)
                self.log.change(key.config_name, record, changed, requested_by)
            return changed

    async def complete_index(self, key: CertificateKey, *, doubted: AgendaEntry | None = None) -> None:
        """Write every index entry of a certificate, then delete one of the agenda's that does not belong to it."""
        async with self.locks.hold("certificate", *key):
            record = await self.repository.certificate_once(*key)
            if record is not None:
                await self.repository.put_index_entries(key.config_name, record)
            if doubted is not None and (record is None or doubted.key not in agenda_keys(key.config_name, record)):
                await self.repository.drop_from_agenda(doubted)

    async def _store_recent_events(self) -> None:
        """Store them while the host waits; a storage that does not answer any more keeps nobody."""
        try:
            async with asyncio.timeout(STORING_GRACE):
                if not await self.is_read_only():
                    await self.recent.store()
        except TimeoutError:
            _log.warning("recent events could not be stored in time")

    async def aclose(self) -> None:
        """End the waiting, finish the writes, close the connections."""
        await self.tasks.aclose()
        await self._store_recent_events()
        await self.clients.aclose()
        self.executor.shutdown(wait=False, cancel_futures=True)
