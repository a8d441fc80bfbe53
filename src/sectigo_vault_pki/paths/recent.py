"""`recent/:window`: what happened lately to orders and certificates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sectigo_vault_pki.lifecycle import Engine, order_id
from sectigo_vault_pki.paths.answers.certificate_answer import LIST_SCHEMA, NUMBER, TEXT, Schema, rfc3339
from sectigo_vault_pki.paths.answers.summary_answer import LIMIT_OF_DETAILS
from sectigo_vault_pki.paths.fields import field_kinds
from sectigo_vault_pki.store import Event
from sectigo_vault_pki.vault_plugin.framework import Field, FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response, list_response

MAX_SHOWN = 1000
MAX_EVENTS = 20
"""Events that are told of each of them."""

WINDOW = Field(
    name="window",
    label="Window",
    kind=field_kinds.window(),
    description="How far to look back: a number of days, or a duration such as 12h. Events are kept for 30 days.",
)
LIMIT = replace(LIMIT_OF_DETAILS, description=f"Return at most so many; {MAX_SHOWN} are the most, and the default.")

EVENT_PROPERTIES: Schema = {
    "code": {**NUMBER, "description": "SCM's code; 0 where it gave none"},
    "error": {**TEXT, "description": "Why something failed; empty where it did not"},
    "event": {**TEXT, "description": "What happened, in the words of the log"},
    "order": {**TEXT, "description": "The order's id"},
    "requested_by": {**TEXT, "description": "Who asked for it, or automatic"},
    "time": {**TEXT, "description": "When it happened (RFC 3339)"},
}
RECENT_SCHEMA: Schema = {
    **LIST_SCHEMA,
    "key_info": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "properties": {
                **EVENT_PROPERTIES,
                "common_name": TEXT,
                "config": TEXT,
                "events": {
                    "type": "array",
                    "items": {"type": "object", "properties": EVENT_PROPERTIES},
                    "description": f"What happened to it, newest first, at most {MAX_EVENTS}",
                },
                "unique_id": TEXT,
            },
        },
        "description": "Of each one its newest event, and those before it",
    },
}


def path_recent_list(engine: Engine) -> Path:
    """Declare the list."""

    async def list_recent(_: Request, data: FieldData) -> Response:
        events = await engine.inventory.events_since(field_kinds.window_length(data[WINDOW]))
        return _shown(_by_subject(events), data.get(LIMIT) or 0)

    return Path(
        template="recent/{window}/",
        fields=(WINDOW, LIMIT),
        operations={
            Operation.LIST: Handler(
                list_recent,
                summary="List what happened lately.",
                query=(LIMIT,),
                answer=RECENT_SCHEMA,
                operation_id="list-recent",
            )
        },
        synopsis="List what happened lately to orders and certificates, newest first.",
        description=DESCRIPTION,
    )


DESCRIPTION = """
Returns the certificates and orders under all config entries to which something happened within the window, as
<config_name>/<unique_id> or <config_name>/order-<uuid>, those with the newest event first; key_info has the events:
what was ordered, issued, renewed, replaced, revoked, imported or deleted, what SCM refused, and which answers were
lost. An order that SCM refused is not stored, so that nothing can be read of it but this. Events are kept for 30 days.
They are stored once a minute: another node sees them by then, and a process that is killed takes those of its last
minute with it, which the log has.
"""


def _by_subject(events: Sequence[Event]) -> Mapping[str, list[Event]]:
    """Return the events of each certificate or order, those with the newest first."""
    found: dict[str, list[Event]] = {}
    for event in events:
        subject = event.unique_id or (order_id(event.order) if event.order else "")
        if subject:
            found.setdefault(f"{event.config_name}/{subject}", []).append(event)
    return found


def _shown(by_subject: Mapping[str, list[Event]], limit: int) -> Response:
    size = min(limit, MAX_SHOWN) if limit > 0 else MAX_SHOWN
    shown = {key: _of_subject(key, events) for key, events in [*by_subject.items()][:size]}
    left = len(by_subject) - len(shown)
    warnings = (f"there are {left} more: a shorter window shows less",) if left and not 0 < limit <= MAX_SHOWN else ()
    if not shown:
        return list_response(())
    return Response(data={"keys": list(shown), "key_info": shown}, warnings=warnings)


def _of_subject(key: str, events: Sequence[Event]) -> dict[str, object]:
    newest = events[0]
    return {
        **_event(newest),
        "common_name": next((event.domain for event in events if event.domain), ""),
        "config": newest.config_name,
        "events": [_event(event) for event in events[:MAX_EVENTS]],
        "unique_id": key.removeprefix(f"{newest.config_name}/"),
    }


def _event(event: Event) -> dict[str, object]:
    return {
        "code": event.code or 0,
        "error": event.error,
        "event": event.what,
        "order": event.order,
        "requested_by": event.requested_by,
        "time": rfc3339(event.at),
    }
