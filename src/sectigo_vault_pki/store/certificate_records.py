"""Certificates and orders: a record holds facts, and what to do next is derived from them (design.md 5)."""

from collections.abc import Set as AbstractSet
from datetime import timedelta
from enum import StrEnum

from pydantic import AwareDatetime

from sectigo_vault_pki.store.base import CertificateType, Part, Record, StoredSecret, WaitingAndRenewal
from sectigo_vault_pki.store.layout import UniqueId

MAX_EARLIER = 10
"""What is kept of earlier certificates, and of superseded orders."""
MAX_HISTORY = 100
"""Entries kept of a certificate's history: the first one and the newest."""


class OrderOperation(StrEnum):
    """What an order asks of SCM."""

    ENROLL = "enroll"
    RENEW = "renew"
    REPLACE = "replace"
    REVOKE = "revoke"
    FETCH = "fetch"


class SslFields(Part):
    """What an SSL enrolment said explicitly; later orders for the certificate reuse it."""

    certificate_profile: int
    validity_days: int
    subject_alt_names: tuple[str, ...] = ()
    external_requester: str | None = None
    comments: str | None = None
    number_servers: int | None = None
    server_type: int | None = None
    custom_fields: tuple[tuple[str, str], ...] = ()


class ClientFields(Part):
    """What a client enrolment said explicitly."""

    certificate_profile: int
    validity_days: int
    email: str
    first_name: str
    last_name: str
    middle_name: str | None = None
    custom_fields: tuple[tuple[str, str], ...] = ()


class SubjectFields(Part):
    """The subject of a CSR that the engine made; None for a CSR that the user brought."""

    common_name: str
    country: str | None = None
    state: str | None = None
    locality: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    email_address: str | None = None


class RequestedFields(Part):
    """An enrolment's explicit fields; those of one family, or of none for a fetched certificate.

    Attributes:
        role: under which it was ordered, if under any.
        releases_key: its private key is kept until the first answer that carries it, and no longer.
    """

    ssl: SslFields | None = None
    client: ClientFields | None = None
    format: str | None = None
    subject: SubjectFields | None = None
    waiting: WaitingAndRenewal = WaitingAndRenewal()
    role: str | None = None
    releases_key: bool = False


class OrderRecord(Record):
    """The write-ahead entry of an order: stored before SCM hears of it, removed when its outcome stands elsewhere.

    Attributes:
        unique_id: the certificate that is renewed, replaced or revoked; None for an enrolment.
        csr: empty where SCM reuses the one it has, and for a revocation.
        key_digest: SHA-256 of the public key that the certificate will have, in hex.
        listed_ids: for a renewal, what SCM listed for the name beforehand.
        reason: for a replacement or a revocation.
        revoke_replaced: for the replacement of a client certificate.
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


class OrderIndex(Record):
    """The certificate that an order led to."""

    unique_id: UniqueId


class RequestIndex(Record):
    """The order that a `sectigo_request_id`, or a wish under a role, stands for, and what it asked.

    Attributes:
        is_answered: its certificate has been handed out; noted for wishes under a role only.
        failures: how many orders for a wish under a role came to nothing, in a row.
        is_over: so did this one, or it was not placed: another may take its place.
    """

    order_uuid: str
    fingerprint: str
    is_answered: bool = False
    failures: int = 0
    is_over: bool = False


class EmptyEntry(Record):
    """An index entry whose key says all."""


class CurrentCertificate(Part):
    """A collected certificate with the key and the CSR that fit it.

    Attributes:
        bundle: PEM, the leaf first, then its issuers leaf-ward first.
        revoked_at: when it was revoked by its replacement; a record's own revocation stands in the record.
        missing_names: what was ordered, and the certificate lacks.
        other_names: what it has, and was not ordered.
        lacks_issuers: SCM delivered it without the certificates of its issuers.
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
        """The whole length of its validity."""
        return self.not_after - self.not_before


class OrderInFlight(Part):
    """An order that SCM accepted and that has not been collected.

    Attributes:
        key_digest: SHA-256 of the public key that the certificate must have, in hex; empty where it is not known.
        in_trouble: what SCM said of it last is a reason why it cannot be collected.
        revoke_replaced: SCM was asked to revoke the certificate that this one replaces.
        names: what was ordered, as host names and IP addresses; empty where that is not known.
        lacked_issuers: the certificate came without its issuers, and is asked for once more.
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
    """Renewals that SCM refused: how often in a row, and when the next is tried."""

    times: int
    retry_at: AwareDatetime
    text: str


class RenewedCertificate(Part):
    """What a successor must know of the certificate that it renewed, which may be deleted by then.

    Attributes:
        ordered_at: when SCM took the renewal.
        first_order: the id of the chain's first order, whose mark SCM hands down; None where that is not known.
    """

    not_before: AwareDatetime
    not_after: AwareDatetime
    ordered_at: AwareDatetime
    first_order: str | None = None

    @property
    def life(self) -> timedelta:
        """The whole length of its validity."""
        return self.not_after - self.not_before


class Status(StrEnum):
    """What happened to a certificate, in the words of the guide's `state` (api.md 5)."""

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

    One equal to the newest, in status and code, adds nothing. Of troubles that alternate, each stands there twice at
    most, first and last seen. The first entry and the newest are kept, `MAX_HISTORY` in all.
    """
    if history and _kind(history[-1]) == _kind(entry):
        return history
    longer = (*_folded(history, entry), entry)
    return longer if len(longer) <= MAX_HISTORY else (longer[0], *longer[1 - MAX_HISTORY :])


_TROUBLES = frozenset({Status.ERROR_CODE, Status.TIMEOUT_STATE_SAVED})


def _kind(entry: HistoryEntry) -> tuple[Status, int | None]:
    return entry.status, entry.code


def _folded(history: tuple[HistoryEntry, ...], entry: HistoryEntry) -> tuple[HistoryEntry, ...]:
    """Return a history without the entry that a further one of a series of troubles takes the place of."""
    if entry.status not in _TROUBLES:
        return history
    begin = next((place for place in range(len(history), 0, -1) if history[place - 1].status not in _TROUBLES), 0)
    equal = [place for place in range(begin, len(history)) if _kind(history[place]) == _kind(entry)]
    return history if len(equal) < 2 else history[: equal[-1]] + history[equal[-1] + 1 :]  # noqa: PLR2004 - first, last


class CertificateRecord(Record):
    """One certificate and its history.

    Attributes:
        scm_id: SCM's `sslId`, or the order number of a client certificate.
        order_uuid: of the enrolment or renewal from which the record came; None for a fetched one.
        current: the certificate in hand.
        order: the order in flight; None once it is collected.
        submitting: the write-ahead entry of what is being asked of SCM for this certificate.
        successor: the renewal that SCM accepted and that has not been collected.
        earlier: what `current` was before replacements, newest first.
        aliases: orders for it whose answer was lost; their uuids lead to it, too.
        superseded: orders that ended without a certificate of theirs, newest first; SCM may still use their keys.
        renewed: the certificate that this one renewed; None for an enrolment, and in records of earlier versions.
        failed_renewals: orders that SCM took to renew it and that came to nothing, newest first.
        doubted_at: when SCM first had an order that may renew it, and of which nobody could tell.
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

    def with_flags(self, said: WaitingAndRenewal, cleared: AbstractSet[str] = frozenset()) -> "CertificateRecord":
        """Return the record with other waiting and renewal fields, for later reads and for the background work."""
        waiting = self.requested.waiting.changed_by(said, cleared)
        return self.model_copy(update={"requested": self.requested.model_copy(update={"waiting": waiting})})

    def with_order(self, order: OrderInFlight | None) -> "CertificateRecord":
        """Return the record with another order in flight, or none; the one that was in flight keeps its key."""
        kept = self if self.order is None else self.with_superseded(self.order)
        return kept.model_copy(update={"order": order})

    def with_superseded(self, order: OrderInFlight) -> "CertificateRecord":
        """Return the record with one more order that came to nothing, as far as anybody knows."""
        return self.model_copy(update={"superseded": (order, *self.superseded)[:MAX_EARLIER]})

    @property
    def first_order(self) -> str | None:
        """The id of the first order of the chain of renewals; None where it was placed elsewhere, or is not known."""
        if self.renewed_from is None:
            return self.order_uuid
        return self.renewed.first_order if self.renewed is not None else None

    @property
    def holds_key_to_release(self) -> bool:
        """Whether the next answer that carries its private key is the last one."""
        return self.requested.releases_key and self.current is not None and self.current.private_key is not None

    def with_keys_released(self) -> "CertificateRecord":
        """Return the record without the private keys that nothing in flight needs."""
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
