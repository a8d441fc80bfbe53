"""`tidy`, `tidy-status`, `tidy-cancel`, `config/auto-tidy`: delete what nobody asks for any more."""

from collections.abc import Mapping

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.lifecycle import TidyRuns, TidyState, TidyStatus
from sectigo_vault_pki.paths.answers.certificate_answer import FLAG, NUMBER, OBJECT, TEXT, TEXTS, Schema, rfc3339
from sectigo_vault_pki.paths.fields import tidy_fields as fields
from sectigo_vault_pki.paths.fields.columns import answer_schema, emptied_attributes, shown_values, stored_values
from sectigo_vault_pki.store import AutoTidy, TidyRules, TidyRun
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

STARTED = "Tidy operation successfully started: tidy-status says how far it has come."
IN_PROGRESS = "Tidy operation already in progress."
NOTHING_RUNS = "Tidy operation cannot be cancelled as none is currently running."
_ENABLE_ONE = "Enable at least one tidy operation to be run (tidy_cert_store / tidy_revoked_certs / tidy_orders)."
NOTHING_ASKED_FOR = f"Manual tidy requested but no tidy operations were set. {_ENABLE_ONE}"
AUTO_NOTHING = f"Auto-tidy enabled but no tidy operations were requested. {_ENABLE_ONE}"

KEPT = (
    "open: an order, a call or a renewal is open; to_be_renewed: it would still be renewed automatically; lost_order: "
    "SCM may yet issue for a key of it; renewed: the first of a chain of renewals that goes on; led_to: an older "
    "certificate leads to it; newest_of_role: a role returned it last; clock: SCM has not told of late that the clocks "
    "agree"
)

TIDY_SCHEMA: Schema = {
    **answer_schema(fields.OF_TIDY),
    "cert_store_deleted_count": {**NUMBER, "description": "Number of certificates deleted by tidy_cert_store"},
    "checked_count": {**NUMBER, "description": "Number of entries that were looked at"},
    "deleted": {
        **TEXTS,
        "description": "Names of what was deleted, or would be by a run that is no dry run: the first 100",
    },
    "error": {**TEXT, "description": "What ended the run early; empty otherwise"},
    "errors": {**TEXTS, "description": "What is wrong with entries that were left alone: the first 100"},
    "further_errors": {**NUMBER, "description": "Number of errors that are not listed"},
    "kept_counts": {
        **OBJECT,
        "description": f"Number of certificates that stay though their buffer is over, by the reason: {KEPT}",
    },
    "last_auto_tidy_finished": {
        **TEXT,
        "description": "End of the newest run that was no dry run (RFC 3339): the interval begins then",
    },
    "message": {**TEXT, "description": "What the run does at the moment; empty after its end"},
    "orders_deleted_count": {**NUMBER, "description": "Number of entries deleted by tidy_orders"},
    "revoked_cert_deleted_count": {**NUMBER, "description": "Number of certificates deleted by tidy_revoked_certs"},
    "state": {"type": "string", "enum": [state.value for state in TidyState]},
    "time_finished": {**TEXT, "description": "When the run ended (RFC 3339); empty while it goes on"},
    "time_started": {**TEXT, "description": "When the run began (RFC 3339)"},
}
AUTO_SCHEMA: Schema = {**answer_schema(fields.OF_AUTO_TIDY), fields.ENABLED.name: FLAG}


def path_tidy(runs: TidyRuns) -> Path:
    """Declare the write that begins a run."""

    async def write(request: Request, data: FieldData) -> Response:
        rules = changed_rules(TidyRules(), data)
        if not rules.is_anything_asked_for:
            return await answered(NOTHING_ASKED_FOR)
        dry_run = bool(data.get(fields.DRY_RUN))
        if not await runs.begin(rules, dry_run=dry_run, requested_by=request.requester):
            return await answered(IN_PROGRESS)
        if not dry_run:
            return await answered(STARTED)
        await runs.wait(request.time_limit)
        return await answered()

    async def answered(*warnings: str) -> Response:
        return Response(data=_shown(await runs.status()), warnings=warnings)

    return Path(
        template="tidy",
        fields=fields.OF_TIDY,
        operations={Operation.UPDATE: Handler(write, forwarded=True, answer=TIDY_SCHEMA, operation_id="tidy")},
        synopsis="Delete expired certificates, and what orders have left behind.",
        description=DESCRIPTION,
        strict=fields.STRICT,
    )


def path_tidy_status(runs: TidyRuns) -> Path:
    """Declare the read of the newest run; only the active node knows how far one has come."""

    async def read(_request: Request, _data: FieldData) -> Response:
        return Response(data=_shown(await runs.status()))

    return Path(
        template="tidy-status",
        fields=(),
        operations={Operation.READ: Handler(read, forwarded=True, answer=TIDY_SCHEMA, operation_id="tidy-status")},
        synopsis="Read the status of the newest tidy operation.",
        description=STATUS_DESCRIPTION,
    )


def path_tidy_cancel(runs: TidyRuns) -> Path:
    """Declare the write that ends a run."""

    async def write(_request: Request, _data: FieldData) -> Response:
        if not runs.cancel():
            return Response(data=_shown(await runs.status()), warnings=(NOTHING_RUNS,))
        return Response(data=_shown(await runs.status()))

    return Path(
        template="tidy-cancel",
        fields=(),
        operations={Operation.UPDATE: Handler(write, forwarded=True, answer=TIDY_SCHEMA, operation_id="tidy-cancel")},
        synopsis="Cancel the tidy operation that is running.",
        description=CANCEL_DESCRIPTION,
    )


def path_auto_tidy(runs: TidyRuns) -> Path:
    """Declare write, patch and read of when runs begin automatically."""

    async def write(_: Request, data: FieldData) -> Response:
        return Response(data=shown_auto_tidy(await runs.put_auto_tidy(lambda stored: changed_auto_tidy(stored, data))))

    async def read(_request: Request, _data: FieldData) -> Response:
        return Response(data=shown_auto_tidy(await runs.auto_tidy()))

    summary = "Configure automatic tidy operations."
    return Path(
        template="config/auto-tidy",
        fields=fields.OF_AUTO_TIDY,
        operations={
            Operation.UPDATE: Handler(
                write, summary=summary, forwarded=True, answer=AUTO_SCHEMA, operation_id="configure-auto-tidy"
            ),
            Operation.PATCH: Handler(write, summary=summary, forwarded=True, answer=AUTO_SCHEMA),
            Operation.READ: Handler(
                read,
                summary="Read the configuration of automatic tidy operations.",
                answer=AUTO_SCHEMA,
                operation_id="read-auto-tidy-configuration",
            ),
        },
        synopsis="Configure automatic tidy operations.",
        operation_words="config auto tidy",
        description=AUTO_DESCRIPTION,
        strict=fields.STRICT,
    )


def changed_rules(rules: TidyRules, data: FieldData) -> TidyRules:
    """Return rules after a write: what it does not mention stays, and empty text brings back a default."""
    default = TidyRules()
    removed = {name: getattr(default, name) for name in emptied_attributes(fields.RULES, data)}
    return rules.model_copy(update=removed | stored_values(fields.RULES, data))


def changed_auto_tidy(stored: AutoTidy, data: FieldData) -> AutoTidy:
    """Return the configuration after a write.

    Raises:
        InvalidInputError: it would be enabled, and do nothing.
    """
    default = AutoTidy()
    removed = {name: getattr(default, name) for name in emptied_attributes(fields.SCHEDULE, data)}
    schedule = removed | stored_values(fields.SCHEDULE, data)
    changed = stored.model_copy(update={**schedule, "rules": changed_rules(stored.rules, data)})
    if changed.enabled and not changed.rules.is_anything_asked_for:
        raise InvalidInputError(AUTO_NOTHING)
    return changed


def shown_auto_tidy(config: AutoTidy) -> Mapping[str, object]:
    """Return the configuration as a read shows it, with the defaults in force."""
    return {**shown_values(fields.SCHEDULE, config, with_defaults=True), **_shown_rules(config.rules)}


def _shown_rules(rules: TidyRules) -> Mapping[str, object]:
    in_force = rules.model_copy(update={"revoked_safety_buffer": rules.buffer_of_revoked})
    return shown_values(fields.RULES, in_force, with_defaults=True)


def _shown(status: TidyStatus) -> Mapping[str, object]:
    run = status.run
    return {
        **_shown_rules(TidyRules() if run is None else run.rules),
        **_counts(run),
        "dry_run": run is not None and run.dry_run,
        "error": status.error,
        "last_auto_tidy_finished": rfc3339(run.last_tidied_at if run else None),
        "message": _message(status),
        "state": status.state.value,
        "time_finished": rfc3339(run.ended_at if run else None),
        "time_started": rfc3339(run.started_at if run else None),
    }


def _counts(run: TidyRun | None) -> Mapping[str, object]:
    return {
        "cert_store_deleted_count": run.certificates if run else 0,
        "checked_count": run.checked if run else 0,
        "deleted": list(run.deleted) if run else [],
        "errors": list(run.errors) if run else [],
        "further_errors": run.further_errors if run else 0,
        "kept_counts": dict(sorted(run.kept.items())) if run else {},
        "orders_deleted_count": run.orders if run else 0,
        "revoked_cert_deleted_count": run.revoked if run else 0,
    }


def _message(status: TidyStatus) -> str:
    if status.run is None or status.state not in {TidyState.RUNNING, TidyState.CANCELLING}:
        return ""
    return f"Tidying: {status.run.checked} entries checked"


DESCRIPTION = """
Deletes certificates that expired longer than safety_buffer ago, with their keys, and what orders have left behind. A
call without tidy_cert_store, tidy_revoked_certs or tidy_orders does nothing. Nothing is called at Sectigo Certificate
Manager. The operation runs in the background, one at a time; tidy-status tells how far it has come.

tidy_cert_store deletes certificates that were not revoked, tidy_revoked_certs those that were; both only after their
expiry. These stay:

* A certificate with an open order, call or renewal, or whose replaced version is still valid.
* A certificate that would still be renewed automatically, also while renewals are suspended, refused, or out of budget.
  To let it go, write sectigo_auto_renew=false to certs/:config_name/:sectigo_cert_unique_id, or delete it.
* A certificate with the key of an order whose answer was lost, as long as a certificate of that order could be valid.
* The first and the newest of a chain of renewals, as long as one of the chain stays: reads of the first id, its
  sectigo_request_id and the issue/ requests of a role lead to the newest. Those between them go when their own buffer
  is over, and their ids answer 404 then.
* The certificate that a role returned last.
* Every certificate, unless SCM's time, as its last answer within 48 hours told it, agrees with the plugin's clock: a
  clock that is wrong makes everything look expired. configs/:config_name/test asks SCM.

tidy_orders deletes records of orders that SCM has declined, or revoked before they were collected; orders whose
answer was lost and that SCM certainly does not have; and ids of orders and requests of which nothing is stored. An
order of which that is not certain stays.

An operation that a restart or a change of the active node interrupts does not continue; the next one does what is left.
"""

STATUS_DESCRIPTION = """
Returns the parameters, the state and the counts of the newest tidy operation, dry runs included. state is Inactive
before the first one, then Running, Finished, Error, Cancelling or Cancelled. An operation that a restart or a change of
the active node has interrupted is in the state Error, and error says so.
"""

CANCEL_DESCRIPTION = """
Ends the running tidy operation before the next entry. What it has deleted stays deleted.
"""

AUTO_DESCRIPTION = """
Configures tidy operations that begin automatically, on the active node: interval_duration after the end of the last
one, and at once if there was none; after a restart, when SCM has first answered. tidy with dry_run=true shows what one
would delete. The other fields are those of tidy. A write changes what it mentions, and empty text brings back a
default.
"""
