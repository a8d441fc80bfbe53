"""Certificates and orders: a record holds facts, from which the next step is derived (design.md 5)."""

from collections.abc import Set as AbstractSet
from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from sectigo_vault_pki.store.base import (
    CertificateType,
    DomainValidation,
    Part,
    Record,
    StoredSecret,
    WaitingAndRenewal,
)
from sectigo_vault_pki.store.layout import UniqueId

MAX_EARLIER = 10
"""How many earlier certificates, and how many superseded orders, are kept."""
MAX_HISTORY = 100
"""How many entries of a history are kept: the first one and the newest."""


class OrderOperation(StrEnum):
    """What an order asks of SCM."""

    ENROLL = "enroll"
    RENEW = "renew"
    REPLACE = "replace"
    REVOKE = "revoke"
    FETCH = "fetch"


class SslFields(Part):
    """The explicit fields of an SSL enrolment; later orders for the certificate reuse them."""

    certificate_profile: int
    validity_days: int
    subject_alt_names: tuple[str, ...] = ()
    external_requester: str | None = None
    comments: str | None = None
    number_servers: int | None = None
    server_type: int | None = None
    custom_fields: tuple[tuple[str, str], ...] = ()
    dcv_mode: str | None = None
    dcv_email: str | None = None

    @property
    def validation(self) -> DomainValidation:
        return DomainValidation(mode=self.dcv_mode, email=self.dcv_email)


class ClientFields(Part):
    """The explicit fields of a client enrolment."""

    certificate_profile: int
    validity_days: int
    email: str
    first_name: str
    last_name: str
    middle_name: str | None = None
    custom_fields: tuple[tuple[str, str], ...] = ()


class SubjectFields(Part):
    """The subject of a CSR that the engine makes."""

    common_name: str
    country: str | None = None
    state: str | None = None
    locality: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    email_address: str | None = None


class RequestedFields(Part):
    """An enrolment's explicit fields: those of one certificate type, or of none for a fetched certificate.

    Attributes:
        subject: None if the user gave a CSR.
        role: the role under which it was ordered, if any.
        releases_key: its private key is deleted with the first answer that carries it.
    """

    ssl: SslFields | None = None
    client: ClientFields | None = None
    format: str | None = None
    subject: SubjectFields | None = None
    waiting: WaitingAndRenewal = WaitingAndRenewal()
    role: str | None = None
    releases_key: bool = False

    def with_validation(self, said: DomainValidation) -> "RequestedFields":
        """Return the fields with another domain validation, where one is said; a fetched certificate keeps none."""
        if self.ssl is None or not said.is_said:
            return self
        ssl = self.ssl.model_copy(update={"dcv_mode": said.mode, "dcv_email": said.email})
        return self.model_copy(update={"ssl": ssl})


class OrderRecord(Record):
    """The write-ahead entry of an order: stored before the call to SCM, deleted once its outcome is stored elsewhere.

    Attributes:
        unique_id: the certificate that is renewed, replaced or revoked; None for an enrolment.
        csr: empty if SCM reuses the one it has, and for a revocation.
        key_digest: SHA-256 of the public key that the certificate will have, in hex.
        listed_ids: for a renewal, the ids that SCM listed for the name before it.
        reason: for a replacement or a revocation.
        revoke_replaced: for the replacement of a client certificate.
        validation: how SCM is to validate the domains.
        requested_by: who asked for it; empty in entries of earlier versions.
    """

    uuid: str
    operation: OrderOperation
    certificate_type: CertificateType
    common_name: str
    unique_id: UniqueId | None = None
    csr: str = ""
    private_key: StoredSecret | None = None
    key_digest: str = ""
    key_type: str = ""
    requested: RequestedFields = RequestedFields()
    created_at: AwareDatetime
    request_id: str | None = None
    listed_ids: tuple[int, ...] = ()
    reason: str | None = None
    subject_alt_names: tuple[str, ...] = ()
    revoke_replaced: bool = False
    validation: DomainValidation = DomainValidation()
    requested_by: str = ""


class OrderIndex(Record):
    """The certificate that an order led to."""

    unique_id: UniqueId


class RequestIndex(Record):
    """The order that belongs to a `sectigo_request_id`, or to a request under a role.

    Attributes:
        fingerprint: digest of what was requested.
        is_answered: its certificate has been returned; set for requests under a role only.
        failures: how many orders in a row failed, for a request under a role.
        is_over: this order failed too, or was not placed: another may take its place.
    """

    order_uuid: str
    fingerprint: str
    is_answered: bool = False
    failures: int = 0
    is_over: bool = False


class CurrentCertificate(Part):
    """A collected certificate with the key and the CSR that fit it.

    Attributes:
        bundle: PEM, the leaf first, then its issuers, nearest to the leaf first.
        revoked_at: when its replacement revoked it; any other revocation is in the record.
        missing_names: names that were ordered and that the certificate lacks.
        other_names: names of the certificate that were not ordered.
        lacks_issuers: SCM delivered it without its issuers' certificates.
    """

    bundle: str
    csr: str
    private_key: StoredSecret | None = None
    serial_number: str
    not_before: AwareDatetime
    not_after: AwareDatetime
    collected_at: AwareDatetime
    revoked_at: AwareDatetime | None = None
    missing_names: tuple[str, ...] = ()
    other_names: tuple[str, ...] = ()
    lacks_issuers: bool = False

    @property
    def life(self) -> timedelta:
        """The length of its validity."""
        return self.not_after - self.not_before


class OrderInFlight(Part):
    """An order that SCM accepted and that has not been collected.

    Attributes:
        key_digest: SHA-256 of the public key that the certificate must have, in hex; empty if unknown.
        in_trouble: SCM's last answer was an error, because of which it cannot be collected.
        revoke_replaced: SCM was asked to revoke the certificate that this one replaces.
        names: the ordered host names and IP addresses; empty if unknown.
        lacked_issuers: the certificate came without its issuers, and is collected once more.
    """

    uuid: str
    operation: OrderOperation
    csr: str = ""
    private_key: StoredSecret | None = None
    key_digest: str = ""
    accepted_at: AwareDatetime
    in_trouble: bool = False
    revoke_replaced: bool = False
    names: tuple[str, ...] = ()
    lacked_issuers: bool = False


class RefusedRenewal(Part):
    """Renewals that SCM refused: how many in a row, when the last one, and when the next one is tried.

    Attributes:
        at: None in records of earlier versions.
    """

    times: int
    at: AwareDatetime | None = None
    retry_at: AwareDatetime
    text: str


class RenewedCertificate(Part):
    """What a successor needs of the certificate that it renewed, which may be deleted by then.

    Attributes:
        ordered_at: when SCM accepted the renewal.
        first_order: the id of the chain's first order, whose mark SCM passes on; None if unknown.
    """

    not_before: AwareDatetime
    not_after: AwareDatetime
    ordered_at: AwareDatetime
    first_order: str | None = None

    @property
    def life(self) -> timedelta:
        """The length of its validity."""
        return self.not_after - self.not_before


class Status(StrEnum):
    """What happened to a certificate, as `state` shows it (api.md 5)."""

    APPLIED = "Applied"
    ISSUED = "Issued"
    TIMEOUT_STATE_SAVED = "TimeoutStateSaved"
    ERROR_CODE = "ErrorCode"
    UNSETTLED = "Unsettled"
    RENEWED = "Renewed"
    REPLACED = "Replaced"
    REVOKED = "Revoked"


class HistoryEntry(Part):
    """One thing that happened."""

    status: Status
    at: AwareDatetime
    code: int | None = None
    description: str | None = None


def with_entry(history: tuple[HistoryEntry, ...], entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    """Return a history with one more entry.

    One equal to the newest, in status and code, adds nothing. Errors that alternate are listed when first and when last
    seen. The first entry and the newest are kept, `MAX_HISTORY` in all.
    """
    if history and _kind(history[-1]) == _kind(entry):
        return history
    longer = (*_folded(history, entry), entry)
    return longer if len(longer) <= MAX_HISTORY else (longer[0], *longer[1 - MAX_HISTORY :])


_ERRORS = frozenset({Status.ERROR_CODE, Status.TIMEOUT_STATE_SAVED})


def _kind(entry: HistoryEntry) -> tuple[Status, int | None]:
    return entry.status, entry.code


def _folded(history: tuple[HistoryEntry, ...], entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    """Return a history without the entry that a further one in a series of errors replaces."""
    if entry.status not in _ERRORS:
        return history
    begin = next((place for place in range(len(history), 0, -1) if history[place - 1].status not in _ERRORS), 0)
    equal = [place for place in range(begin, len(history)) if _kind(history[place]) == _kind(entry)]
    return history if len(equal) < 2 else history[: equal[-1]] + history[equal[-1] + 1 :]  # noqa: PLR2004 - first, last


class CertificateRecord(Record):
    """One certificate and its history.

    Attributes:
        scm_id: SCM's `sslId`, or the order number of a client certificate.
        order_uuid: of the enrolment or renewal from which the record came; None for a fetched one.
        current: the collected certificate.
        order: the order in flight; None after it is collected.
        submitting: the id of the write-ahead entry of a call in progress for this certificate.
        successor: the renewal that SCM accepted and that is not collected yet.
        earlier: what `current` was before replacements, newest first.
        aliases: ids of orders for it whose answer was lost; `order-<uuid>` reads it by them too.
        superseded: orders that ended without a certificate, newest first; SCM may still use their keys.
        renewed: about the certificate that this one renewed; None for an enrolment, and in records of earlier versions.
        failed_renewals: ids of renewals that SCM accepted and that failed, newest first.
        doubted_at: when SCM first listed an order that may be its renewal, without proof.
        renewal_deleted_at: when the certificate in `renewed_to` was deleted from Vault; it may be back since.
        requested_by: who asked for its newest order, or brought it in; empty in records of earlier versions.
    """

    unique_id: UniqueId
    certificate_type: CertificateType
    scm_id: int
    renew_id: str = ""
    common_name: str
    key_type: str
    requested: RequestedFields = RequestedFields()
    order_uuid: str | None = None
    request_id: str | None = None
    current: CurrentCertificate | None = None
    order: OrderInFlight | None = None
    submitting: str | None = None
    successor: UniqueId | None = None
    refused_renewal: RefusedRenewal | None = None
    earlier: tuple[CurrentCertificate, ...] = ()
    superseded: tuple[OrderInFlight, ...] = ()
    aliases: tuple[str, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    renewed_to: UniqueId | None = None
    renewed_from: UniqueId | None = None
    revoked_at: AwareDatetime | None = None
    renewed: RenewedCertificate | None = None
    failed_renewals: tuple[str, ...] = ()
    doubted_at: AwareDatetime | None = None
    renewal_deleted_at: AwareDatetime | None = None
    requested_by: str = ""

    def with_flags(self, request: WaitingAndRenewal, cleared: AbstractSet[str] = frozenset()) -> "CertificateRecord":
        """Return the record with changed waiting and renewal fields, for later reads and for background work."""
        waiting = self.requested.waiting.changed_by(request, cleared)
        return self.model_copy(update={"requested": self.requested.model_copy(update={"waiting": waiting})})

    def by(self, requester: str) -> "CertificateRecord":
        """Return the record with another requester."""
        return self.model_copy(update={"requested_by": requester})

    def with_order(self, order: OrderInFlight | None) -> "CertificateRecord":
        """Return the record with another order in flight, or none; the previous one is kept as superseded."""
        kept = self if self.order is None else self.with_superseded(self.order)
        return kept.model_copy(update={"order": order})

    def with_superseded(self, order: OrderInFlight) -> "CertificateRecord":
        """Return the record with one more superseded order."""
        return self.model_copy(update={"superseded": (order, *self.superseded)[:MAX_EARLIER]})

    @property
    def is_in_use(self) -> bool:
        """Whether it has a certificate that is neither revoked nor renewed, whenever that ends."""
        return self.current is not None and self.revoked_at is None and self.renewed_to is None

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is open: no order, no call to SCM, no renewal to collect, no key to delete."""
        is_open = self.order is not None or self.submitting is not None or self.successor is not None
        return not is_open and not self.holds_key_to_release

    @property
    def first_order(self) -> str | None:
        """The id of the first order of the chain of renewals; None if it was placed elsewhere or is unknown."""
        if self.renewed_from is None:
            return self.order_uuid
        return self.renewed.first_order if self.renewed is not None else None

    @property
    def holds_key_to_release(self) -> bool:
        """Whether it has a one-time private key, which the next answer deletes."""
        return self.requested.releases_key and self.current is not None and self.current.private_key is not None

    def with_keys_released(self) -> "CertificateRecord":
        """Return the record without the private keys that no order in flight needs."""
        keyless = {"private_key": None}
        return self.model_copy(
            update={
                "current": self.current and self.current.model_copy(update=keyless),
                "earlier": tuple(held.model_copy(update=keyless) for held in self.earlier),
                "superseded": tuple(order.model_copy(update=keyless) for order in self.superseded),
            }
        )

    @property
    def newest_status(self) -> Status | None:
        return self.history[-1].status if self.history else None

    def with_history(self, entry: HistoryEntry) -> "CertificateRecord":
        """Return the record with one more entry of its history; see `with_entry`."""
        history = with_entry(self.history, entry)
        return self if history is self.history else self.model_copy(update={"history": history})
