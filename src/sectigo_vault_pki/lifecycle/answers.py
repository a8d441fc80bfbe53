"""What the engine answers: a certificate's record, or an order that SCM has not named."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from sectigo_vault_pki.lifecycle.rules.renewal_rule import (
    LONGEST_WINDOW,
    Hold,
    hold_for_good,
    hold_on_renewal,
    notice_of_cut_window,
    renewal_policy,
)
from sectigo_vault_pki.store import (
    CertificateRecord,
    CurrentCertificate,
    OrderRecord,
    RequestedFields,
    Status,
    WaitingAndRenewal,
)

MAX_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class CertificateAnswer:
    """A certificate as it stands.

    Attributes:
        of_replacement: the answer is about the replacement in flight, whose key and CSR it shows, and not about the
            certificate that is still in hand.
    """

    record: CertificateRecord
    warnings: tuple[str, ...] = ()
    of_replacement: bool = False

    def with_warnings(self, *warnings: str) -> "CertificateAnswer":
        """Return the answer with more warnings."""
        return replace(self, warnings=self.warnings + warnings)


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """An order without an id of SCM's.

    Attributes:
        uuid: names it as `order-<uuid>`.
        status: `UNSETTLED` where SCM's answer was lost, `TIMEOUT_STATE_SAVED` while the order is being sent.
        order: what is stored of it; None while its key is still being made.
        is_not_booked: SCM certainly has no such order, so that nothing was bought.
    """

    uuid: str
    status: Status
    order: OrderRecord | None
    warnings: tuple[str, ...] = ()
    is_not_booked: bool = False


Answer: TypeAlias = CertificateAnswer | OrderAnswer


def remarks_on(record: CertificateRecord, now: datetime) -> tuple[str, ...]:
    """Return what whoever gets a certificate should know of it."""
    current = record.current
    if current is None or record.renewed_to is not None:
        return ()
    remarks = [*_remarks_on_names(current)]
    if current.lacks_issuers:
        remarks.append("SCM delivered the certificate without the certificates of its issuers")
    if record.revoked_at is None and (hold := _hold_to_tell(record, now)) is not None:
        remarks.append(hold.reason if hold.until else f"this certificate is not renewed automatically: {hold.reason}")
    return tuple(remarks)


def notice_of_deleted_renewal(config_name: str, record: CertificateRecord) -> str:
    """Say what can be done where a certificate was renewed, and its renewal was deleted here."""
    scm_id = (record.renewed_to or "").partition("_")[0]
    return (
        f"its renewal {record.renewed_to} is not stored any more, and it is not renewed automatically again: "
        f"fetch/{config_name}/{scm_id} brings it back, and renew/{config_name}/{record.unique_id} orders another one"
    )


def with_remarks(answer: Answer, now: datetime) -> Answer:
    """Return an answer that carries a certificate with what whoever gets it should know, said once."""
    if not isinstance(answer, CertificateAnswer) or answer.of_replacement:
        return answer
    remarks = [remark for remark in remarks_on(answer.record, now) if remark not in answer.warnings]
    return answer.with_warnings(*remarks)


def _hold_to_tell(record: CertificateRecord, now: datetime) -> Hold | None:
    if record.requested.waiting.auto_renew is not False:
        hold = hold_for_good(record, now)
        if hold is not None:
            return hold
    return None if record.refused_renewal is None else hold_on_renewal(record, now)


def with_notice_on_window(answer: Answer, requested: RequestedFields, defaults: WaitingAndRenewal) -> Answer:
    """Return the answer to an enrolment, with a warning where its window is cut."""
    if isinstance(answer, CertificateAnswer) and answer.record.current is not None:
        notice = notice_on_window(answer.record, defaults)
    else:
        asked = requested.ssl or requested.client
        life = timedelta(days=asked.validity_days) if asked else LONGEST_WINDOW
        notice = _notice_on_window(life, requested.waiting, defaults)
    return answer if notice is None else replace(answer, warnings=(*answer.warnings, notice))


def notice_on_window(record: CertificateRecord, defaults: WaitingAndRenewal) -> str | None:
    """Say that a certificate's window is longer than a third of its life, where it is."""
    if record.current is None:
        return None
    return _notice_on_window(record.current.life, record.requested.waiting, defaults)


def _notice_on_window(life: timedelta, *wishes: WaitingAndRenewal) -> str | None:
    policy = renewal_policy(*wishes)
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


ORDER_ID_PREFIX = "order-"


def order_id(order_uuid: str) -> str:
    """Return the unique id that an order has until SCM names it."""
    return f"{ORDER_ID_PREFIX}{order_uuid}"


def unsettled(order: OrderRecord, reason: str, config_name: str) -> OrderAnswer:
    """Answer for an order of which nobody knows whether SCM has it."""
    name = order.unique_id or order_id(order.uuid)
    warning = (
        f"{reason}; do not order again: the key is saved, and reading certs/{config_name}/{name} finds out what became "
        "of it"
    )
    return OrderAnswer(order.uuid, Status.UNSETTLED, order, (warning,))
