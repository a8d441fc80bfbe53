"""`status`: what the engine stores, does and reports."""

from datetime import timedelta

from sectigo_vault_pki import __version__
from sectigo_vault_pki.lifecycle import (
    HORIZONS,
    AccountStatus,
    BackgroundRun,
    CallFailure,
    Counts,
    Engine,
    EngineStatus,
    HeldRenewal,
)
from sectigo_vault_pki.paths.answers.certificate_answer import NUMBER, OBJECT, TEXT, TEXTS, Schema, rfc3339
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

TICK = timedelta(minutes=1)
"""How often the host starts background work (plugin-protocol.md 5.6)."""

_EXPIRING = {
    f"expiring_{days}_days": {**NUMBER, "description": f"Certificates in use that end within {days} days"}
    for days in HORIZONS
}
STATUS_SCHEMA: Schema = {
    "accounts": {
        **OBJECT,
        "description": (
            "For each config entry: certificates, by_status, due, expired and expiring_* as below; last_success (RFC "
            "3339) and last_failure (at, unique_id, code, error) of calls to SCM since the start; breaker (closed, "
            "open or probing), trouble (why the last call failed, while the breaker is not closed), suspended, "
            "login_refused_until (RFC 3339: when a refused login is tried again), clock_difference (seconds by which "
            "the plugin's clock is ahead of SCM's), orders_in_24_hours and max_orders_per_day"
        ),
    },
    "background": {
        **OBJECT,
        "description": (
            "Whether background work is enabled; started_at and ended_at (RFC 3339), calls and last_error of its last "
            "run; next_run (RFC 3339)"
        ),
    },
    "by_status": {**OBJECT, "description": "Number of certificates by newest status"},
    "certificates": {**NUMBER, "description": "Number of stored certificates"},
    "deleted_entries": {
        **TEXTS,
        "description": "Config entries that are deleted, and under which certificates are stored: nothing renews these",
    },
    "due": {**NUMBER, "description": "Certificates that are due for automatic renewal now"},
    "expired": {**NUMBER, "description": "Certificates that have ended and were neither renewed nor revoked"},
    **_EXPIRING,
    "held_renewals": {
        "type": "array",
        "items": {"type": "object", "properties": {"certificate": TEXT, "next_try": TEXT, "reason": TEXT}},
        "description": "Certificates whose automatic renewal is held: why, and when it is tried next (RFC 3339)",
    },
    "pending": {**NUMBER, "description": "Number of certificates with an order in progress at SCM"},
    "unreadable": {
        **TEXTS,
        "description": "Names of stored entries that are damaged or were written by a newer version",
    },
    "unsettled": {**NUMBER, "description": "Number of orders that are being sent, or whose outcome is unknown"},
    "version": {**TEXT, "description": "The plugin's version"},
    "warnings": {
        **TEXTS,
        "description": (
            "Logins that SCM refuses, clocks that differ, renewals that are on hold and why, validations of domains "
            "that end before a renewal, certificates with other names than ordered or without their issuers, roles "
            "without limits"
        ),
    },
}


def path_status(engine: Engine, *, background: bool) -> Path:
    """Declare the path of the status.

    Args:
        engine: the mount's.
        background: whether there is background work.
    """

    async def read(_: Request, __: FieldData) -> Response:
        return Response(data=_shown(await engine.status(), background=background))

    return Path(
        template="status",
        fields=(),
        operations={Operation.READ: Handler(read, answer=STATUS_SCHEMA)},
        synopsis="Report the engine's status.",
        description=DESCRIPTION,
    )


DESCRIPTION = """
Counts stored certificates and open orders, and reports the background work and the state of each config entry. It reads
storage and does not call SCM. Of more than a thousand certificates, it looks into those that need attention and into
those that end first; the numbers are of all. Only the active node knows the background work and the calls to SCM.
"""


def _shown(status: EngineStatus, *, background: bool) -> dict[str, object]:
    stock = status.stock
    return {
        **_counts(stock.counts),
        "accounts": {name: _account(account) for name, account in status.accounts.items()},
        "background": {"enabled": background, **_run(status.run, background=background)},
        "deleted_entries": list(status.deleted_entries),
        "due": sum(stock.due.values()),
        "held_renewals": [_held(held) for held in stock.held],
        "pending": status.pending,
        "unreadable": list(stock.unreadable),
        "unsettled": stock.unsettled,
        "version": __version__,
        "warnings": list(stock.warnings),
    }


def _counts(counts: Counts) -> dict[str, object]:
    return {
        "by_status": dict(counts.by_status),
        "certificates": counts.certificates,
        "expired": counts.expired,
        **{f"expiring_{days}_days": number for days, number in counts.expiring.items()},
    }


def _account(account: AccountStatus) -> dict[str, object]:
    difference = account.clock_difference
    return {
        **_counts(account.counts),
        "breaker": account.availability.breaker.name.lower(),
        "clock_difference": round(difference.total_seconds()) if difference is not None else 0,
        "due": account.due,
        "last_failure": _failure(account.outcomes.failure),
        "last_success": rfc3339(account.outcomes.succeeded_at),
        "login_refused_until": rfc3339(account.login_refused_until),
        "max_orders_per_day": account.max_orders_per_day or 0,
        "orders_in_24_hours": account.orders_in_24_hours,
        "suspended": account.is_suspended,
        "trouble": account.availability.trouble,
    }


def _failure(failure: CallFailure | None) -> dict[str, object]:
    if failure is None:
        return {}
    return {
        "at": rfc3339(failure.at),
        "code": 0 if failure.code is None else failure.code,
        "error": failure.error,
        "unique_id": failure.unique_id,
    }


def _held(held: HeldRenewal) -> dict[str, object]:
    return {"certificate": str(held.key), "next_try": rfc3339(held.hold.until), "reason": held.hold.reason}


def _run(run: BackgroundRun | None, *, background: bool) -> dict[str, object]:
    return {
        "started_at": rfc3339(run.started_at if run else None),
        "ended_at": rfc3339(run.ended_at if run else None),
        "calls": run.calls if run else 0,
        "last_error": run.error if run else "",
        "next_run": rfc3339(run.started_at + TICK if run and background else None),
    }
