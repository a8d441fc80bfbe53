"""What docs/monitoring has, on a real Prometheus that scrapes a real server."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.environment import MOUNT, Environment
from tests.support.polling import until
from tests.support.prometheus import FOLDER, Prometheus, promtool

pytestmark = pytest.mark.timeout(240)
DASHBOARD: Mapping[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
_METRIC = re.compile(r"\b(?:sectigo_vault_pki|x509_cert)_\w+")


def targets() -> Iterator[tuple[str, str]]:
    """Return the dashboard's expressions, with a name for each, and without Grafana's variables."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", re.sub(r"\$\w+", ".*", target["expr"])


EXPRESSIONS = dict(targets())


def exposition(environment: Environment) -> str:
    server = environment.server
    answer = httpx.get(
        f"{server.address}/v1/{MOUNT}/metrics", headers={"Authorization": f"Bearer {server.token}"}, trust_env=False
    )
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.raise_for_status().text


def test_the_configuration_is_valid(configuration: Path) -> None:
    said = promtool("check", "config", "--lint-fatal", str(configuration))
    assert "is valid prometheus config file syntax" in said


def test_the_metrics_follow_prometheus_conventions(environment: Environment) -> None:
    promtool("check", "metrics", given=exposition(environment))


def test_the_token_of_the_policy_reads_the_metrics_and_nothing_is_wrong(prometheus: Prometheus) -> None:
    (target,) = prometheus.targets()
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["labels"] == {
        "instance": target["labels"]["instance"],
        "job": "sectigo-vault-pki",
        "mount": "sectigo-vault-pki",
    }


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_panel_of_the_dashboard_has_data(prometheus: Prometheus, name: str) -> None:
    until(lambda: prometheus.query(EXPRESSIONS[name]), what="data")


def test_the_variables_of_the_dashboard_have_values(prometheus: Prometheus) -> None:
    asked = [variable for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]
    assert [variable["name"] for variable in asked] == ["mount", "config"]
    for variable in asked:
        ((metric, label),) = re.findall(r"^label_values\((\w+), (\w+)\)$", variable["query"]["query"])
        assert prometheus.query(f"count by ({label}) ({metric})")[0]["metric"][label]


def test_what_dashboard_and_alerts_ask_for_is_measured(environment: Environment) -> None:
    asked = {
        name for text in (*EXPRESSIONS.values(), (FOLDER / "alerts.yml").read_text()) for name in _METRIC.findall(text)
    }
    measured = set(re.findall(r"^# HELP (\w+) ", exposition(environment), re.MULTILINE))
    assert asked - measured == set()


def test_a_healthy_server_raises_no_alert(prometheus: Prometheus) -> None:
    until(lambda: prometheus.alerts() == [], what="the end of what the start has raised")


def test_a_refused_login_raises_its_alert_and_the_next_login_ends_it(
    environment: Environment, prometheus: Prometheus
) -> None:
    server, fields = environment.server, environment.config_fields()
    login = {name: fields[name] for name in ("sectigo_cm_user", "sectigo_cm_password", "sectigo_cm_uri")}
    server.api("POST", f"{MOUNT}/configs/web", {**login, "sectigo_cm_password": "wrong"}).expect(200, 204)
    assert server.api("GET", f"{MOUNT}/configs/web/test").status == 400
    (alert,) = until(lambda: alerts(prometheus, "SectigoLoginRefused"), what="the alert")
    assert alert["annotations"]["summary"] == "SCM refuses the login of config entry web."
    server.api("POST", f"{MOUNT}/configs/web", login).expect(200, 204)
    server.api("GET", f"{MOUNT}/configs/web/test").expect(200)
    until(lambda: not alerts(prometheus, "SectigoLoginRefused"), what="its end")


def alerts(prometheus: Prometheus, name: str) -> list[Mapping[str, Any]]:
    return [alert for alert in prometheus.alerts() if alert["labels"]["alertname"] == name]
