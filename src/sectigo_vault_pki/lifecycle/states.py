"""The states of an order, as data. Every change of state is in the table; an event that is not, is an error.

A certificate has no state machine: what to do with it next is derived from its record (`policy`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from sectigo_vault_pki import scm
from sectigo_vault_pki.errors import ScmError, SectigoVaultPkiError
from sectigo_vault_pki.pki import CertificateChain


class OrderState(Enum):
    """Where an order stands."""

    SUBMITTING = auto()
    """Stored, and on its way to SCM."""
    UNSETTLED = auto()
    """SCM may have taken it: the answer was lost."""
    PENDING = auto()
    """SCM took it, and the certificate has not been collected."""
    REFUSED = auto()
    NOT_BOOKED = auto()
    """SCM certainly did not take it."""
    COLLECTED = auto()


Accepted = scm.Accepted
Unnamed = scm.Unnamed


@dataclass(frozen=True, slots=True)
class Refused:
    """SCM said no."""

    error: ScmError


@dataclass(frozen=True, slots=True)
class NotSent:
    """SCM was not reached, or was too busy to take anything."""

    error: ScmError


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """The order was sent and no clear answer came."""

    error: ScmError


@dataclass(frozen=True, slots=True)
class Found:
    """SCM's list has the order that carries our mark."""

    scm_id: int


@dataclass(frozen=True, slots=True)
class NotFound:
    """SCM's list has no order with our mark, long after the order was sent."""


@dataclass(frozen=True, slots=True)
class StillProcessing:
    """The certificate is not there yet, or SCM could not be asked: the order goes on."""

    trouble: ScmError | None = None


@dataclass(frozen=True, slots=True)
class IssuersMissing:
    """The certificate came without its issuers; asked once more, SCM may have them."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """SCM, or what it delivered, gives a reason why the certificate cannot be collected now."""

    error: SectigoVaultPkiError
    code: int | None
    description: str


@dataclass(frozen=True, slots=True)
class Collected:
    """The certificate is here, and fits the order's key."""

    chain: CertificateChain = field(repr=False)


Event: TypeAlias = (
    Accepted
    | Unnamed
    | Refused
    | NotSent
    | AnswerLost
    | Found
    | NotFound
    | StillProcessing
    | IssuersMissing
    | Trouble
    | Collected
)

ORDER: Mapping[OrderState, Mapping[type, OrderState]] = {
    OrderState.SUBMITTING: {
        Accepted: OrderState.PENDING,
        Unnamed: OrderState.UNSETTLED,
        Refused: OrderState.REFUSED,
        NotSent: OrderState.NOT_BOOKED,
        AnswerLost: OrderState.UNSETTLED,
    },
    OrderState.UNSETTLED: {
        Found: OrderState.PENDING,
        NotFound: OrderState.NOT_BOOKED,
    },
    OrderState.PENDING: {
        StillProcessing: OrderState.PENDING,
        IssuersMissing: OrderState.PENDING,
        Trouble: OrderState.PENDING,
        Collected: OrderState.COLLECTED,
    },
    OrderState.REFUSED: {},
    OrderState.NOT_BOOKED: {},
    OrderState.COLLECTED: {},
}


class OrderStateError(RuntimeError):
    """An event came that the order's state does not know: a fault of ours."""


def advance(state: OrderState, event: Event) -> OrderState:
    """Return the state after the event.

    Raises:
        OrderStateError: the table has no such step.
    """
    try:
        return ORDER[state][type(event)]
    except KeyError:
        raise OrderStateError(f"{type(event).__name__} in {state.name}") from None
