"""The examples of docs/deployment and the dashboard, judged by programs that know their formats."""

import re
import textwrap
from pathlib import Path

from scripts.server_binary import BAO
from tests.support.client_programs import ROOT, RUN_SECONDS, go_program, python_with, run

FOLDER = ROOT / "docs" / "deployment"
_HCL = re.compile(r"^  openbao\.hcl: \|\n(?P<text>(?:    .*\n|\n)+)", re.MULTILINE)


def judge(name: str) -> Path:
    return python_with("deployment").with_name(name)


def test_the_kubernetes_resources_fit_their_schemas() -> None:
    said = run([judge("kubernetes-validate"), "--strict", FOLDER / "kubernetes.yaml"], timeout=RUN_SECONDS)
    assert "WARNING" not in said


def test_the_server_accepts_the_configuration_of_the_config_map(folder: Path) -> None:
    match = _HCL.search((FOLDER / "kubernetes.yaml").read_text())
    assert match is not None
    file = folder / "openbao.hcl"
    file.write_text(textwrap.dedent(match["text"]).replace("the first column of SHA256SUMS", "0" * 64))
    run([BAO, "operator", "validate-config", "-config", file], timeout=RUN_SECONDS)


def test_the_containerfile_has_no_finding() -> None:
    assert run([judge("hadolint"), FOLDER / "Containerfile"], timeout=RUN_SECONDS) == ""


def test_the_unit_is_one_that_systemd_accepts(folder: Path) -> None:
    unit = folder / "openbao.service"
    unit.write_text((FOLDER / unit.name).read_text().replace("/usr/bin/bao", str(BAO)))
    assert run(["systemd-analyze", "verify", "--man=no", unit], timeout=RUN_SECONDS) == ""


def test_the_dashboard_is_one_that_grafana_knows() -> None:
    assert "panels" in run(
        [go_program("grafana"), ROOT / "docs" / "monitoring" / "dashboard.json"], timeout=RUN_SECONDS
    )
