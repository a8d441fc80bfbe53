"""The alert rules of docs/monitoring: each fires in its situation, and no other does; and each has its page."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.prometheus import ALERTS, promtool, written_json

RUNBOOKS = ALERTS.parents[1] / "runbooks.md"
NAMES = re.findall(r"^      - alert: (\w+)$", ALERTS.read_text(), re.MULTILINE)
STEP_MINUTES = 4
"""Between two samples and two evaluations: less than the five minutes for which a sample counts as current."""
STEPS = 28 * 60 // STEP_MINUTES
"""More than a day: the longest that a rule looks back or waits."""
END_SECONDS = STEPS * STEP_MINUTES * 60
HERE = 'instance="vault:8200",job="sectigo-vault-pki",mount="sectigo-vault-pki"'

HEALTHY: Mapping[str, str] = {
    f"up{{{HERE}}}": f"1x{STEPS}",
    f'sectigo_vault_pki_build_info{{{HERE},version="0.1.0"}}': f"1x{STEPS}",
    f"sectigo_vault_pki_background_last_run_timestamp_seconds{{{HERE}}}": f"0+{STEP_MINUTES * 60}x{STEPS}",
    f"sectigo_vault_pki_background_last_run_failed{{{HERE}}}": f"0x{STEPS}",
    f"sectigo_vault_pki_orders_unsettled{{{HERE}}}": f"0x{STEPS}",
    f"sectigo_vault_pki_certificates_needing_attention{{{HERE}}}": f"0x{STEPS}",
    f'sectigo_vault_pki_certificates_expired{{{HERE},config="web"}}': f"4x{STEPS}",
    f'sectigo_vault_pki_certificates_due{{{HERE},config="web"}}': f"0x{STEPS}",
    f'sectigo_vault_pki_renewals_suspended{{{HERE},config="web"}}': f"0x{STEPS}",
    f'sectigo_vault_pki_orders_last_day{{{HERE},config="web"}}': f"7x{STEPS}",
    f'sectigo_vault_pki_orders_per_day_limit{{{HERE},config="web"}}': f"10x{STEPS}",
    f'sectigo_vault_pki_scm_login_refused{{{HERE},config="web"}}': f"0x{STEPS}",
    f'sectigo_vault_pki_scm_unavailable{{{HERE},config="web"}}': f"0x{STEPS}",
    f'sectigo_vault_pki_scm_clock_difference_seconds{{{HERE},config="web"}}': f"2x{STEPS}",
}


def certificate(life_days: int, days_left: float) -> Mapping[str, str]:
    """Return the series of a certificate that has so many days left at the end of the test."""
    labels = f'{HERE},config="web",unique_id="1_uri",subject_CN="www.example.com",serial_number="1"'
    ends = int(END_SECONDS + days_left * 86_400)
    return {
        f"x509_cert_not_after{{{labels}}}": f"{ends}x{STEPS}",
        f"x509_cert_not_before{{{labels}}}": f"{ends - life_days * 86_400}x{STEPS}",
    }


def changed(name: str, values: str) -> Mapping[str, str]:
    """Return the one series of a metric with other values."""
    (series,) = (series for series in HEALTHY if series.startswith(f"{name}{{"))
    return {series: values}


def lasting(value: float, minutes: int, before: float = 0) -> str:
    """Return values that changed so many minutes before the end."""
    steps = minutes // STEP_MINUTES
    return f"{before}x{STEPS - steps - 1} {value}x{steps}"


SITUATIONS: Mapping[str, tuple[Mapping[str, str], set[str]]] = {
    "nothing is wrong": ({}, set()),
    "a year's certificate has a month left": (certificate(365, 30), set()),
    "a year's certificate is due and has 6.5 days left": (certificate(365, 6.5), set()),
    "a year's certificate has 5 days left": (certificate(365, 5), {"SectigoCertificateExpiresSoon"}),
    "a year's certificate has a day left": (
        certificate(365, 1),
        {"SectigoCertificateExpiresSoon", "SectigoCertificateExpiresVerySoon"},
    ),
    "a certificate of ten days has 5 left": (certificate(10, 5), set()),
    "a certificate of ten days has 2.5 left": (certificate(10, 2.5), {"SectigoCertificateExpiresSoon"}),
    "a certificate of another exporter ends": (
        {series.replace('unique_id="1_uri",', ""): value for series, value in certificate(365, 1).items()},
        set(),
    ),
    "a certificate expired an hour ago": (
        changed("sectigo_vault_pki_certificates_expired", lasting(5, 60, before=4)),
        {"SectigoCertificateExpired"},
    ),
    "a certificate expired more than a day ago": (
        changed("sectigo_vault_pki_certificates_expired", lasting(5, 26 * 60, before=4)),
        set(),
    ),
    "tidy has deleted one, and another expired": (
        changed("sectigo_vault_pki_certificates_expired", f"4x{STEPS - 41} 3x20 4x20"),
        {"SectigoCertificateExpired"},
    ),
    "a certificate is due for an hour": (changed("sectigo_vault_pki_certificates_due", lasting(1, 60)), set()),
    "a certificate is due for 7 hours": (
        changed("sectigo_vault_pki_certificates_due", lasting(1, 7 * 60)),
        {"SectigoRenewalsHeld"},
    ),
    "renewals are suspended for an hour": (changed("sectigo_vault_pki_renewals_suspended", lasting(1, 60)), set()),
    "renewals are suspended for more than a day": (
        changed("sectigo_vault_pki_renewals_suspended", lasting(1, 25 * 60)),
        {"SectigoRenewalsSuspended"},
    ),
    "the login is refused": (changed("sectigo_vault_pki_scm_login_refused", lasting(1, 10)), {"SectigoLoginRefused"}),
    "SCM does not answer for some minutes": (changed("sectigo_vault_pki_scm_unavailable", lasting(1, 10)), set()),
    "SCM does not answer for 40 minutes": (
        changed("sectigo_vault_pki_scm_unavailable", lasting(1, 40)),
        {"SectigoScmUnavailable"},
    ),
    "the background work stopped half an hour ago": (
        changed(
            "sectigo_vault_pki_background_last_run_timestamp_seconds",
            f"0+{STEP_MINUTES * 60}x{STEPS - 9} {END_SECONDS - 9 * STEP_MINUTES * 60}x8",
        ),
        {"SectigoBackgroundNotRunning"},
    ),
    "the background work never ran": (
        changed("sectigo_vault_pki_background_last_run_timestamp_seconds", ""),
        {"SectigoBackgroundNotRunning"},
    ),
    "a run in the background failed": (
        changed("sectigo_vault_pki_background_last_run_failed", f"0x{STEPS - 8} 1x1 0x5"),
        set(),
    ),
    "the runs in the background fail for an hour": (
        changed("sectigo_vault_pki_background_last_run_failed", lasting(1, 60)),
        {"SectigoBackgroundFailing"},
    ),
    "eight of ten orders are used": (
        changed("sectigo_vault_pki_orders_last_day", lasting(8, 10)),
        {"SectigoOrderLimitNearlyUsed"},
    ),
    "an entry without a limit orders much": (
        {
            **changed("sectigo_vault_pki_orders_last_day", lasting(500, 10)),
            **changed("sectigo_vault_pki_orders_per_day_limit", ""),
        },
        set(),
    ),
    "the clock is 20 minutes slow": (
        changed("sectigo_vault_pki_scm_clock_difference_seconds", lasting(-1200, 20)),
        {"SectigoClockDiffers"},
    ),
    "an order is being sent": (changed("sectigo_vault_pki_orders_unsettled", lasting(1, 5)), set()),
    "an order is not settled for 3 hours": (
        changed("sectigo_vault_pki_orders_unsettled", lasting(1, 3 * 60)),
        {"SectigoOrdersUnsettled"},
    ),
    "a certificate needs attention": (
        changed("sectigo_vault_pki_certificates_needing_attention", lasting(1, 90)),
        {"SectigoCertificatesNeedAttention"},
    ),
    "the server is sealed": (
        {
            **{series: f"{values.partition('x')[0]}x{STEPS - 8} stale" for series, values in HEALTHY.items()},
            **changed("up", lasting(0, 24, before=1)),
        },
        {"SectigoMetricsMissing"},
    ),
    "nothing is scraped": (dict.fromkeys(HEALTHY, ""), {"SectigoMetricsMissing"}),
}


def unit_test(name: str, changes: Mapping[str, str], fired: set[str]) -> Mapping[str, object]:
    """Return a test for promtool: at the end, exactly these alerts fire."""
    series = {name: values for name, values in {**HEALTHY, **changes}.items() if values}
    return {
        "name": name,
        "interval": f"{STEP_MINUTES}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{END_SECONDS}s",
                "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(fired)],
            }
        ],
    }


def test_the_rules_are_valid() -> None:
    assert f"{len(NAMES)} rules found" in promtool("check", "rules", "--lint-fatal", str(ALERTS))


@pytest.mark.timeout(180)
def test_each_alert_fires_in_its_situation_and_no_other_does(tmp_path: Path) -> None:
    tests = [unit_test(name, changes, fired) for name, (changes, fired) in SITUATIONS.items()]
    file = written_json(
        tmp_path / "alerts_test.yml",
        {"rule_files": [str(ALERTS)], "evaluation_interval": f"{STEP_MINUTES}m", "tests": tests},
    )
    promtool("test", "rules", str(file))


def test_each_alert_has_a_situation() -> None:
    assert sorted({alert for _, fired in SITUATIONS.values() for alert in fired}) == sorted(NAMES)
