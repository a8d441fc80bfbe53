"""What all operations that ask something of SCM have in common: the parts that `runner.py` puts together.

Each operation is a value at the end of its own module: whether it is possible, with which key and CSR, by which call,
what SCM's yes and no make of the records, and how a lost answer is found again.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeAlias, TypeVar

from sectigo_vault_pki.errors import ConflictError, InvalidInputError, ScmUnavailableError
from sectigo_vault_pki.lifecycle import answers
from sectigo_vault_pki.lifecycle.answers import Answer
from sectigo_vault_pki.lifecycle.collect.collector import Collector
from sectigo_vault_pki.lifecycle.held import Entry, Held
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.evidence import Change, unchanged
from sectigo_vault_pki.lifecycle.rules.states import (
    Evidence,
    Found,
    Misnamed,
    NotFound,
    NotSent,
    Refused,
    TooLongUndecided,
)
from sectigo_vault_pki.pki import (
    CertificateChain,
    CertificateSigningRequest,
    KeyParameters,
    PrivateKey,
    Subject,
    build_csr,
)
from sectigo_vault_pki.scm import Accepted, Unnamed
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
    CurrentCertificate,
    DomainValidation,
    OrderOperation,
    OrderRecord,
    RequestedFields,
    WaitingAndRenewal,
)

NOT_SAID = DomainValidation()

E = TypeVar("E", bound=Entry)
R = TypeVar("R", bound="OrderRequest")


class OrderRequest(Protocol):
    """What a user asks for."""

    def fingerprint(self) -> str:
        """Return what tells one request from another, without showing a key."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What operations work with."""

    resources: Resources
    collector: Collector


@dataclass(frozen=True, slots=True)
class FoundElsewhere:
    """SCM has what was to be ordered: by another entry or mount, or after an older snapshot was restored."""

    order: OrderRecord
    scm_id: int


def validation_of(entry: Entry, requested: RequestedFields, said: DomainValidation = NOT_SAID) -> DomainValidation:
    """Return how SCM is to validate the domains of an order: the nearest that says it says all of it.

    Args:
        entry: says it for all orders under it.
        requested: what the certificate was ordered with, under a role or not.
        said: by the request itself.
    """
    config = entry.config
    if config.certificate_type is not CertificateType.SSL:
        return NOT_SAID
    stored = requested.ssl.validation if requested.ssl is not None else NOT_SAID
    of_entry = DomainValidation(mode=config.dcv_mode, email=config.dcv_email)
    return next((layer for layer in (said, stored, of_entry) if layer.is_said), NOT_SAID)


def check_validates_no_domain(entry: Entry, said: DomainValidation) -> None:
    """Make sure that a request for a client certificate says nothing of domains.

    Raises:
        InvalidInputError: it does.
    """
    if said.is_said and entry.config.certificate_type is CertificateType.CLIENT:
        raise InvalidInputError("sectigo_dcv_mode and sectigo_dcv_email do not go with client certificates")


async def no_link() -> Change:
    return unchanged


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is stored once SCM has taken an order.

    Attributes:
        new: a certificate's record under an id of its own, which is stored before anything else is read or written.
        link: finds the change of the certificate that the order is about, once `new` is stored.
        change: the same if there is no `new`.
    """

    new: CertificateRecord | None = None
    link: Callable[[], Awaitable[Change]] = no_link
    change: Change = unchanged


Planned: TypeAlias = OrderRecord | FoundElsewhere | Answer


def nothing_is_kept(*_: object) -> Change:
    return unchanged


def no_answer_yet(kind: OrderOperation) -> Callable[[Tools, Held], Awaitable[Answer]]:
    """Return what refuses to answer a caller who could not wait for what has to be known; the work goes on."""

    async def late(_: Tools, __: Held) -> Answer:
        raise ScmUnavailableError(kind, f"SCM has not answered {kind} yet; try again")

    return late


def _at_once(_: Resources, __: Held) -> AbstractAsyncContextManager[None]:
    return nullcontext()


def _no_warnings(_: OrderRecord) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[E, R]):
    """One kind of order.

    Attributes:
        kind: what it asks of SCM.
        costs: whether it counts on the config entry's budget, and what SCM took must never end in an error.
        plan: makes the order, with the given uuid; stores nothing.
        call: the one call that may cost.
        taken: what SCM's yes makes of the records.
        refused: what SCM's no makes of the certificate that the order is about.
        look: finds out what became of an order of some age whose answer was lost; asks, and never orders.
        unbooked: what is kept of an order that SCM never took, or of which nobody could tell; None: its entry stands.
    """

    kind: OrderOperation
    costs: bool = True
    plan: Callable[[Resources, E, R, str], Awaitable[Planned]]
    call: Callable[[Resources, E, OrderRecord], Awaitable[Accepted | Unnamed | Misnamed]]
    taken: Callable[[Resources, E, OrderRecord, Accepted | Found], Awaitable[Outcome]]
    refused: Callable[[OrderRecord, Refused | NotSent, datetime], Change] = nothing_is_kept
    look: Callable[[Resources, E, OrderRecord, timedelta], Awaitable[Evidence]]
    unbooked: Callable[[E, OrderRecord, NotFound | TooLongUndecided, datetime], Change | None] = nothing_is_kept


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationOnHeld(Operation[Held, R]):
    """An operation on a stored certificate.

    Attributes:
        ready: returns the certificate if the operation is possible now, or else what to answer. It is given the answer
            for an earlier operation that is still open.
        turn: held while it is planned and called.
        beside: the warnings that an earlier operation, which stays open beside this one, adds to the answer.
        late: answers a caller who could not wait for the end.
    """

    ready: Callable[[Tools, Held, R, Answer | None], Awaitable[Held | Answer]]
    turn: Callable[[Resources, Held], AbstractAsyncContextManager[None]] = _at_once
    beside: Callable[[OrderRecord], tuple[str, ...]] = _no_warnings
    late: Callable[[Tools, Held], Awaitable[Answer]]


async def read_again(resources: Resources, held: Held) -> Held:
    """Return a certificate as it is stored now.

    Raises:
        ConflictError: it is deleted.
    """
    record = await resources.repository.certificate(*held.key)
    if record is None:
        raise ConflictError(f'certificate "{held.record.unique_id}" has been deleted meanwhile')
    return held.with_record(record)


async def with_flags(resources: Resources, held: Held, flags: WaitingAndRenewal, requested_by: str) -> Held:
    """Store the waiting and renewal fields that a request carries with its certificate."""
    if flags == WaitingAndRenewal():
        return held
    changed = await resources.change(held.key, lambda stored: stored.with_flags(flags), requested_by=requested_by)
    return held if changed is None else held.with_record(changed)


async def being_sent_or_worked_on(resources: Resources, held: Held) -> Answer:
    """Answer a caller who could not wait until SCM named what it asks for."""
    submitting = held.record.submitting
    order = submitting and await resources.repository.order(held.config_name, submitting)
    if not order:
        return answers.being_worked_on(held.key, held.record)
    return answers.being_sent(held.config_name, order.uuid, order)


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """What a request says of key and CSR; a CSR comes as it is, with or without its key.

    Attributes:
        subject: the parts of the subject that are to differ from the stored ones, by name.
        subject_alt_names: in place of the stored ones; None keeps those.
        key_parameters: of a new key; None makes one like the stored one.
    """

    csr: CertificateSigningRequest | None = None
    private_key: PrivateKey | None = field(default=None, repr=False)
    subject: dict[str, str] = field(default_factory=dict)
    subject_alt_names: tuple[str, ...] | None = None
    key_parameters: KeyParameters | None = None

    def fingerprint(self) -> str:
        """Return what tells one request from another, without showing the key."""
        key = self.private_key.public_key_digest.hex() if self.private_key else ""
        return repr((self, key))


@dataclass(frozen=True, slots=True)
class KeyAndCsr:
    """What an order is placed with."""

    csr: CertificateSigningRequest
    private_key: PrivateKey | None = field(repr=False)


async def new_key_and_csr(
    resources: Resources, record: CertificateRecord, current: CurrentCertificate, request: KeyRequest
) -> KeyAndCsr:
    """Return the given CSR, or make one of the stored certificate's subject with the given key or a new one.

    Raises:
        InvalidInputError: no CSR can be made of it.
    """
    if request.csr is not None:
        return KeyAndCsr(request.csr, request.private_key)
    chain = CertificateChain.from_pem(current.bundle)
    parameters = request.key_parameters or KeyParameters.like(chain.key_type, chain.key_size)
    key = request.private_key or await resources.make_key(parameters)
    names = chain.subject_alt_names if request.subject_alt_names is None else request.subject_alt_names
    common_name = record.common_name or chain.common_name
    requested = record.requested.subject
    stored = asdict(chain.subject) if requested is None else requested.model_dump()
    # An earlier replacement may have brought another name than the enrolment asked for.
    subject = Subject(**(stored | {"common_name": common_name} | request.subject))
    return KeyAndCsr(build_csr(subject, names, key), key)
