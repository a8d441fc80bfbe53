import os
import subprocess
import sys
from pathlib import Path

import pytest

from sectigo_vault_pki import __version__
from tests.support.one_file import Installed

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make dist` writes."""
    folder = tmp_path_factory.mktemp("dist")
    command = ["make", "dist", f"DIST={os.path.relpath(folder, ROOT)}", f"VENV={sys.prefix}"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def program(dist: Path) -> Path:
    """The one file."""
    return dist / f"sectigo-vault-pki_{__version__}"


@pytest.fixture
def installed(program: Path, tmp_path: Path) -> Installed:
    """The program on a host where nothing of it was ever unpacked."""
    return Installed(program, tmp_path / "unpacked")


@pytest.fixture(scope="session")
def unpacked_once(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The program on a host where it was started before."""
    installed = Installed(program, tmp_path_factory.mktemp("unpacked"))
    assert installed.run().returncode == 1
    return installed
