"""Sending an order: whatever SCM does to the call becomes an event of the order's state table."""

import logging
from collections.abc import Awaitable
from typing import TypeAlias

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.order_log import of_order, of_refusal
from sectigo_vault_pki.lifecycle.rules.states import (
    Accepted,
    AnswerLost,
    NotSent,
    OrderState,
    Refused,
    Unnamed,
    advance,
)
from sectigo_vault_pki.store import OrderRecord

_log = logging.getLogger(__name__)

SubmitEvent: TypeAlias = Accepted | Unnamed | Refused | NotSent | AnswerLost


async def send(call: Awaitable[Accepted | Unnamed], *, config_name: str, order: OrderRecord) -> SubmitEvent:
    """Await the call that orders something, and say what became of it."""
    event = await _event_of(call)
    state = advance(OrderState.SUBMITTING, event).name.lower()
    match event:
        case Accepted(scm_id):
            _log.info("order submitted", extra=of_order(config_name, order, state=state, scm_id=scm_id))
        case Unnamed():
            _log.info("order submitted", extra=of_order(config_name, order, state=state))
        case Refused(error) | NotSent(error) | AnswerLost(error):
            extra = of_order(config_name, order, state=state, **of_refusal(error))
            _log.warning("order was not accepted", extra=extra)
    return event


async def _event_of(call: Awaitable[Accepted | Unnamed]) -> SubmitEvent:
    try:
        return await call
    except ScmRefusedError as error:
        return Refused(error)
    except ScmUnavailableError as error:
        return NotSent(error)
    except ScmAnswerLostError as error:
        return AnswerLost(error)
