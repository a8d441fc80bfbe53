"""Enrolling: the first order of a certificate, found again by the mark in its comments."""

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta

from pydantic import BaseModel, SecretStr

from sectigo_vault_pki.lifecycle.answers import NOT_LISTED_YET
from sectigo_vault_pki.lifecycle.held import Entry
from sectigo_vault_pki.lifecycle.orders.operation import Operation, Outcome, validation_of
from sectigo_vault_pki.lifecycle.orders.successors import CLOCK_DIFFERENCE, MAX_EXAMINED
from sectigo_vault_pki.lifecycle.resources import Resources
from sectigo_vault_pki.lifecycle.rules.backoff import may_conclude_not_booked
from sectigo_vault_pki.lifecycle.rules.evidence import search_name_of_order
from sectigo_vault_pki.lifecycle.rules.states import Evidence, Found, NotFound, Undecided
from sectigo_vault_pki.pki import (
    CertificateSigningRequest,
    KeyParameters,
    PrivateKey,
    Subject,
    build_csr,
    host_of_common_name,
    normalise_names,
)
from sectigo_vault_pki.scm import CERTIFICATE_APIS, Accepted, mark, mark_in
from sectigo_vault_pki.store import (
    CertificateRecord,
    CertificateType,
    ClientFields,
    HistoryEntry,
    OrderInFlight,
    OrderOperation,
    OrderRecord,
    RequestedFields,
    SslFields,
    Status,
    SubjectFields,
    WaitingAndRenewal,
)

_ALWAYS_COMPARED: Mapping[type[BaseModel], AbstractSet[str]] = {
    RequestedFields: frozenset({"ssl", "client", "format", "subject", "waiting"}),
    SslFields: frozenset(
        {
            *("certificate_profile", "validity_days", "subject_alt_names", "external_requester", "comments"),
            *("number_servers", "server_type", "custom_fields"),
        }
    ),
    ClientFields: frozenset(
        {
            *("certificate_profile", "validity_days", "email", "first_name", "middle_name", "last_name"),
            "custom_fields",
        }
    ),
    SubjectFields: frozenset(
        {
            *("common_name", "country", "state", "locality", "organization", "organizational_unit"),
            "email_address",
        }
    ),
    WaitingAndRenewal: frozenset({"max_timeout", "loop_period", "auto_renew", "expiry_window", "read_renewed_cert"}),
}
"""The fields of the first stored fingerprints. A later field counts if it is set, so that those still hold."""


def digest_of(asked: object) -> str:
    """Return the SHA-256 of something that can be written as JSON, in hex."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def asked_for(part: BaseModel) -> Mapping[str, object]:
    """Return what a request says, as JSON that is compared with an earlier one's."""
    always = next((names for kind, names in _ALWAYS_COMPARED.items() if isinstance(part, kind)), frozenset())
    written = part.model_dump(mode="json")
    said: dict[str, object] = {}
    for name, declared in type(part).model_fields.items():
        value = getattr(part, name)
        if name in always or value != declared.get_default(call_default_factory=True):
            said[name] = asked_for(value) if isinstance(value, BaseModel) else written[name]
    return said


MAX_COMMENTS = 970
"""Characters of the user's comments: SCM takes 1024, the mark included (scm-api.md 3.2)."""


@dataclass(frozen=True, slots=True)
class EnrolmentRequest:
    """What a user asks for.

    Attributes:
        requested: the explicit fields; its subject is None exactly where a CSR was given.
        csr: the user's own CSR.
        private_key: the user's own key.
        key_parameters: of the key to make, where none was given and no CSR either.
        request_id: a repeated request with the same id returns the first one's result.
        identity: what tells this request from others, if that is less than all its fields.
        host_request_id: the host's name for the call; it sends one again whose plugin process ended under it.
        requested_by: who asks; no part of the fingerprint, so that equal requests of two people are one order.
    """

    requested: RequestedFields
    csr: CertificateSigningRequest | None = None
    private_key: PrivateKey | None = field(default=None, repr=False)
    key_parameters: KeyParameters | None = None
    request_id: str | None = None
    identity: str | None = None
    host_request_id: str = ""
    requested_by: str = ""

    @property
    def certificate_type(self) -> CertificateType:
        return CertificateType.CLIENT if self.requested.client is not None else CertificateType.SSL

    def fingerprint(self) -> str:
        """Return a digest of what is asked, by which a repeated request is told from another."""
        if self.identity is not None:
            return digest_of(self.identity)
        key = self.private_key.public_key_digest.hex() if self.private_key else str(self.key_parameters)
        csr = self.csr.pem if self.csr else ""
        return digest_of([asked_for(self.requested), csr, key])


async def plan_enrolment(resources: Resources, entry: Entry, request: EnrolmentRequest, order_uuid: str) -> OrderRecord:
    """Make key and CSR where none were given.

    Raises:
        InvalidInputError: no CSR can be made of the request.
    """
    key, csr = request.private_key, request.csr
    if csr is None:
        if request.requested.subject is None:
            raise ValueError("without a CSR there must be a subject")
        key = key or await resources.make_key(request.key_parameters or KeyParameters.parse())
        csr = build_csr(_subject(request.requested.subject), _names(request.requested), key)
    return OrderRecord(
        uuid=order_uuid,
        operation=OrderOperation.ENROLL,
        certificate_type=entry.config.certificate_type,
        common_name=csr.common_name,
        csr=csr.pem,
        private_key=SecretStr(key.pem) if key else None,
        key_digest=csr.public_key_digest.hex(),
        key_type=csr.key_type,
        requested=request.requested,
        created_at=resources.clock.now(),
        request_id=request.request_id,
        subject_alt_names=csr.subject_alt_names,
        validation=validation_of(entry, request.requested),
        requested_by=request.requested_by,
    )


async def _call(resources: Resources, entry: Entry, order: OrderRecord) -> Accepted:
    async with resources.clients.lend(entry) as client:
        return await CERTIFICATE_APIS[order.certificate_type].enroll(client, order)


async def _taken(resources: Resources, entry: Entry, order: OrderRecord, event: Accepted | Found) -> Outcome:
    now = resources.clock.now()
    record = CertificateRecord(
        unique_id=entry.key_of(event.scm_id).unique_id,
        certificate_type=order.certificate_type,
        scm_id=event.scm_id,
        renew_id=event.renew_id if isinstance(event, Accepted) else "",
        common_name=order.common_name,
        key_type=order.key_type,
        requested=order.requested,
        order_uuid=order.uuid,
        request_id=order.request_id,
        order=OrderInFlight(
            uuid=order.uuid,
            operation=order.operation,
            csr=order.csr,
            private_key=order.private_key,
            key_digest=order.key_digest,
            accepted_at=now,
            names=names_ordered(order),
        ),
        history=(HistoryEntry(status=Status.APPLIED, at=now),),
        requested_by=order.requested_by,
    )
    return Outcome(new=record)


async def _look(resources: Resources, entry: Entry, order: OrderRecord, age: timedelta) -> Evidence:
    """Look for the order's mark, from the newest entry of its name back to the day before the order."""
    api = CERTIFICATE_APIS[order.certificate_type]
    async with resources.clients.lend(entry) as client:
        listed, complete = await api.listed(client, search_name_of_order(order))
        earliest = (order.created_at - CLOCK_DIFFERENCE).date()
        for listing in listed[:MAX_EXAMINED]:
            remarks = await api.remarks(client, listing)
            if mark_in(remarks.comments) == order.uuid:
                return Found(listing.scm_id)
            if remarks.requested is not None and remarks.requested < earliest:
                break
        else:
            complete = complete and len(listed) <= MAX_EXAMINED
    if not complete:
        return Undecided(f"SCM lists too many orders for this name: look for {mark(order.uuid)} there")
    return NotFound() if may_conclude_not_booked(age) else Undecided(NOT_LISTED_YET)


def _entry_stands(*_: object) -> None:
    """Keep the entry of an order that SCM never took: its key is the user's."""


def names_ordered(order: OrderRecord) -> tuple[str, ...]:
    """Return the names of an SSL order: those of the request, of the CSR, and the common name where it is a host's.

    SCM ignores the CSR's own names, so they stand beside it (scm-api.md 3.2).
    """
    if order.requested.ssl is None:
        return ()
    common_name = host_of_common_name(order.common_name)
    names = normalise_names((*order.requested.ssl.subject_alt_names, *order.subject_alt_names))
    return names if common_name is None or common_name in names else (common_name, *names)


def _names(requested: RequestedFields) -> tuple[str, ...]:
    """Return the names for the CSR: SSL ones as asked for, a client certificate's e-mail address."""
    if requested.client is not None:
        return (requested.client.email,)
    return requested.ssl.subject_alt_names if requested.ssl is not None else ()


def _subject(fields: SubjectFields) -> Subject:
    return Subject(**fields.model_dump())


ENROLMENT: Operation[Entry, EnrolmentRequest] = Operation(
    kind=OrderOperation.ENROLL, plan=plan_enrolment, call=_call, taken=_taken, look=_look, unbooked=_entry_stands
)
