from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.environment import MOUNT, Choices, Environment, running
from tests.support.polling import until
from tests.support.prometheus import FOLDER, Prometheus, running_prometheus

TOKEN_FILE, CA_FILE, ALERTS_FILE = "token", "ca.pem", "alerts.yml"
HOME = "/etc/prometheus/sectigo-vault-pki/"
ORDER = {
    "sectigo_csr_domain": "www.example.com",
    "sectigo_csr_key_algo": "EC",
    "sectigo_ssl_cert_type": 501,
    "sectigo_ssl_cert_validity": 365,
}


@pytest.fixture(scope="session")
def environment() -> Iterator[Environment]:
    """OpenBao and a simulator, with a certificate and a limit of orders; the background work runs."""
    with running(Choices(simulator_arguments=("--pending-polls", "0"))) as environment:
        environment.register()
        environment.mount()
        environment.configure("web")
        environment.server.api("POST", f"{MOUNT}/configs/web", {"sectigo_max_orders_per_day": 10}).expect(200, 204)
        environment.server.api("POST", f"{MOUNT}/enroll/web", ORDER).expect(200)
        yield environment


@pytest.fixture(scope="session")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's configuration file, with its other files in a folder of the test's."""
    folder = tmp_path_factory.mktemp("prometheus")
    file = folder / "prometheus.yml"
    file.write_text((FOLDER / file.name).read_text().replace(HOME, f"{folder}/"))
    (folder / ALERTS_FILE).write_text((FOLDER / ALERTS_FILE).read_text())
    for name in (TOKEN_FILE, CA_FILE):
        (folder / name).touch()
    return file


@pytest.fixture(scope="session")
def prometheus(environment: Environment, configuration: Path) -> Iterator[Prometheus]:
    """A Prometheus that has scraped the server after its first background work, with a token that may only do that."""
    server, folder = environment.server, configuration.parent
    policy = {"policy": (FOLDER / "metrics.hcl").read_text()}
    server.api("PUT", "sys/policies/acl/metrics", policy).expect(204)
    created = server.api("POST", "auth/token/create", {"policies": ["metrics"], "no_default_policy": True})
    (folder / TOKEN_FILE).write_text(created.expect(200).body["auth"]["client_token"])
    text = configuration.read_text()
    for there, here in (
        ("scheme: https", "scheme: http"),
        (f"    tls_config:\n      ca_file: {folder / CA_FILE}\n", ""),
        ("_interval: 1m", "_interval: 1s"),
        ("scrape_timeout: 10s", "scrape_timeout: 1s"),
        ("vault.example.com:8200", server.address.removeprefix("http://")),
    ):
        assert there in text
        text = text.replace(there, here)
    ours = configuration.with_name("here.yml")
    ours.write_text(text)
    with running_prometheus(ours) as prometheus:
        until(
            lambda: prometheus.query("sectigo_vault_pki_background_last_run_duration_seconds"),
            what="numbers of the background work",
            seconds=120,
        )
        yield prometheus
