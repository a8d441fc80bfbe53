"""Go's api packages, Vault's and OpenBao's, at our mount."""

from pathlib import Path

import pytest

from scripts.environment import Environment
from tests.support import client_programs


@pytest.fixture(scope="module")
def program() -> Path:
    return client_programs.go_program()


@pytest.mark.parametrize("package", ["vault", "openbao"])
def test_a_program_in_go_reads_what_it_does(
    environment: Environment, program: Path, folder: Path, package: str
) -> None:
    client_programs.check(client_programs.calls(environment, [program, package], folder))
