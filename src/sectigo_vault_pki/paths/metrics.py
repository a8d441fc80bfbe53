"""`metrics`: numbers for Prometheus, in its text format (version 0.0.4).

Single certificates have the names that x509-certificate-exporter gives them, and their serial numbers its decimal form
(its pkg/registry/labels.go, serialString), so that its dashboards and rules work, and both can be joined.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sectigo_vault_pki import __version__
from sectigo_vault_pki.lifecycle import AccountStatus, Engine, Measures
from sectigo_vault_pki.vault_plugin.framework import FieldData, Handler, Path
from sectigo_vault_pki.vault_plugin.logical import Operation, Request, Response, raw_response

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "sectigo_vault_pki_"

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Metric:
    """A gauge with its series.

    Attributes:
        name: with its prefix.
        help: what it says.
        series: values by labels.
    """

    name: str
    help: str
    series: list[tuple[Labels, float]] = field(default_factory=list)


def path_metrics(engine: Engine) -> Path:
    """Declare the path."""

    async def read(_: Request, __: FieldData) -> Response:
        return raw_response(metrics_text(await engine.measures()).encode(), TEXT_FORMAT)

    return Path(
        template="metrics",
        fields=(),
        operations={Operation.READ: Handler(read, forwarded=True, content_type=TEXT_FORMAT)},
        synopsis="Report numbers for Prometheus.",
        description=DESCRIPTION,
    )


DESCRIPTION = """
Returns the numbers of status as Prometheus reads them, in place of a JSON answer: certificates by config entry and
status, those that end soon, are due or need attention, open orders, the background work, and how SCM answers each
config entry. The certificates in use that end next have a series each, at most 100. It reads storage and does not call
SCM. Standbys forward it to the active node, which alone knows the background work and the calls to SCM; so each node
returns the same numbers.
"""


def metrics_text(measures: Measures) -> str:
    """Return the numbers in Prometheus' text format."""
    return "".join(_lines(_metrics(measures)))


def _metrics(measures: Measures) -> Iterator[Metric]:
    yield _gauge("build_info", "The plugin's version, as a label. Always 1.", 1, version=__version__)
    yield _gauge(
        "certificates_stored",
        "Certificates that are stored, of deleted config entries too.",
        measures.counts.certificates,
    )
    yield _gauge(
        "certificates_needing_attention",
        "Certificates whose renewal is held, or that differ from their order: see the warnings of status.",
        measures.attention,
    )
    yield _gauge("certificates_pending", "Certificates with an order in progress at SCM.", measures.pending)
    yield _gauge("orders_unsettled", "Orders that are being sent, or whose outcome is unknown.", measures.unsettled)
    yield from _of_background(measures)
    yield from _of_accounts(measures.accounts)
    yield from _of_certificates(measures)


def _of_background(measures: Measures) -> Iterator[Metric]:
    run = measures.run
    started = Metric(
        f"{PREFIX}background_last_run_timestamp_seconds",
        "Start of the newest run of the background work, in unix time.",
    )
    duration = Metric(f"{PREFIX}background_last_run_duration_seconds", "How long it took. Missing while it goes on.")
    failed = Metric(f"{PREFIX}background_last_run_failed", "1 if it met an error, else 0.")
    calls = Metric(f"{PREFIX}background_last_run_calls", "How many calls to SCM it made.")
    if run is not None:
        started.series.append(({}, run.started_at.timestamp()))
        failed.series.append(({}, bool(run.error)))
        calls.series.append(({}, run.calls))
        if run.ended_at is not None:
            duration.series.append(({}, (run.ended_at - run.started_at).total_seconds()))
    yield from (started, duration, failed, calls)


def _of_accounts(accounts: Mapping[str, AccountStatus]) -> Iterator[Metric]:
    by_status = Metric(f"{PREFIX}certificates", "Certificates by config entry and newest status.")
    expiring = Metric(
        f"{PREFIX}certificates_expiring",
        "Certificates in use that end within the number of days in the label, today included.",
    )
    for name, account in accounts.items():
        for status, number in account.counts.by_status.items():
            by_status.series.append(({"config": name, "status": status}, number))
        for days, number in account.counts.expiring.items():
            expiring.series.append(({"config": name, "days": str(days)}, number))
    yield from (by_status, expiring)
    yield _by_entry(
        accounts,
        "certificates_expired",
        "Certificates that ended, neither renewed nor revoked.",
        lambda one: one.counts.expired,
    )
    yield _by_entry(
        accounts, "certificates_due", "Certificates that are due for automatic renewal.", lambda one: one.due
    )
    yield _by_entry(
        accounts, "renewals_suspended", "1 if sectigo_suspend_renewals is true, else 0.", lambda one: one.is_suspended
    )
    yield _by_entry(accounts, "orders_last_day", "Orders of the last 24 hours.", lambda one: one.orders_in_24_hours)
    yield _by_entry(
        accounts,
        "orders_per_day_limit",
        "The value of sectigo_max_orders_per_day. Missing if it is not set.",
        lambda one: one.max_orders_per_day,
    )
    yield _by_entry(
        accounts,
        "scm_login_refused",
        "1 while SCM refuses the login, and renewals wait for that, else 0.",
        lambda one: one.login_refused_until is not None,
    )
    yield _by_entry(
        accounts,
        "scm_unavailable",
        "1 while calls are held back because SCM does not answer, else 0.",
        lambda one: one.availability.breaker.name != "CLOSED",
    )
    yield _by_entry(
        accounts,
        "scm_last_success_timestamp_seconds",
        "The newest call to SCM that succeeded since the plugin started, in unix time.",
        lambda one: _seconds(one.outcomes.succeeded_at),
    )
    yield _by_entry(
        accounts,
        "scm_last_failure_timestamp_seconds",
        "The newest call to SCM that failed since the plugin started, in unix time.",
        lambda one: _seconds(one.outcomes.failed_at),
    )
    yield _by_entry(
        accounts,
        "scm_clock_difference_seconds",
        "By how many seconds the plugin's clock is ahead of SCM's. Missing until SCM has answered.",
        lambda one: None if one.clock_difference is None else one.clock_difference.total_seconds(),
    )


def _of_certificates(measures: Measures) -> Iterator[Metric]:
    not_before = Metric(
        "x509_cert_not_before", "Start of validity of each of the certificates in use that end next, in unix time."
    )
    not_after = Metric(
        "x509_cert_not_after", "End of validity of each of the certificates in use that end next, in unix time."
    )
    for config_name, summary in measures.next_to_end:
        labels = {
            "config": config_name,
            "unique_id": summary.unique_id,
            "subject_CN": summary.common_name,
            "serial_number": _decimal(summary.serial_number),
        }
        if summary.not_before is not None and summary.not_after is not None:
            not_before.series.append((labels, summary.not_before.timestamp()))
            not_after.series.append((labels, summary.not_after.timestamp()))
    yield from (not_before, not_after)


def _gauge(name: str, text: str, value: float, **labels: str) -> Metric:
    return Metric(f"{PREFIX}{name}", text, [(labels, value)])


def _by_entry(
    accounts: Mapping[str, AccountStatus], name: str, text: str, measure: Callable[[AccountStatus], float | None]
) -> Metric:
    """Return a metric with a series for each config entry of which the value is known."""
    values = ((config_name, measure(account)) for config_name, account in accounts.items())
    return Metric(f"{PREFIX}{name}", text, [({"config": one}, value) for one, value in values if value is not None])


def _decimal(serial_number: str) -> str:
    return str(int(serial_number.replace(":", ""), 16)) if serial_number else ""


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _lines(metrics: Iterable[Metric]) -> Iterator[str]:
    for metric in metrics:
        yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} gauge\n"
        for labels, value in metric.series:
            shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
            yield f"{metric.name}{{{shown}}} {float(value):.17g}\n" if shown else f"{metric.name} {float(value):.17g}\n"


def _escaped(text: str) -> str:
    """Write a label's value (Prometheus, exposition formats): a newline would end the line."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
