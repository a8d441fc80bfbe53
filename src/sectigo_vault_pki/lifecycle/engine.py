"""The certificate's life, for the paths: the one place where requests meet tasks, storage and SCM."""

import asyncio
import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from contextvars import Context

from sectigo_vault_pki.errors import ConflictError, InvalidInputError
from sectigo_vault_pki.lifecycle.accepting import Acceptor
from sectigo_vault_pki.lifecycle.accounts.order_limits import OrderLimits
from sectigo_vault_pki.lifecycle.answers import (
    ORDER_ID_PREFIX,
    Answer,
    CertificateAnswer,
    with_notice_on_window,
    with_remarks,
)
from sectigo_vault_pki.lifecycle.collect.collector import Collector
from sectigo_vault_pki.lifecycle.enrolling import Admission, Enroller
from sectigo_vault_pki.lifecycle.inventory.exporting import StoredVersion, version_of
from sectigo_vault_pki.lifecycle.inventory.listing import Lister
from sectigo_vault_pki.lifecycle.inventory.report import EngineStatus, account_statuses, count_pending, take_stock
from sectigo_vault_pki.lifecycle.operations import Operations, config_or_error, waiting_of
from sectigo_vault_pki.lifecycle.orders.enrolment import EnrolmentRequest
from sectigo_vault_pki.lifecycle.orders.fetching import Fetcher
from sectigo_vault_pki.lifecycle.orders.idempotency import Repetitions
from sectigo_vault_pki.lifecycle.orders.journal import WriteAhead
from sectigo_vault_pki.lifecycle.orders.renewal import RenewalRequest, Renewer
from sectigo_vault_pki.lifecycle.orders.replacement import ReplacementRequest, Replacer
from sectigo_vault_pki.lifecycle.orders.revocation import Revoker
from sectigo_vault_pki.lifecycle.orders.successors import Successors
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.resuming import Resumer
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.settling import Orderers, Settler
from sectigo_vault_pki.lifecycle.steps import UNIQUE_ID, Reader
from sectigo_vault_pki.lifecycle.submission import Submitter
from sectigo_vault_pki.lifecycle.unnamed import UnnamedOrders
from sectigo_vault_pki.lifecycle.upkeep.background import Background
from sectigo_vault_pki.lifecycle.upkeep.due_work import DueWork
from sectigo_vault_pki.pki import CertificateChain, Pkcs12Protection, PrivateKey
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
    ConfigRecord,
    OrderRecord,
    RequestedFields,
    UniqueId,
    WaitingAndRenewal,
)

_ORDER_ID = re.compile(ORDER_ID_PREFIX + r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII)


class Engine:
    """Enrols, renews, replaces, revokes, fetches, answers, lists and forgets the certificates of one mount."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._collector = Collector(resources)
        self._limits = limits = OrderLimits(resources.repository, resources.locks, resources.tasks)
        write_ahead, acceptor, successors = WriteAhead(resources), Acceptor(resources), Successors(resources)
        self._write_ahead = write_ahead
        self._submitter = Submitter(resources, write_ahead, acceptor, limits)
        renewer = Renewer(resources, write_ahead, acceptor, limits, successors)
        replacer = Replacer(resources, write_ahead, limits)
        revoker = Revoker(resources, write_ahead)
        orderers = Orderers(self._submitter, renewer, replacer, revoker)
        self._settler = Settler(resources, write_ahead, acceptor, orderers, successors)
        self._operations = Operations(
            resources,
            collector=self._collector,
            settler=self._settler,
            renewer=renewer,
            replacer=replacer,
            revoker=revoker,
            fetcher=Fetcher(resources),
        )
        self._reader = Reader(resources, self._collector, self._settler, self._operations)
        self._resumer = Resumer(resources, self._settler, write_ahead, self._is_under_way)
        work = DueWork(
            resources,
            collector=self._collector,
            operations=self._operations,
            reader=self._reader,
            resumer=self._resumer,
        )
        self._background = Background(resources, work, self._reader)
        self._repetitions = Repetitions(resources)
        self._enroller = Enroller(resources, self._submitter, self._collector, self._repetitions)
        self._lister = Lister(resources)
        self._unnamed = UnnamedOrders(
            resources,
            enroller=self._enroller,
            operations=self._operations,
            reader=self._reader,
            repetitions=self._repetitions,
            settler=self._settler,
            write_ahead=write_ahead,
        )

    def resume(self) -> None:
        """Begin to carry on what an earlier process left open; it goes on by itself."""
        self._resources.tasks.join("resume", self._background.resume, name="resume", context=Context())

    def tick(self) -> None:
        """Begin what is due in the background, unless the run of an earlier tick still goes on."""
        self._resources.tasks.join("background", self._background.run, name="background", context=Context())

    async def status(self) -> EngineStatus:
        """Report how the engine stands; asks storage, and never SCM."""
        resources = self._resources
        return EngineStatus(
            stock=await take_stock(resources, self._settler.is_not_booked),
            pending=await count_pending(resources),
            run=self._background.last_run,
            accounts=await account_statuses(resources, self._limits),
        )

    async def certificate_type(self, config_name: str) -> CertificateType:
        """Return what a config entry orders.

        Raises:
            UnknownConfigError: there is no such entry.
        """
        return (await self._config(config_name)).certificate_type

    async def enroll(
        self,
        config_name: str,
        request: EnrolmentRequest,
        *,
        time_limit: float | None,
        admission: Admission = nullcontext,
    ) -> Answer:
        """Order a certificate, and wait for it as long as the caller may wait.

        The order is a task of its own: it goes on when the caller is answered or gone.

        Args:
            config_name: the config entry to order under.
            request: what is wished.
            time_limit: seconds left of the host's deadline, or None where it sent none.
            admission: for a new order.

        Raises:
            UnknownConfigError, InvalidInputError, ConflictError: nothing was stored or sent.
            ScmRefusedError, ScmUnavailableError: SCM took nothing, and nothing stays stored.
        """
        config = await self._config(config_name)
        if config.certificate_type is not request.certificate_type:
            raise InvalidInputError(f'config entry "{config_name}" is for {config.certificate_type} certificates')
        answer = await self._enroller.enroll(
            config_name,
            config,
            request,
            time_limit=time_limit,
            admission=admission,
            reread=lambda unique_id, wish: self.read(config_name, unique_id, wish, time_limit=time_limit),
        )
        return self._remarked(with_notice_on_window(answer, request.requested, config.defaults))

    async def read(
        self, config_name: str, unique_id: str, wish: WaitingAndRenewal, *, time_limit: float | None
    ) -> Answer:
        """Answer a certificate as it stands, after whatever is due: settling, collecting, renewing.

        Args:
            config_name: the config entry it was ordered under, which may have been deleted since.
            unique_id: its id, or `order-<uuid>`.
            wish: what this read itself says; only its own `max_timeout` makes it wait for a pending certificate.
            time_limit: seconds left of the host's deadline, or None where it sent none.

        Raises:
            UnknownCertificateError: nothing is stored under that id.
            StandbyError: something would have to be asked or written, and this node must not.
        """
        if match := _ORDER_ID.fullmatch(unique_id):
            return self._remarked(await self._unnamed.read(config_name, match[1], wish, time_limit=time_limit))
        return self._remarked(await self._reader.read(config_name, unique_id, wish, time_limit=time_limit))

    async def renew(
        self,
        config_name: str,
        unique_id: str,
        request: RenewalRequest,
        *,
        time_limit: float | None,
    ) -> Answer:
        """Renew a certificate now; see `Operations.renew`."""
        record, config = await self._stored_with_config(config_name, unique_id)
        if config.certificate_type is CertificateType.CLIENT and not request.keeps_key:
            raise InvalidInputError("SCM renews client certificates with the key they have: replace it for another key")
        waiting = waiting_of(request.flags, record, config)
        answer = await self._operations.renew(
            config_name, config, record.unique_id, request, waiting, time_limit=time_limit
        )
        return self._remarked(answer)

    async def replace(
        self,
        config_name: str,
        unique_id: str,
        request: ReplacementRequest,
        *,
        time_limit: float | None,
    ) -> Answer:
        """Replace a certificate under its id; see `Operations.replace`."""
        record, config = await self._stored_with_config(config_name, unique_id)
        waiting = waiting_of(request.flags, record, config)
        answer = await self._operations.replace(
            config_name, config, record.unique_id, request, waiting, time_limit=time_limit
        )
        return self._remarked(answer)

    async def revoke(
        self, config_name: str, unique_id: str, reason: str, *, time_limit: float | None
    ) -> CertificateAnswer:
        """Revoke a certificate; see `Operations.revoke`."""
        record, config = await self._stored_with_config(config_name, unique_id)
        return await self._operations.revoke(config_name, config, record.unique_id, reason, time_limit=time_limit)

    async def fetch(
        self,
        config_name: str,
        scm_id: int,
        *,
        key: PrivateKey | None,
        requested: RequestedFields,
        time_limit: float | None,
    ) -> Answer:
        """Answer a certificate of SCM's: the stored one exactly as a read does, another after bringing it in.

        A pending one is waited for as an enrolment is.

        Raises:
            KeyMismatchError: the given key is another certificate's.
            ScmRefusedError, ScmUnavailableError: nothing was stored.
        """
        config = await self._config(config_name)
        unique_id = UniqueId(f"{scm_id}_{config.customer_uri}")
        stored = await self._resources.repository.certificate(config_name, unique_id)
        if stored is not None:
            if key is not None:
                await self._operations.give_key(config_name, stored, key)
            await self.change_flags(config_name, unique_id, requested.waiting)
            return await self.read(config_name, unique_id, requested.waiting, time_limit=time_limit)
        began = asyncio.get_running_loop().time()
        answer = await self._operations.fetch(
            config_name, config, scm_id, key=key, requested=requested, time_limit=time_limit
        )
        waiting = policy.waiting(requested.waiting, config.defaults)
        if answer.record.order is None or not waiting.max_timeout:
            return self._remarked(answer)
        wish = requested.waiting.model_copy(update={"max_timeout": waiting.max_timeout})
        left = None if time_limit is None else time_limit - (asyncio.get_running_loop().time() - began)
        return await self.read(config_name, unique_id, wish, time_limit=left)

    async def change_flags(
        self, config_name: str, unique_id: str, said: WaitingAndRenewal, cleared: AbstractSet[str] = frozenset()
    ) -> CertificateRecord:
        """Store waiting and renewal fields with a certificate, for later reads and the background; nothing is called.

        Args:
            config_name: the config entry it was ordered under.
            unique_id: its id.
            said: the fields to store.
            cleared: names of those to remove, so that the entry's values hold again.

        Raises:
            UnknownCertificateError: nothing is stored under that id.
            ConflictError: it is the id of an order that is not settled.
        """
        record = await self._settled(config_name, unique_id)
        if said == WaitingAndRenewal() and not cleared:
            return record
        await self._resources.repository.must_be_ours()
        change = await self._resources.change(
            config_name, record.unique_id, lambda stored: stored.with_flags(said, cleared)
        )
        return change or record

    async def scm_id(self, config_name: str, text: str) -> int:
        """Return SCM's id in an id of SCM's or a unique id.

        Raises:
            UnknownConfigError: there is no such config entry.
            InvalidInputError: it is no id of the entry's customer.
        """
        config = await self._config(config_name)
        number = text.removesuffix(f"_{config.customer_uri}")
        if not re.fullmatch(r"[0-9]{1,15}", number, re.ASCII):
            raise InvalidInputError("cert_id must be SCM's id of the certificate, or <id>_<customer_uri>")
        return int(number)

    async def unique_ids(self, config_name: str) -> Sequence[str]:
        """Return the ids of what is stored under a config entry, orders without an id of SCM's among them."""
        return await self._lister.unique_ids(config_name)

    async def key_answered(self, config_name: str, record: CertificateRecord) -> None:
        """Let go of a private key that an answer carries, where it was kept for no more than one."""
        if record.holds_key_to_release:
            await self._resources.change(config_name, record.unique_id, lambda stored: stored.with_keys_released())

    async def export(self, config_name: str, unique_id: str, version: int) -> StoredVersion:
        """Return a certificate as it is stored: nothing is due for that, and SCM is asked nothing.

        Args:
            config_name: the config entry it was ordered under, which may have been deleted since.
            unique_id: its id.
            version: 0 for the current one, 1 for the one before its replacement, and so on.

        Raises:
            UnknownCertificateError: nothing is stored under that id.
            ConflictError: nothing has been collected yet, or it is an order's id.
            InvalidInputError: so many versions are not kept.
            StandbyError: its private key goes with the answer, and this node must not write.
        """
        record = await self._settled(config_name, unique_id)
        if record.holds_key_to_release:
            await self._resources.must_write()
        return version_of(record, version, config_name)

    async def pkcs12(self, chain: CertificateChain, stored_key_pem: str, protection: Pkcs12Protection) -> bytes:
        """Write a PKCS#12 file, in a thread; see `pki.pkcs12_file`."""
        return await self._resources.make_pkcs12(chain, stored_key_pem, protection)

    async def forget(self, config_name: str, unique_id: str, *, force: bool) -> None:
        """Remove a certificate, with its key and history, from storage; nothing happens at SCM.

        Raises:
            ConflictError: SCM may have taken an order for it and `force` is not set, or it is being sent.
        """
        if match := _ORDER_ID.fullmatch(unique_id):
            await self._unnamed.forget(config_name, match[1], force=force)
            return
        if not UNIQUE_ID.fullmatch(unique_id):
            return
        repository = self._resources.repository
        if self._operations.under_way(config_name, UniqueId(unique_id)):
            raise ConflictError("something is being asked of SCM for this certificate right now; try again in a moment")
        record = await repository.certificate(config_name, UniqueId(unique_id))
        if record is not None and record.order_uuid is not None:
            # A write-ahead entry that a crash left behind the deletion would bring the certificate back.
            await self._submitter.hand_over(config_name, record.order_uuid, record.unique_id)
        async with self._resources.locks.hold("certificate", config_name, unique_id):
            record = await repository.certificate(config_name, UniqueId(unique_id))
            if record is not None and record.submitting is not None and not force:
                raise ConflictError(
                    "SCM may have taken an order for this certificate, whose private key goes with it; read it to find "
                    "out, or delete it with sectigo_force=true"
                )
            await repository.delete_certificate(config_name, UniqueId(unique_id), before=record)
        if record is None:
            return
        if record.submitting is not None:
            await self._write_ahead.remove(config_name, record.submitting)
        for order_uuid in filter(None, (record.order_uuid, *record.aliases)):
            await repository.delete_certificate_of_order(config_name, order_uuid)
        await self._repetitions.release(config_name, record.request_id, record.order_uuid)

    def _remarked(self, answer: Answer) -> Answer:
        return with_remarks(answer, self._resources.clock.now())

    def _is_under_way(self, config_name: str, order: OrderRecord) -> bool:
        if order.unique_id is not None:
            return self._operations.under_way(config_name, order.unique_id)
        return self._enroller.is_under_way(config_name, order.uuid)

    async def _config(self, config_name: str) -> ConfigRecord:
        return config_or_error(await self._resources.repository.config(config_name), config_name)

    async def _stored_with_config(self, config_name: str, unique_id: str) -> tuple[CertificateRecord, ConfigRecord]:
        config = await self._config(config_name)
        return await self._settled(config_name, unique_id), config

    async def _settled(self, config_name: str, unique_id: str) -> CertificateRecord:
        if _ORDER_ID.fullmatch(unique_id):
            raise ConflictError("the order is not settled yet: read it first, and use the id that the answer names")
        return await self._reader.stored(config_name, unique_id)
