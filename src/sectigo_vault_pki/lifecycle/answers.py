"""What the engine answers, and every notice that an answer can carry."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sectigo_vault_pki.errors import ChainError, ScmError, ScmRefusedError, SectigoVaultPkiError, UnknownConfigError
from sectigo_vault_pki.lifecycle.held import CertificateKey
from sectigo_vault_pki.lifecycle.rules.backoff import SETTLE_AFTER, longest_doubt
from sectigo_vault_pki.lifecycle.rules.renewal_rule import (
    LONGEST_WINDOW,
    Hold,
    hold_for_good,
    hold_on_renewal,
    notice_of_cut_window,
    renewal_policy,
    shown_time,
)
from sectigo_vault_pki.lifecycle.rules.states import AnswerLost, CollectEvent, Misnamed, Trouble, Unreachable
from sectigo_vault_pki.scm import Instruction, Unnamed, is_final
from sectigo_vault_pki.store import (
    CertificateRecord,
    CurrentCertificate,
    OrderOperation,
    OrderRecord,
    RequestedFields,
    Status,
    WaitingAndRenewal,
)

MAX_NAMES_SHOWN = 10
ORDER_ID_PREFIX = "order-"


@dataclass(frozen=True, slots=True)
class UnnamedOrder:
    """An order without an id of SCM's.

    Attributes:
        uuid: names it as `order-<uuid>`.
        status: `UNSETTLED` where SCM's answer was lost, `TIMEOUT_STATE_SAVED` while the order is being sent.
        stored: its write-ahead entry; None while its key is still being made.
        is_not_booked: SCM certainly has no such order, so that nothing was bought.
    """

    uuid: str
    status: Status
    stored: OrderRecord | None
    is_not_booked: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """A certificate as it stands, or an order that SCM has not named.

    Attributes:
        record: the certificate; None for an order.
        order: the order; None for a certificate.
        of_replacement: the answer is about the replacement in flight, whose key and CSR it shows, and not about the
            certificate that is still in hand.
        in_work: SCM's id of an order of which SCM has just said that it is not issued yet: that of the record, or of
            its renewal.
        instructions: what is to be done so that this order's domains can be validated.
    """

    record: CertificateRecord | None = None
    warnings: tuple[str, ...] = ()
    order: UnnamedOrder | None = None
    of_replacement: bool = False
    in_work: int | None = None
    instructions: tuple[Instruction, ...] = ()

    def with_warnings(self, *warnings: str) -> "Answer":
        """Return the answer with more warnings."""
        return replace(self, warnings=self.warnings + warnings) if warnings else self


def order_id(order_uuid: str) -> str:
    """Return the unique id that an order has until SCM names it."""
    return f"{ORDER_ID_PREFIX}{order_uuid}"


# Orders that SCM has not named.


def of_order(order: OrderRecord, *warnings: str) -> Answer:
    """Answer for an order of which it is not known what became of it."""
    return Answer(order=UnnamedOrder(order.uuid, Status.UNSETTLED, order), warnings=warnings)


def not_booked(order: OrderRecord) -> Answer:
    """Answer for an enrolment that SCM certainly does not have; its entry, with the key, stands."""
    unnamed = UnnamedOrder(order.uuid, Status.UNSETTLED, order, is_not_booked=True)
    return Answer(order=unnamed, warnings=(NOTHING_BOUGHT,))


def unsettled(config_name: str, order: OrderRecord, reason: str) -> Answer:
    """Answer for an order of which nobody knows whether SCM has it."""
    name = order.unique_id or order_id(order.uuid)
    return of_order(
        order,
        f"{reason}; do not order again: the key is saved, and reading certs/{config_name}/{name} finds out what became "
        "of it",
    )


def being_sent(config_name: str, order_uuid: str, stored: OrderRecord | None = None) -> Answer:
    """Answer for an order that is on its way to SCM.

    Args:
        config_name: its config entry.
        order_uuid: names it.
        stored: its write-ahead entry; None while its key is still being made.
    """
    name = order_id(order_uuid)
    if stored is None or stored.unique_id is None:
        warning = (
            f"SCM has not answered the order yet: it is saved, and reading certs/{config_name}/{name} finds out what "
            "became of it; do not order again"
        )
    else:
        warning = (
            f"SCM has not answered the order {name} yet: it is saved, and reading certs/{config_name}/"
            f"{stored.unique_id} finds out what became of it; do not order again"
        )
    return Answer(order=UnnamedOrder(order_uuid, Status.TIMEOUT_STATE_SAVED, stored), warnings=(warning,))


def being_worked_on(key: CertificateKey, record: CertificateRecord) -> Answer:
    """Answer for a request about a certificate of which nothing is sent yet."""
    warning = (
        f"the request is still being worked on: reading certs/{key} finds out what became of it; do not order again"
    )
    return Answer(record, (warning,))


NOTHING_BOUGHT = (
    "SCM has no such order, so nothing was bought; deleting this entry with sectigo_force=true removes its key"
)
NOT_LISTED_YET = "SCM does not list the order yet; read again in some minutes"
CANNOT_BE_ASKED_ABOUT = "SCM cannot be asked what became of the order"

_NOT_STORED = {
    OrderOperation.ENROLL: "SCM took the order, and its id could not be stored",
    OrderOperation.RENEW: "SCM took the renewal, and its id could not be stored",
    OrderOperation.REPLACE: "SCM took the replacement, and that could not be stored",
}


def not_stored(order: OrderRecord) -> str:
    """Say that SCM took an order, and that this could not be stored."""
    return _NOT_STORED[order.operation]


def not_asked_about(error: SectigoVaultPkiError) -> str:
    """Say that SCM did not answer what became of an order."""
    return f"SCM could not be asked what became of the order: {error}"


def why_unsettled(order: OrderRecord, event: Unnamed | Misnamed | AnswerLost) -> str:
    """Say why it is not known what became of an order that was sent."""
    match event, order.operation:
        case Misnamed(scm_id), _:
            return f"SCM named {scm_id} as the renewal, which is another certificate"
        case Unnamed(), OrderOperation.RENEW:
            return "SCM accepted the renewal without naming it"
        case Unnamed(), _:
            return "SCM accepted the order without naming it"
        case AnswerLost(error), OrderOperation.RENEW:
            return f"SCM's answer to the renewal was lost ({error})"
        case AnswerLost(error), OrderOperation.REPLACE:
            return f"SCM's answer to the replacement was lost ({error})"
        case AnswerLost(error), _:
            return f"SCM's answer to the order was lost ({error})"


# Certificates that are ordered and not collected.


def time_is_over(key: CertificateKey) -> str:
    return f"the certificate is not issued yet: the order is saved, and reading certs/{key} collects it"


def interrupted(key: CertificateKey) -> str:
    return f"the engine is being stopped: the order is saved, and reading certs/{key} collects it"


def outcome_not_stored(key: CertificateKey) -> str:
    return f"what came of the order could not be stored: it stands as ordered, and reading certs/{key} collects it"


def not_issued_yet(key: CertificateKey) -> str:
    return f"SCM has not issued it yet: reading certs/{key} collects it"


def of_collecting(event: CollectEvent, key: CertificateKey) -> tuple[str, ...]:
    """Say why a certificate could not be collected."""
    again = f"reading certs/{key} asks again"
    match event:
        case Trouble(ScmRefusedError() as refusal) if is_final(refusal.operation, refusal.code):
            return (f"the certificate does not come: {refusal}",)
        case Trouble(error):
            return (f"the order is saved, and the certificate could not be collected: {error}; {again}",)
        case Unreachable(error):
            return (f"the certificate could not be asked for: {error}; {again}",)
        case _:
            return ()


def no_instructions(reason: str) -> str:
    """Say that SCM did not tell what the validation of an order's domains waits for."""
    return f"SCM could not be asked what the order's domain validation waits for: {reason}"


OTHER_KEY = (
    "SCM made the renewal with another key that the renewed certificate had: replace it if that key must not be used"
)


def overdue_replacement() -> SectigoVaultPkiError:
    return ChainError("SCM took the replacement, and still delivers the certificate that was to be replaced")


def not_the_renewal(scm_id: int) -> str:
    return f"SCM named {scm_id} as the renewal, which is a certificate with another key"


# What cannot be done now.


def no_config(config_name: str, what: str) -> str:
    """Say what cannot be done because the config entry is deleted."""
    return f"{UnknownConfigError(config_name)}: {what}"


BUSY = "something is being asked of SCM for this certificate right now"
SCM_CANNOT_BE_ASKED = "SCM cannot be asked for anything"
CERTIFICATE_CANNOT_BE_ASKED_FOR = "SCM cannot be asked for the certificate"


def suspended(config_name: str) -> str:
    return (
        f"the certificate is due, and sectigo_suspend_renewals of config entry {config_name} is true: it is not "
        "renewed automatically"
    )


def due_and_not_renewed(error: SectigoVaultPkiError) -> str:
    """Say why a due certificate was not renewed."""
    if not isinstance(error, ScmError):
        return f"the certificate is due and is not renewed: {error}"
    later = "" if isinstance(error, ScmRefusedError) else "; the next read tries again"
    return f"the certificate is due and could not be renewed: {error}{later}"


def being_renewed(successor: CertificateRecord) -> str:
    return f"the certificate is being renewed as {successor.unique_id}"


def why_not_revoked(order: OrderRecord, record: CertificateRecord) -> str:
    """Say until when a replacement of which SCM's answer was lost stands in the way of a revocation."""
    latest = SETTLE_AFTER if record.current is None else longest_doubt(record.current)
    return (
        f"what became of the replacement of {shown_time(order.created_at)} is not known yet, and SCM revokes the "
        "newest certificate: revoking is possible once a read, or the background work, finds the replacement, or from "
        f"{shown_time(order.created_at + SETTLE_AFTER)} on if SCM has not taken it, and at the latest at "
        f"{shown_time(order.created_at + latest)}; if that is too late, revoke the certificate in SCM"
    )


def renewal_stays_open(order: OrderRecord) -> str:
    """Say that a renewal of which SCM's answer was lost is not revoked with the certificate."""
    return (
        f"what became of the renewal of {shown_time(order.created_at)} is not known yet: if SCM took it, another "
        "certificate comes of it, which is not revoked with this one"
    )


def never_taken(order: OrderRecord) -> str:
    return f"SCM never took the order to {order.operation} it"


def undecided_renewals(number: int) -> str:
    """Say that newer orders of a certificate's name may renew it."""
    return (
        f"SCM lists {number} newer orders for this name that are not issued, and whether one of them is the renewal "
        "shows when it is"
    )


RENEWED_BY_A_STRANGER = (
    "SCM says that the certificate was renewed already, by an order that is not known here: bring the newer "
    "certificate in with fetch/, or order another with renew/"
)

# Certificates in hand.


def remarks_on(record: CertificateRecord, now: datetime) -> tuple[str, ...]:
    """Return the warnings that a certificate is returned with."""
    current = record.current
    if current is None or record.renewed_to is not None:
        return ()
    remarks = [*_remarks_on_names(current)]
    if current.lacks_issuers:
        remarks.append("SCM delivered the certificate without the certificates of its issuers")
    if record.revoked_at is None and (hold := hold_to_tell(record, now)) is not None:
        remarks.append(hold.reason if hold.until else f"this certificate is not renewed automatically: {hold.reason}")
    return tuple(remarks)


def notice_of_deleted_renewal(key: CertificateKey, record: CertificateRecord) -> str:
    """Say what can be done where a certificate was renewed, and its renewal was deleted here."""
    scm_id = (record.renewed_to or "").partition("_")[0]
    return (
        f"its renewal {record.renewed_to} is not stored any more, and it is not renewed automatically again: "
        f"fetch/{key.config_name}/{scm_id} brings it back, and renew/{key} orders another one"
    )


def with_remarks(answer: Answer, now: datetime) -> Answer:
    """Return an answer with the warnings of the certificate that it carries, each once."""
    if answer.record is None or answer.of_replacement:
        return answer
    return answer.with_warnings(*(said for said in remarks_on(answer.record, now) if said not in answer.warnings))


def hold_to_tell(record: CertificateRecord, now: datetime) -> Hold | None:
    """Return what holds a certificate's renewal, if somebody should know; that renewals keep their pace is no news."""
    if record.requested.waiting.auto_renew is not False:
        hold = hold_for_good(record, now)
        if hold is not None:
            return hold
    return None if record.refused_renewal is None else hold_on_renewal(record, now)


def with_notice_on_window(answer: Answer, requested: RequestedFields, defaults: WaitingAndRenewal) -> Answer:
    """Return the answer to an enrolment, with a warning where its window is cut."""
    if answer.record is not None and answer.record.current is not None:
        notice = notice_on_window(answer.record, defaults)
    else:
        asked = requested.ssl or requested.client
        life = timedelta(days=asked.validity_days) if asked else LONGEST_WINDOW
        notice = _notice_on_window(life, requested.waiting, defaults)
    return answer if notice is None else answer.with_warnings(notice)


def notice_on_window(record: CertificateRecord, defaults: WaitingAndRenewal) -> str | None:
    """Say that a certificate's window is longer than a third of its life, where it is."""
    if record.current is None:
        return None
    return _notice_on_window(record.current.life, record.requested.waiting, defaults)


def _notice_on_window(life: timedelta, *flags: WaitingAndRenewal) -> str | None:
    policy = renewal_policy(*flags)
    return notice_of_cut_window(policy.expiry_window, life) if policy.auto_renew else None


def _remarks_on_names(current: CurrentCertificate) -> Iterator[str]:
    if current.missing_names:
        yield f"the certificate lacks names that were ordered: {listed(current.missing_names)}"
    if current.other_names:
        yield f"the certificate has names that were not ordered: {listed(current.other_names)}"


def listed(names: Sequence[str]) -> str:
    """Return some names as text, and how many more there are."""
    shown = ", ".join(names[:MAX_NAMES_SHOWN])
    return shown if len(names) <= MAX_NAMES_SHOWN else f"{shown} and {len(names) - MAX_NAMES_SHOWN} more"
