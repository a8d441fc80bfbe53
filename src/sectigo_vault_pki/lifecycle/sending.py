"""Sending an order: whatever SCM does to the call becomes an event of the order's state table."""

import logging
from collections.abc import Awaitable
from typing import TypeAlias

from sectigo_vault_pki.errors import ScmAnswerLostError, ScmRefusedError, ScmUnavailableError
from sectigo_vault_pki.lifecycle.states import Accepted, AnswerLost, NotSent, OrderState, Refused, Unnamed, advance
from sectigo_vault_pki.store import OrderRecord

_log = logging.getLogger(__name__)

SubmitEvent: TypeAlias = Accepted | Unnamed | Refused | NotSent | AnswerLost


async def send(call: Awaitable[Accepted | Unnamed], *, config_name: str, order: OrderRecord) -> SubmitEvent:
    """Await the call that orders something, and say what became of it."""
    event = await _event_of(call)
    state = advance(OrderState.SUBMITTING, event)
    _log.info(
        "order submitted",
        extra={
            "kv": {
                "config": config_name,
                "order": order.uuid,
                "operation": order.operation,
                "state": state.name,
            }
        },
    )
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
