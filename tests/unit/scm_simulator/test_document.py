"""`docs/simulator.md` names every option, knob, fault, operation and profile, so that it cannot fall behind."""

from pathlib import Path
from typing import get_args

import pytest

from sectigo_vault_pki.scm_simulator.control import Operation
from sectigo_vault_pki.scm_simulator.faults import FaultKind
from sectigo_vault_pki.scm_simulator.model.tenant import Catalogue
from sectigo_vault_pki.scm_simulator.serve import program
from sectigo_vault_pki.scm_simulator.simulator import Simulator
from sectigo_vault_pki.scm_simulator.simulator_settings import Settings

DOCUMENT = (Path(__file__).parents[3] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_every_option_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        program.parse(["--help"])
    names = {word.strip("[],") for word in capsys.readouterr().out.split() if word.strip("[],").startswith("--")}
    described = {name for name in names if f"`{name}" in DOCUMENT}
    assert described == names - {"--help"}


def test_every_knob_is_described_with_its_default() -> None:
    for name, value in Settings().model_dump(mode="json").items():
        shown = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else value
        shown = int(shown) if isinstance(shown, float) else shown
        assert f"| `{name}` | {shown} |" in DOCUMENT


@pytest.mark.parametrize("word", [*get_args(FaultKind), *get_args(Operation)])
def test_every_fault_is_described(word: str) -> None:
    assert f"`{word}`" in DOCUMENT


def test_every_control_call_and_every_path_is_described() -> None:
    simulator = Simulator()
    control = {route.path.split("/")[1] for route in simulator.tenant_control().routes()}
    assert {word for word in control if f"/{word}" not in DOCUMENT} == set()
    admin = {route.path for route in simulator.routes()["admin"] if "{" not in route.path}
    words = {word for path in admin for word in path.split("/") if word}
    assert {word for word in words if word not in DOCUMENT} == set()


def test_every_profile_is_described() -> None:
    catalogue = Catalogue()
    for profile in (*catalogue.profiles, *catalogue.client_profiles):
        assert f"| {profile.id} {profile.name} | {', '.join(map(str, profile.terms))} |" in DOCUMENT
