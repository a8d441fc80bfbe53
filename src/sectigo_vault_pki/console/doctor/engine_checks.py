"""Checks of what the engine says of itself: orders, renewals, background work."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sectigo_vault_pki.console.doctor.examination import Examination, NotApplicableError
from sectigo_vault_pki.console.doctor.results import Result, critical, informational, warning
from sectigo_vault_pki.console.server import NOT_FOUND

_SHOWN = 5
_BACKGROUND_IS_LATE = timedelta(minutes=15)
EXPIRING_WINDOW = "7d"


def background_work(examination: Examination) -> Iterator[Result]:
    background = examination.status.get("background") or {}
    path = f"{examination.mount}/status"
    if background.get("enabled") is False:
        message = "background work is disabled: nothing is collected or renewed between reads"
        advice = "Unless this is a copy of a server, remove SECTIGO_VAULT_PKI_BACKGROUND=off and reload the plugin."
        yield warning(path, message, advice)
        return
    if error := background.get("last_error"):
        yield warning(path, f"the last background run failed: {error}", "See the server's log.")
    ended = _moment(background.get("ended_at"))
    if ended is not None and examination.now - ended > _BACKGROUND_IS_LATE:
        minutes = (examination.now - ended).total_seconds() / 60
        message = f"the last background run was {minutes:.0f} minutes ago, and one a minute is usual"
        yield warning(path, message, "See the server's log; only the active node works in the background.")


def open_orders(examination: Examination) -> Iterator[Result]:
    status, path = examination.status, f"{examination.mount}/status"
    if unsettled := status.get("unsettled"):
        advice = "Read them: that settles them. Do not order again. See docs/guide/lost-answers.md."
        yield warning(path, f"{unsettled} orders have an unknown outcome", advice)
    if pending := status.get("pending"):
        message = f"{pending} certificates have an order in progress at SCM"
        yield informational(path, message, "An approval or a domain validation may be missing; read one for its state.")


def unreadable_records(examination: Examination) -> Iterator[Result]:
    for name in _texts(examination.status.get("unreadable")):
        advice = "If a newer version wrote it, run that version; else restore it from a backup."
        yield critical(name, "the stored entry is damaged, or was written by a newer version", advice)


def held_renewals(examination: Examination) -> Iterator[Result]:
    held = _held(examination)
    for certificate, reason in held[:_SHOWN]:
        advice = "Fix the cause; a write on renew/ renews it at once."
        yield warning(certificate, f"its automatic renewal is held: {reason}", advice)
    if len(held) > _SHOWN:
        yield warning(f"{examination.mount}/status", f"{len(held) - _SHOWN} more renewals are held")


def expired(examination: Examination) -> Iterator[Result]:
    if count := examination.status.get("expired"):
        message = f"{count} certificates have ended and were neither renewed nor revoked"
        advice = "`sectigo-vault-pki report` lists them: renew those that are needed, and delete the others."
        yield warning(f"{examination.mount}/status", message, advice)


def engine_warnings(examination: Examination) -> Iterator[Result]:
    held = tuple(f"{certificate}: " for certificate, _ in _held(examination))
    for said in _texts(examination.status.get("warnings")):
        if not said.startswith(held):
            yield warning(f"{examination.mount}/status", said, "See docs/guide/troubleshooting.md for the text.")


def ends_soon(examination: Examination) -> Iterator[Result]:
    path = f"{examination.mount}/expiring/{EXPIRING_WINDOW}"
    answer = examination.listing(path)
    if answer.status == NOT_FOUND and any("unsupported path" in error for error in answer.errors):
        raise NotApplicableError(f"this version of the plugin does not know {path}")
    infos = answer.data.get("key_info")
    infos = infos if isinstance(infos, dict) else {}
    for key in answer.keys[:_SHOWN]:
        info = infos.get(key) or {}
        name, ends = info.get("common_name") or key, info.get("not_after") or "soon"
        where = f"{examination.mount}/certs/{info.get('config', '<config>')}/{info.get('unique_id') or key}"
        advice = f"`bao read {where}/summary` says why it is not renewed."
        yield warning(where, f"{name} ends at {ends}, and has no successor yet", advice)
    if len(answer.keys) > _SHOWN:
        number = f"{'at least ' if answer.warnings else ''}{len(answer.keys) - _SHOWN}"
        yield warning(path, f"{number} more end within {EXPIRING_WINDOW}", f"`bao list {path}`")


def _held(examination: Examination) -> list[tuple[str, str]]:
    """Return the certificates whose renewal is held, and why."""
    found = examination.status.get("held_renewals")
    held = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [(str(one.get("certificate")), str(one.get("reason"))) for one in held]


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value or ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
