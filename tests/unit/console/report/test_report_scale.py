"""A report over many certificates: its time, its memory and its size. `make report-scale` runs it with 100 000."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.console import TOKEN
from tests.support.inventory import inventory, serving

pytestmark = [pytest.mark.process, pytest.mark.long]

STORED = int(os.environ.get("STORED", "5000"))
MIB = 2**20
MEASURED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Runs a command from a small process: what is measured of a child begins with the memory of its parent."""
MOST_SECONDS, MOST_MEMORY, MOST_BYTES = 60, 300 * MIB, 5 * MIB


def test_a_report_takes_a_minute_300_mib_and_5_mib_at_most(tmp_path: Path) -> None:
    found = inventory(STORED, now=datetime.now(UTC))
    page = tmp_path / "report.html"
    with serving(found) as address:
        began = time.monotonic()
        command = [sys.executable, "-m", "sectigo_vault_pki", "report", f"-address={address}", f"-output={page}"]
        ran = subprocess.run(
            [sys.executable, "-c", MEASURED, *command],
            env={"BAO_TOKEN": TOKEN, "HOME": str(tmp_path)},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        seconds = time.monotonic() - began
    memory, size = int(ran.stdout.splitlines()[-1]) * 1024, page.stat().st_size
    sys.stdout.write(
        f"\n{STORED} certificates: {seconds:.1f} s, {memory / MIB:.0f} MiB of memory, a page of {size / MIB:.1f} MiB\n"
    )
    assert seconds < MOST_SECONDS
    assert memory < MOST_MEMORY
    assert size < MOST_BYTES
