"""`metrics`: numbers for Prometheus, in its text format (version 0.0.4).

Single certificates have the names that x509-certificate-exporter gives them, so that its dashboards and rules work.
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
        operations={Operation.READ: Handler(read, content_type=TEXT_FORMAT)},
        synopsis="Report numbers for Prometheus.",
        description=DESCRIPTION,
    )


DESCRIPTION = """
Returns the numbers of status as Prometheus reads them, in place of a JSON answer: certificates by config entry and
status, those that end soon, are due or need attention, open orders, the background work, and how SCM answers each
config entry. The certificates in use that end next have a series each, at most 100. It reads storage and does not call
SCM. Only the active node knows the background work and the calls to SCM.
"""


def metrics_text(measures: Measures) -> str:
    """Return the numbers in Prometheus' text format."""
    return "".join(_lines(_metrics(measures)))


def _metrics(measures: Measures) -> Iterator[Metric]:
    yield _gauge("build_info", "The plugin's version; the value is always 1.", 1, version=__version__)
    yield _gauge("certificates_stored", "Stored certificates.", measures.counts.certificates)
    yield _gauge(
        "certificates_needing_attention",
        "Certificates whose renewal is held, or that differ from their order.",
        measures.attention,
    )
    yield _gauge("certificates_pending", "Certificates with an order in progress at SCM.", measures.pending)
    yield _gauge("orders_unsettled", "Orders that are being sent, or whose outcome is unknown.", measures.unsettled)
    yield from _of_background(measures)
    yield from _of_accounts(measures.accounts)
    yield from _of_certificates(measures)


def _of_background(measures: Measures) -> Iterator[Metric]:
    run = measures.run
    started = Metric(f"{PREFIX}background_last_run_timestamp_seconds", "When the background work last began.")
    failed = Metric(f"{PREFIX}background_last_run_failed", "Whether the last run met an error.")
    calls = Metric(f"{PREFIX}background_last_run_calls", "Calls to SCM in the last run.")
    if run is not None:
        started.series.append(({}, run.started_at.timestamp()))
        failed.series.append(({}, bool(run.error)))
        calls.series.append(({}, run.calls))
    yield from (started, failed, calls)


def _of_accounts(accounts: Mapping[str, AccountStatus]) -> Iterator[Metric]:
    by_status = Metric(f"{PREFIX}certificates", "Certificates of a config entry by their newest status.")
    expiring = Metric(f"{PREFIX}certificates_expiring", "Certificates in use that end within so many days.")
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
        accounts, "renewals_suspended", "Whether sectigo_suspend_renewals is true.", lambda one: one.is_suspended
    )
    yield _by_entry(accounts, "orders_24h", "Orders of the last 24 hours.", lambda one: one.orders_in_24_hours)
    yield _by_entry(
        accounts, "orders_24h_limit", "max_orders_per_day, where it is set.", lambda one: one.max_orders_per_day
    )
    yield _by_entry(
        accounts, "scm_login_refused", "Whether SCM refuses the login.", lambda one: one.login_refused_until is not None
    )
    yield _by_entry(
        accounts,
        "scm_unavailable",
        "Whether calls are held back because SCM does not answer.",
        lambda one: one.availability.breaker.name != "CLOSED",
    )
    yield _by_entry(
        accounts,
        "scm_last_success_timestamp_seconds",
        "When a call to SCM last succeeded.",
        lambda one: _seconds(one.outcomes.succeeded_at),
    )
    yield _by_entry(
        accounts,
        "scm_last_failure_timestamp_seconds",
        "When a call to SCM last failed.",
        lambda one: _seconds(one.outcomes.failed_at),
    )
    yield _by_entry(
        accounts,
        "scm_clock_difference_seconds",
        "By how much the plugin's clock is ahead of SCM's.",
        lambda one: None if one.clock_difference is None else one.clock_difference.total_seconds(),
    )


def _of_certificates(measures: Measures) -> Iterator[Metric]:
    not_before = Metric("x509_cert_not_before", "Start of validity of the certificates that end next.")
    not_after = Metric("x509_cert_not_after", "End of validity of the certificates that end next.")
    for config_name, summary in measures.next_to_end:
        labels = {
            "config": config_name,
            "unique_id": summary.unique_id,
            "subject_CN": summary.common_name,
            "serial_number": summary.serial_number,
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
