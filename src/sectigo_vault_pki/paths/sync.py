"""`sync/:config_name`: compare a config entry with SCM, and correct what is stored."""

from collections.abc import Mapping

from sectigo_vault_pki.lifecycle import Engine, ShownRun
from sectigo_vault_pki.paths.answers.certificate_answer import NUMBER, OBJECT, TEXT, TEXTS, Schema, rfc3339
from sectigo_vault_pki.paths.error_kinds import SCM_FAILURES
from sectigo_vault_pki.paths.fields import sync_fields
from sectigo_vault_pki.paths.fields.common_fields import CONFIG_NAME
from sectigo_vault_pki.store import Difference, SyncRun
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

MEANINGS: Mapping[Difference, str] = {
    Difference.REVOKED: "revoked at SCM, and marked as revoked",
    Difference.REPLACED: "replaced at SCM under its id; the newer one fits a stored key, and is stored with it",
    Difference.REPLACED_WITHOUT_KEY: "replaced at SCM with another key; the earlier one stays stored",
    Difference.RENEWED: "renewed at SCM; the renewal fits a stored key, and is stored with it",
    Difference.RENEWED_WITHOUT_KEY: "renewed at SCM with another key; imported only with import_missing",
    Difference.SETTLED: "the outcome of an order whose answer was lost",
    Difference.UNSETTLED: "an order whose answer was lost, and that was not found",
    Difference.IMPORTED: "only SCM had it; imported without its key",
    Difference.ONLY_AT_SCM: "only SCM has it",
    Difference.KEY_LOST: "this engine ordered it, and no order of it is stored: its key is lost",
    Difference.NOT_AT_SCM: "stored and valid, and SCM does not list it",
}

SYNC_SCHEMA: Schema = {
    "by": {**TEXT, "description": "Whether SCM was asked by reports or by lists; empty before it was asked"},
    "calls": {**NUMBER, "description": "Number of calls to SCM"},
    "compared": {**NUMBER, "description": "Number of SCM's entries that were compared"},
    "counts": {
        **OBJECT,
        "description": "Number of differences by kind: "
        + "; ".join(f"{kind.value}: {meaning}" for kind, meaning in MEANINGS.items()),
    },
    "dry_run": {"type": "boolean", "description": "Whether nothing is changed"},
    "ended_at": {**TEXT, "description": "When the run ended, RFC 3339; empty while it continues"},
    "errors": {**TEXTS, "description": "What could not be done, and why: the first 100"},
    "found": {**OBJECT, "description": "Unique ids by the kinds of counts: the first 100 of each"},
    "from": {**TEXT, "description": "First day on which the compared certificates expire"},
    "further_errors": {**NUMBER, "description": "Number of errors that are not listed"},
    "import_missing": {"type": "boolean", "description": "Whether certificates that only SCM has are imported"},
    "started_at": {**TEXT, "description": "When the run began, RFC 3339"},
    "status": {
        "type": "string",
        "enum": ["running", "waiting", "ended"],
        "description": "running; waiting, if it continues later; ended",
    },
    "to": {**TEXT, "description": "Last day on which the compared certificates expire"},
    "waiting_for": {**TEXT, "description": "Why it continues later; empty otherwise"},
    "whole": {"type": "boolean", "description": "Whether all of SCM's entries within the days could be compared"},
}


def path_sync(engine: Engine) -> Path:
    """Declare the comparison of a config entry with SCM."""

    async def write(request: Request, data: FieldData) -> Response:
        dry_run = data.get(sync_fields.DRY_RUN)
        shown = await engine.sync.write(
            data[CONFIG_NAME],
            dry_run=dry_run is None or dry_run,
            first=data.get(sync_fields.FROM),
            last=data.get(sync_fields.TO),
            import_missing=bool(data.get(sync_fields.IMPORT_MISSING)),
            requested_by=request.requester,
            time_limit=request.time_limit,
        )
        return Response(data=_shown(shown), warnings=_warnings(data[CONFIG_NAME], shown.run))

    async def read(_: Request, data: FieldData) -> Response:
        return Response(data=_shown(await engine.sync.read(data[CONFIG_NAME])))

    return Path(
        template="sync/{config_name}",
        fields=(CONFIG_NAME, *sync_fields.FIELDS),
        operations={
            Operation.UPDATE: Handler(
                write,
                summary="Compare a config entry with SCM, and correct what is stored.",
                forwarded=True,
                body=sync_fields.FIELDS,
                answer=SYNC_SCHEMA,
                failures=SCM_FAILURES,
            ),
            Operation.READ: Handler(
                read, summary="Read the newest comparison of a config entry with SCM.", answer=SYNC_SCHEMA
            ),
        },
        synopsis="Compare a config entry with SCM, and correct what is stored.",
        description=DESCRIPTION,
    )


def _shown(shown: ShownRun) -> dict[str, object]:
    run = shown.run
    by = {None: "", True: "lists", False: "reports"}
    return {
        "by": by[run.by_lists],
        "calls": run.calls,
        "compared": run.compared,
        "counts": {kind.value: run.counts[kind] for kind in Difference if kind in run.counts},
        "dry_run": run.request.dry_run,
        "ended_at": rfc3339(run.ended_at),
        "errors": list(run.errors),
        "found": {kind.value: list(run.found[kind]) for kind in Difference if kind in run.found},
        "from": run.request.first.isoformat(),
        "further_errors": run.further_errors,
        "import_missing": run.request.import_missing,
        "started_at": rfc3339(run.started_at),
        "status": _status(shown),
        "to": run.request.last.isoformat(),
        "waiting_for": "" if shown.is_working else run.waiting,
        "whole": run.is_whole,
    }


def _status(shown: ShownRun) -> str:
    if shown.run.ended_at is not None:
        return "ended"
    return "running" if shown.is_working else "waiting"


def _warnings(config_name: str, run: SyncRun) -> tuple[str, ...]:
    found, counts = [], run.counts
    if run.ended_at is None:
        reason = f" ({run.waiting})" if run.waiting else ""
        found.append(f"the comparison continues in the background{reason}: read sync/{config_name}")
    elif run.request.dry_run and counts:
        found.append("nothing was changed: write dry_run=false to correct what is stored")
    if imported := counts.get(Difference.IMPORTED):
        has = "would be" if run.request.dry_run else "were"
        found.append(
            f"{imported} certificates {has} imported without their private keys, and are not renewed automatically"
        )
    if lost := counts.get(Difference.KEY_LOST):
        found.append(
            f"the keys of {lost} certificates are lost: this engine ordered them, and no order of them is stored"
        )
    return tuple(found)


DESCRIPTION = """
Compares the certificates that are stored under the config entry with those that Sectigo Certificate Manager has, and
corrects what is stored: certificates that were revoked, replaced or renewed elsewhere, and orders whose answer was
lost. A newer certificate is stored only with a stored key that belongs to it. Certificates that only SCM has are
listed, or imported without their keys (import_missing); those that another config entry of this mount stores, or that
SCM assigns to another organization, are left out. Nothing is ordered, renewed or revoked at SCM.

A dry run, which is the default, changes nothing and returns what a real one would do. SCM is asked by reports of the
days from which and to which certificates expire, or by its lists if it has no reports. Lists of SSL certificates tell
neither the day nor the comments: from and to then apply to stored certificates only, and lost keys are not found.

The comparison is a task of its own: the write returns when it has ended, or when the request may not wait any longer.
It then continues in the background, also after a restart; reading sync/:config_name returns how far it has come. There
is one at a time for each config entry.
"""
