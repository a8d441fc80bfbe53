"""`status`: what the engine stores, does and reports."""

from sectigo_vault_pki import __version__
from sectigo_vault_pki.lifecycle import AccountStatus, BackgroundRun, Engine, EngineStatus
from sectigo_vault_pki.paths.answers.certificate_answer import NUMBER, OBJECT, TEXT, TEXTS, Schema, rfc3339
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response

STATUS_SCHEMA: Schema = {
    "accounts": {
        **OBJECT,
        "description": (
            "For each config entry used since the start: breaker (closed, open or probing), trouble (why the last call "
            "failed, while the breaker is not closed), login_refused_until (RFC 3339: when a refused login is tried "
            "again), clock_difference (seconds by which the plugin's clock is ahead of SCM's), orders_in_24_hours and "
            "max_orders_per_day"
        ),
    },
    "background": {
        **OBJECT,
        "description": (
            "Whether background work is enabled; started_at and ended_at (RFC 3339), calls and last_error of its last "
            "run"
        ),
    },
    "by_status": {
        **OBJECT,
        "description": "Number of certificates by newest status; empty if there are more than 5000",
    },
    "certificates": {**NUMBER, "description": "Number of stored certificates"},
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
Counts stored certificates and open orders, and reports the background work and the state of each SCM account. It reads
storage and does not call SCM. Only the active node knows the background work and the accounts.
"""


def _shown(status: EngineStatus, *, background: bool) -> dict[str, object]:
    return {
        "accounts": {name: _account(account) for name, account in status.accounts.items()},
        "background": {"enabled": background, **_run(status.run)},
        "by_status": dict(status.stock.by_status or {}),
        "certificates": status.stock.certificates,
        "pending": status.pending,
        "unreadable": list(status.stock.unreadable),
        "unsettled": status.stock.unsettled,
        "version": __version__,
        "warnings": list(status.stock.warnings),
    }


def _account(account: AccountStatus) -> dict[str, object]:
    difference = account.clock_difference
    return {
        "breaker": account.availability.breaker.name.lower(),
        "trouble": account.availability.trouble,
        "login_refused_until": rfc3339(account.login_refused_until),
        "clock_difference": round(difference.total_seconds()) if difference is not None else 0,
        "orders_in_24_hours": account.orders_in_24_hours,
        "max_orders_per_day": account.max_orders_per_day or 0,
    }


def _run(run: BackgroundRun | None) -> dict[str, object]:
    return {
        "started_at": rfc3339(run.started_at if run else None),
        "ended_at": rfc3339(run.ended_at if run else None),
        "calls": run.calls if run else 0,
        "last_error": run.error if run else "",
    }
