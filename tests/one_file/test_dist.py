"""What `make dist` leaves behind, and what it says where it cannot."""

import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sectigo_vault_pki import __version__
from tests.support.inventory import inventory, serving
from tests.support.one_file import Installed

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "sample_data_jsons"


def test_program_archive_and_checksums_are_made(dist: Path) -> None:
    program = f"sectigo-vault-pki_{__version__}"
    assert {path.name for path in dist.iterdir()} == {program, f"{program}.tar.gz", "SHA256SUMS"}
    checked = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=dist, capture_output=True, text=True, check=False)
    assert checked.stdout.splitlines() == [f"{program}: OK", f"{program}.tar.gz: OK"]
    assert os.access(dist / program, os.X_OK)


def test_the_archive_has_the_program_and_what_a_user_reads(dist: Path, program: Path, tmp_path: Path) -> None:
    with tarfile.open(dist / f"{program.name}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "sectigo-vault-pki"
    assert (folder / program.name).read_bytes() == program.read_bytes()
    assert os.access(folder / program.name, os.X_OK)
    guide = ROOT.joinpath("docs", "guide").glob("*.md")
    files = [file for name in ("monitoring", "deployment") for file in ROOT.joinpath("docs", name).iterdir()]
    for document in (ROOT / "README.md", ROOT / "docs" / "fields.md", *guide, *files, *SAMPLES.rglob("*.json")):
        assert (folder / document.relative_to(ROOT)).read_bytes() == document.read_bytes()


def test_the_archive_has_the_licences_of_what_is_inside(dist: Path, program: Path) -> None:
    with tarfile.open(dist / f"{program.name}.tar.gz") as archive:
        member = archive.extractfile("sectigo-vault-pki/THIRD_PARTY.txt")
        assert member is not None
        text = member.read().decode()
    for part in (
        "PYTHON SOFTWARE FOUNDATION LICENSE",
        "cryptography ",
        "grpcio ",
        "libc.so.6",
        "GNU LESSER GENERAL PUBLIC",
    ):
        assert part in text
    assert "is not on the machine" not in text


def test_the_program_has_the_commands_for_people(unpacked_once: Installed, tmp_path: Path) -> None:
    found = inventory(50, now=datetime.now(UTC))
    page = tmp_path / "report.html"
    with serving(found) as address:
        done = unpacked_once.run("report", f"-output={page}", BAO_ADDR=address, BAO_TOKEN="x", HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, f"50 certificates in {page}\n")
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("compiler", ["no-such-compiler", "false"])
def test_without_a_compiler_it_says_what_is_needed(tmp_path: Path, compiler: str) -> None:
    command = ["make", "dist", f"DIST={tmp_path / 'dist'}", f"VENV={sys.prefix}"]
    made = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "CC": compiler}, capture_output=True, text=True, timeout=120, check=False
    )
    assert made.returncode != 0
    assert "make dist: " in made.stderr
    assert "gcc" in made.stderr
    assert "libc6-dev" in made.stderr
