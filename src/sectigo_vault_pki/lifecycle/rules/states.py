"""The states of an order, as data. Every change of state is in the table; an event that is not there is an error.

`orders/runner.py` and `collect/collector.py` act on the state that `advance` returns. A certificate has no state
machine: what to do with it next is derived from its record (`rules/policy.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias

from sectigo_vault_pki.errors import ScmError, SectigoVaultPkiError
from sectigo_vault_pki.pki import CertificateChain
from sectigo_vault_pki.scm import Accepted, Unnamed


class OrderState(Enum):
    """Where an order stands."""

    SUBMITTING = auto()
    """Stored, and on its way to SCM."""
    UNSETTLED = auto()
    """SCM may have taken it: the answer was lost."""
    PENDING = auto()
    """SCM took it, and the certificate has not been collected."""
    STUCK = auto()
    """The same, and SCM has given a reason why the certificate cannot be collected."""
    REFUSED = auto()
    NOT_BOOKED = auto()
    """SCM certainly did not take it."""
    GIVEN_UP = auto()
    """Whether SCM took it cannot be found out, and it no longer stands in the way of another."""
    COLLECTED = auto()


@dataclass(frozen=True, slots=True)
class Misnamed:
    """SCM took the order, and named it by the id of another certificate."""

    scm_id: int


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
    """SCM has no such order, long after it was sent; the reason where it is another than that."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Undecided:
    """Whether SCM took the order cannot be told yet."""

    doubt: str


@dataclass(frozen=True, slots=True)
class TooLongUndecided:
    """Whether SCM took the order could not be told for as long as it may stand in the way of another."""

    reason: str


@dataclass(frozen=True, slots=True)
class StillProcessing:
    """The certificate is not there yet."""


@dataclass(frozen=True, slots=True)
class Unreachable:
    """SCM could not be asked for the certificate."""

    error: ScmError


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


SubmitEvent: TypeAlias = Accepted | Unnamed | Misnamed | Refused | NotSent | AnswerLost
Evidence: TypeAlias = Found | NotFound | Undecided | TooLongUndecided
CollectEvent: TypeAlias = StillProcessing | Unreachable | IssuersMissing | Trouble | Collected
Event: TypeAlias = SubmitEvent | Evidence | CollectEvent

_COLLECTING: Mapping[type, OrderState] = {
    StillProcessing: OrderState.PENDING,
    Unreachable: OrderState.PENDING,
    IssuersMissing: OrderState.PENDING,
    Trouble: OrderState.STUCK,
    Collected: OrderState.COLLECTED,
}

ORDER: Mapping[OrderState, Mapping[type, OrderState]] = {
    OrderState.SUBMITTING: {
        Accepted: OrderState.PENDING,
        Unnamed: OrderState.UNSETTLED,
        Misnamed: OrderState.UNSETTLED,
        Refused: OrderState.REFUSED,
        NotSent: OrderState.NOT_BOOKED,
        AnswerLost: OrderState.UNSETTLED,
    },
    OrderState.UNSETTLED: {
        Found: OrderState.PENDING,
        NotFound: OrderState.NOT_BOOKED,
        Undecided: OrderState.UNSETTLED,
        TooLongUndecided: OrderState.GIVEN_UP,
    },
    OrderState.PENDING: _COLLECTING,
    OrderState.STUCK: _COLLECTING,  # people at SCM may change their mind, so it is asked again
    OrderState.REFUSED: {},
    OrderState.NOT_BOOKED: {},
    OrderState.GIVEN_UP: {},
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
