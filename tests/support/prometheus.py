"""Prometheus and its tool, from Debian's package `prometheus`, which did not write what they judge."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from scripts.openbao import free_port
from tests.support.polling import until

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "monitoring"
ALERTS = FOLDER / "alerts.yml"
_STOP_SECONDS = 15


def promtool(*arguments: str, given: str = "") -> str:
    """Run `promtool`, expect it to find nothing wrong, and return what it said."""
    done = subprocess.run(
        [program("promtool"), *arguments], input=given, capture_output=True, text=True, timeout=60, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def program(name: str) -> str:
    """Return where one of the package's programs is."""
    found = shutil.which(name)
    assert found is not None, f"{name} is not installed: apt-get install prometheus"
    return found


class Prometheus:
    """A running server, by its API."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def query(self, expression: str) -> list[Mapping[str, Any]]:
        """Return the series of an expression, as they are now."""
        found: list[Mapping[str, Any]] = self._get("query", query=expression)["result"]
        return found

    def alerts(self) -> list[Mapping[str, Any]]:
        """Return the alerts that are pending or firing."""
        found: list[Mapping[str, Any]] = self._get("alerts")["alerts"]
        return found

    def targets(self) -> list[Mapping[str, Any]]:
        """Return what it scrapes, and how that went."""
        found: list[Mapping[str, Any]] = self._get("targets")["activeTargets"]
        return found

    def _get(self, path: str, **parameters: str) -> Any:
        return self._client.get(path, params=parameters).raise_for_status().json()["data"]


@contextmanager
def running_prometheus(configuration: Path) -> Iterator[Prometheus]:
    """Run a server with a configuration file; it keeps its data beside that."""
    address, folder = f"127.0.0.1:{free_port()}", configuration.parent
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        with httpx.Client(base_url=f"http://{address}/api/v1/", timeout=30, trust_env=False) as client:
            until(lambda: _is_ready(client, address), what="a Prometheus that is ready", seconds=60)
            yield Prometheus(client)
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        finally:
            process.kill()
            process.wait()


def _is_ready(client: httpx.Client, address: str) -> bool:
    try:
        return client.get(f"http://{address}/-/ready").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def written_json(file: Path, content: object) -> Path:
    """Write a file for `promtool`: YAML has JSON in it."""
    file.write_text(json.dumps(content))
    return file
