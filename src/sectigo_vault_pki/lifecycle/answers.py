"""What the engine answers: a certificate's record, or an order that SCM has not named."""

from dataclasses import dataclass, replace
from typing import TypeAlias

from sectigo_vault_pki.store import CertificateRecord, OrderRecord, Status


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
    """

    uuid: str
    status: Status
    order: OrderRecord | None
    warnings: tuple[str, ...] = ()


Answer: TypeAlias = CertificateAnswer | OrderAnswer

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
