"""The checks by their names, in the order in which they are made, and what makes them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sectigo_vault_pki.console.doctor import account_checks, engine_checks, plugin_checks, server_checks
from sectigo_vault_pki.console.doctor.examination import Examination, NotApplicableError, NotPermittedError
from sectigo_vault_pki.console.doctor.results import Result, Status, not_applicable
from sectigo_vault_pki.console.failures import UnreachableError

Check = Callable[[Examination], Iterator[Result]]
Results = Mapping[str, list[Result]]


@dataclass(frozen=True, slots=True)
class Step:
    """One check.

    Attributes:
        check: yields what is wrong; nothing if all is well.
        subject: what it is about, if all is well.
        is_needed: nothing after it can be checked while it finds something critical.
    """

    check: Check
    subject: str
    is_needed: bool = False


CHECKS: Mapping[str, Step] = {
    "server_reachable": Step(server_checks.server_reachable, "sys/health", is_needed=True),
    "server_tls": Step(server_checks.server_tls, "sys/health"),
    "server_seal": Step(server_checks.server_seal, "sys/health", is_needed=True),
    "server_version": Step(server_checks.server_version, "sys/health"),
    "server_clock": Step(server_checks.server_clock, "sys/health"),
    "token": Step(server_checks.token, "auth/token/lookup-self", is_needed=True),
    "audit_devices": Step(plugin_checks.audit_devices, "sys/audit"),
    "mount": Step(plugin_checks.mount, "sys/mounts", is_needed=True),
    "mount_tuning": Step(plugin_checks.mount_tuning, "sys/mounts"),
    "plugin_registered": Step(plugin_checks.plugin_registered, "sys/plugins/catalog"),
    "plugin_file": Step(plugin_checks.plugin_file, "plugin directory"),
    "plugin_checksum": Step(plugin_checks.plugin_checksum, "plugin directory"),
    "plugin_running": Step(plugin_checks.plugin_running, "sys/mounts"),
    "plugin_version": Step(plugin_checks.plugin_version, "sys/plugins/catalog"),
    "mount_answers": Step(plugin_checks.mount_answers, "status", is_needed=True),
    "config_entries": Step(account_checks.config_entries, "configs"),
    "logins": Step(account_checks.logins, "configs"),
    "scm_calls": Step(account_checks.scm_calls, "status"),
    "order_limits": Step(account_checks.order_limits, "status"),
    "renewals_suspended": Step(account_checks.renewals_suspended, "configs"),
    "roles": Step(account_checks.roles, "roles"),
    "profiles": Step(account_checks.profiles, "profile"),
    "domain_validations": Step(account_checks.domain_validations, "domains"),
    "background_work": Step(engine_checks.background_work, "status"),
    "open_orders": Step(engine_checks.open_orders, "status"),
    "unreadable_records": Step(engine_checks.unreadable_records, "status"),
    "held_renewals": Step(engine_checks.held_renewals, "status"),
    "expired": Step(engine_checks.expired, "status"),
    "ends_soon": Step(engine_checks.ends_soon, "expiring"),
    "engine_warnings": Step(engine_checks.engine_warnings, "status"),
}


def results_of(examination: Examination) -> Results:
    """Make every check, and return what each has found, at least that all is well."""
    found: dict[str, list[Result]] = {}
    hindrance = ""
    for name, step in CHECKS.items():
        if hindrance:
            found[name] = [not_applicable(step.subject, f"not checked: {hindrance} comes first")]
            continue
        found[name] = _results_of(step, examination)
        if step.is_needed and any(result.status is Status.CRITICAL for result in found[name]):
            hindrance = name
    return found


def _results_of(step: Step, examination: Examination) -> list[Result]:
    results: list[Result] = []
    try:
        results += step.check(examination)
    except NotPermittedError as error:
        message = f"the token has no capability to {error.capability} {error.path}"
        advice = f'Let a policy allow it: path "{error.path}" {{ capabilities = ["{error.capability}"] }}'
        results.append(Result(Status.INSUFFICIENT_PERMISSIONS, error.path, message, advice))
    except NotApplicableError as error:
        results.append(not_applicable(step.subject, str(error)))
    except UnreachableError as error:
        results.append(Result(Status.CRITICAL, step.subject, str(error), "Check the network and the server's log."))
    return results or [Result(Status.OK, step.subject, "all is well")]
