"""The certificate's life, for the paths: what can be asked of one mount's engine."""

import asyncio
import re
from collections.abc import Set as AbstractSet
from contextlib import nullcontext
from contextvars import Context

from sectigo_vault_pki.errors import ConflictError, InvalidInputError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.account_check import AccountCheck, check_account
from sectigo_vault_pki.lifecycle.answers import Answer, with_notice_on_window, with_remarks
from sectigo_vault_pki.lifecycle.collect.collector import Collector
from sectigo_vault_pki.lifecycle.collect.instructions import with_instructions
from sectigo_vault_pki.lifecycle.deletion import Deletion
from sectigo_vault_pki.lifecycle.domain_validations import DomainList, DomainValidations
from sectigo_vault_pki.lifecycle.held import CertificateKey, Held
from sectigo_vault_pki.lifecycle.inventory.inventory import Inventory
from sectigo_vault_pki.lifecycle.inventory.report import EngineStatus, Measures, Reports
from sectigo_vault_pki.lifecycle.inventory.stored import (
    CertificateWithSerial,
    StoredVersion,
    order_or_id,
    revoke_by_serial,
    version_of,
)
from sectigo_vault_pki.lifecycle.journal import Journal
from sectigo_vault_pki.lifecycle.newest_chains import NewestChains
from sectigo_vault_pki.lifecycle.orders.enrolment import EnrolmentRequest
from sectigo_vault_pki.lifecycle.orders.fetching import FetchRequest, fetch, give_key
from sectigo_vault_pki.lifecycle.orders.idempotency import Admission, Enrolments
from sectigo_vault_pki.lifecycle.orders.operation import check_validates_no_domain
from sectigo_vault_pki.lifecycle.orders.order_checks import if_offered, remarks_on_term
from sectigo_vault_pki.lifecycle.orders.renewal import RENEWAL, RenewalRequest
from sectigo_vault_pki.lifecycle.orders.replacement import (
    REPLACEMENT,
    ReplacementRequest,
    check_scm_replaces,
    of_replacement,
)
from sectigo_vault_pki.lifecycle.orders.revocation import REVOCATION, RevocationRequest
from sectigo_vault_pki.lifecycle.orders.runner import Runner
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.roles.issuing import Issuer
from sectigo_vault_pki.lifecycle.roles.role_entries import Roles
from sectigo_vault_pki.lifecycle.rules import policy
from sectigo_vault_pki.lifecycle.steps import ORDER_ID, Caller, Steps, waiting_of
from sectigo_vault_pki.lifecycle.sync.actions import Tools
from sectigo_vault_pki.lifecycle.sync.runs import SyncRuns
from sectigo_vault_pki.lifecycle.tidy.runs import TidyRuns
from sectigo_vault_pki.lifecycle.tidy.tools import Tools as TidyTools
from sectigo_vault_pki.lifecycle.upkeep.upkeep import Upkeep
from sectigo_vault_pki.pki import CertificateChain, GivenCertificate, Pkcs12Protection
from sectigo_vault_pki.scm import DomainDetails
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
    NewestChain,
    OrderRecord,
    WaitingAndRenewal,
)


class Engine:
    """Enrols, renews, replaces, revokes, fetches, answers, lists and deletes the certificates of one mount.

    Attributes:
        roles: what may be ordered, by name.
        issuer: issues under them.
        inventory: what is stored, for whoever looks at it.
        sync: compares config entries with SCM.
        tidy: deletes what nobody asks for any more.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        journal = Journal(resources)
        self._chains = NewestChains(resources)
        self._collector = Collector(resources, journal, self._chains)
        self._runner = Runner(resources, self._collector, journal)
        self._enrolments = Enrolments(resources, self._runner, self._collector, journal)
        self._steps = Steps(resources, journal, self._collector, self._runner, self._enrolments)
        self._deletion = Deletion(resources, self._runner, journal, self._enrolments)
        self._domains = DomainValidations(resources)
        self._upkeep = Upkeep(resources, self._steps, self._domains, self._is_busy)
        self.roles = Roles(resources)
        self._reports = Reports(resources, self._runner.is_not_booked, self._domains.warnings_for)
        self.inventory = Inventory(resources, self._steps, self._domains)
        self.sync = SyncRuns(Tools(resources, self._steps, journal, self._chains))
        self.tidy = TidyRuns(TidyTools(resources, self._runner, self._enrolments, self._deletion))
        self.issuer = Issuer(resources, self.roles, self._enrolments, self._steps)

    def resume(self) -> None:
        """Begin to carry on what an earlier process left open; it goes on in the background."""
        self._resources.tasks.join("resume", self._upkeep.resume, name="resume", context=Context())

    def tick(self) -> None:
        """Begin what is due in the background, unless the run of an earlier tick still goes on."""
        self._resources.tasks.join("background", self._upkeep.run, name="background", context=Context())
        self._resources.tasks.join("sync", self.sync.resume, name="sync", context=Context())
        self._resources.tasks.join("auto-tidy", self.tidy.run_if_due, name="auto-tidy", context=Context())

    async def status(self) -> EngineStatus:
        """Report how the engine stands; asks storage, and never SCM."""
        return await self._reports.status(self._upkeep.last_run)

    async def measures(self) -> Measures:
        """Return numbers for monitoring; asks storage, and never SCM."""
        return await self._reports.measures(self._upkeep.last_run)

    async def certificate_type(self, config_name: str) -> CertificateType:
        """Return what a config entry orders.

        Raises:
            UnknownConfigError: there is no such entry.
        """
        return (await self._resources.entry(config_name)).config.certificate_type

    async def check_account(self, config_name: str) -> AccountCheck:
        """Try an entry's login at SCM; see `account_check.check_account`."""
        return await check_account(self._resources, await self._resources.entry(config_name))

    async def domains(self, config_name: str) -> DomainList:
        """Return the domains that an entry's login sees at SCM; see `DomainValidations.listed`."""
        return await self._domains.listed(await self._resources.entry(config_name))

    async def domain(self, config_name: str, domain: str) -> DomainDetails:
        """Return what SCM says of one domain; see `DomainValidations.details`."""
        return await self._domains.details(await self._resources.entry(config_name), domain)

    # Operations.

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
            request: what is asked for.
            time_limit: seconds left of the host's deadline, or None where it sent none.
            admission: for a new order.

        Raises:
            UnknownConfigError, InvalidInputError, ConflictError: nothing was stored or sent.
            OrderLimitError, StorageMovedError: nothing may be ordered.
            ScmRefusedError, ScmUnavailableError: SCM took nothing, and nothing stays stored.
        """
        entry = await self._resources.entry(config_name)
        if entry.config.certificate_type is not request.certificate_type:
            raise InvalidInputError(f'config entry "{config_name}" is for {entry.config.certificate_type} certificates')
        answer = await self._enrolments.enroll(
            entry,
            request,
            time_limit=time_limit,
            admission=if_offered(self._resources, entry, request, admission),
            reread=lambda unique_id, flags: self.read(config_name, unique_id, flags, time_limit=time_limit),
        )
        answer = with_notice_on_window(answer, request.requested, entry.config.defaults)
        return await self._completed(config_name, answer)

    async def renew(
        self, config_name: str, unique_id: str, request: RenewalRequest, *, time_limit: float | None
    ) -> Answer:
        """Renew a certificate now, or carry on its renewal in flight; answer the new one as far as it is there.

        Raises:
            ConflictError: it is renewed already, revoked or not issued.
            ScmRefusedError, ScmUnavailableError: SCM took nothing.
        """
        held = await self._held(config_name, unique_id)
        if held.config.certificate_type is CertificateType.CLIENT and not request.keeps_key:
            raise InvalidInputError("SCM renews client certificates with the key they have: replace it for another key")
        check_validates_no_domain(held, request.validation)
        waiting = waiting_of(held, request.flags)
        answer = await self._runner.run(RENEWAL, held, request, waiting, time_limit=time_limit)
        answer = answer.with_warnings(*remarks_on_term(self._resources, held, answer.record))
        return await self._completed(config_name, answer)

    async def replace(
        self, config_name: str, unique_id: str, request: ReplacementRequest, *, time_limit: float | None
    ) -> Answer:
        """Replace a certificate under its id; answer the new one, or the replacement in flight.

        Raises:
            ConflictError: there is nothing that can be replaced now.
            InvalidInputError, ScmRefusedError, ScmUnavailableError: SCM took nothing.
        """
        held = await self._held(config_name, unique_id)
        check_validates_no_domain(held, request.validation)
        check_scm_replaces(held)
        waiting = waiting_of(held, request.flags)
        answer = await self._runner.run(REPLACEMENT, held, request, waiting, time_limit=time_limit)
        return await self._completed(config_name, of_replacement(answer))

    async def revoke(
        self, config_name: str, unique_id: str, request: RevocationRequest, *, time_limit: float | None
    ) -> Answer:
        """Revoke a certificate; one that is revoked already is answered as it is.

        Raises:
            ConflictError: it is not issued yet, or being replaced, as far as is known; a renewal is no obstacle.
            ScmRefusedError, ScmUnavailableError: it is not revoked, as far as SCM says.
        """
        held = await self._held(config_name, unique_id)
        return await self._runner.run(REVOCATION, held, request, time_limit=time_limit)

    async def revoke_by_serial(
        self, named: str | GivenCertificate, request: RevocationRequest, *, time_limit: float | None
    ) -> CertificateWithSerial:
        """Revoke a certificate named by its serial number or its PEM; see `stored.revoke_by_serial`."""
        return await revoke_by_serial(self._resources, self.revoke, named, request, time_limit=time_limit)

    async def fetch(self, config_name: str, request: FetchRequest, *, time_limit: float | None) -> Answer:
        """Answer a certificate of SCM's: the stored one exactly as a read does, another after bringing it in.

        A pending one is waited for as an enrolment is.

        Raises:
            KeyMismatchError: the given key is another certificate's.
            ScmRefusedError, ScmUnavailableError: nothing was stored.
        """
        entry = await self._resources.entry(config_name)
        key, flags = entry.key_of(request.scm_id), request.requested.waiting
        stored = await self._resources.repository.certificate(*key)
        if stored is not None:
            if request.key is not None:
                await give_key(self._resources, key, request.key, request.requested_by)
            await self.change_flags(*key, flags, requested_by=request.requested_by)
            return await self.read(*key, flags, time_limit=time_limit)
        began = asyncio.get_running_loop().time()
        answer = await fetch(self._resources, entry, request, time_limit=time_limit)
        if answer.record is not None:
            await self._chains.note(config_name, answer.record)
        waiting = policy.waiting(flags, entry.config.defaults)
        if answer.record is None or answer.record.order is None or not waiting.max_timeout:
            return await self._completed(config_name, answer)
        flags = flags.model_copy(update={"max_timeout": waiting.max_timeout})
        left = None if time_limit is None else time_limit - (asyncio.get_running_loop().time() - began)
        return await self.read(*key, flags, time_limit=left)

    async def scm_id(self, config_name: str, text: str) -> int:
        """Return SCM's id in an id of SCM's or a unique id.

        Raises:
            UnknownConfigError: there is no such config entry.
            InvalidInputError: it is no id of the entry's customer.
        """
        entry = await self._resources.entry(config_name)
        number = text.removesuffix(f"_{entry.config.customer_uri}")
        if not re.fullmatch(r"[0-9]{1,15}", number, re.ASCII):
            raise InvalidInputError("cert_id must be SCM's id of the certificate, or <id>_<customer_uri>")
        return int(number)

    # What is stored.

    async def read(
        self, config_name: str, unique_id: str, flags: WaitingAndRenewal, *, time_limit: float | None
    ) -> Answer:
        """Answer a certificate as it stands, after whatever is due: settling, collecting, renewing.

        Args:
            config_name: the config entry it was ordered under, which may have been deleted since.
            unique_id: its id, or `order-<uuid>`.
            flags: of this read itself; only its own `max_timeout` makes it wait for a pending certificate.
            time_limit: seconds left of the host's deadline, or None where it sent none.

        Raises:
            UnknownCertificateError: nothing is stored under that id.
            StandbyError: something would have to be asked or written, and this node must not.
        """
        answer = await self._steps.read(config_name, unique_id, Caller(flags, time_limit))
        return await self._with_validations(config_name, await self._completed(config_name, answer))

    async def as_stored(self, config_name: str, unique_id: str) -> Answer:
        """Answer a certificate, or an order by its `order-<uuid>`, as it is stored; nothing is due for that.

        Raises:
            UnknownCertificateError: nothing is stored under that id.
        """
        stored = await order_or_id(self._resources, config_name, unique_id)
        if isinstance(stored, OrderRecord):
            return answers.of_order(stored)
        answer = self._remarked(Answer(await self._steps.stored(config_name, stored)))
        return await self._with_validations(config_name, answer)

    async def change_flags(
        self,
        config_name: str,
        unique_id: str,
        said: WaitingAndRenewal,
        cleared: AbstractSet[str] = frozenset(),
        *,
        requested_by: str,
    ) -> CertificateRecord:
        """Store waiting and renewal fields with a certificate, for later reads and the background; nothing is called.

        Those of `said` are stored, and those of `cleared` removed, so that the entry's values hold again. The log says
        who asked.

        Raises:
            UnknownCertificateError: nothing is stored under that id.
            ConflictError: it is the id of an order that is not settled.
        """
        record = await self._named(config_name, unique_id)
        if said == WaitingAndRenewal() and not cleared:
            return record
        await self._resources.repository.must_be_ours()
        key = CertificateKey(config_name, record.unique_id)
        changed = self._resources.change(key, lambda one: one.with_flags(said, cleared), requested_by=requested_by)
        return await changed or record

    async def newest_chain(self) -> NewestChain:
        """Return the issuers of the mount's newest certificate; see `NewestChains.newest`."""
        return await self._chains.newest()

    async def key_answered(self, config_name: str, record: CertificateRecord, requested_by: str) -> None:
        """Delete a one-time private key that is about to be returned, and log to whom."""
        await self._steps.key_answered(config_name, record, requested_by)

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
        record = await self._named(config_name, unique_id)
        if record.holds_key_to_release:
            await self._resources.must_write()
        return version_of(record, version, config_name)

    async def pkcs12(self, chain: CertificateChain, stored_key_pem: str, protection: Pkcs12Protection) -> bytes:
        """Write a PKCS#12 file, in a thread; see `pki.pkcs12_file`."""
        return await self._resources.make_pkcs12(chain, stored_key_pem, protection)

    async def forget(self, config_name: str, unique_id: str, *, force: bool, requested_by: str) -> None:
        """Delete a certificate, with its key and history, from storage; nothing happens at SCM.

        Raises:
            ConflictError: SCM may have taken an order for it and `force` is not set, or it is being sent.
        """
        await self._deletion.delete(config_name, unique_id, force=force, requested_by=requested_by)

    # Helpers.

    def _remarked(self, answer: Answer) -> Answer:
        return with_remarks(answer, self._resources.clock.now())

    async def _completed(self, config_name: str, answer: Answer) -> Answer:
        """Return an answer with what its order waits for, and with its certificate's warnings."""
        return self._remarked(await with_instructions(self._resources, config_name, answer))

    async def _with_validations(self, config_name: str, answer: Answer) -> Answer:
        """Return an answer with warnings about validations that end before its certificate is renewed."""
        if answer.record is None:
            return answer
        return answer.with_warnings(*await self._domains.warnings_on(config_name, answer.record))

    def _is_busy(self, key: CertificateKey) -> bool:
        return self._runner.is_under_way(key) or self._collector.is_waiting(key)

    async def _held(self, config_name: str, unique_id: str) -> Held:
        entry = await self._resources.entry(config_name)
        return entry.holding(await self._named(config_name, unique_id))

    async def _named(self, config_name: str, unique_id: str) -> CertificateRecord:
        if ORDER_ID.fullmatch(unique_id):
            raise ConflictError("the order is not settled yet: read it first, and use the id that the answer names")
        return await self._steps.stored(config_name, unique_id)
