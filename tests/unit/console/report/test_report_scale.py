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
MOST_SECONDS, MOST_MEMORY, MOST_BYTES = 60, 300 * MIB, 5 * MIB


def test_a_report_takes_a_minute_300_mib_and_5_mib_at_most(tmp_path: Path) -> None:
    found = inventory(STORED, now=datetime.now(UTC))
    page = tmp_path / "report.html"
    with serving(found) as address:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "sectigo_vault_pki", "report", f"-address={address}", f"-output={page}"],
            env={"BAO_TOKEN": TOKEN, "HOME": str(tmp_path)},
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    memory, size = usage.ru_maxrss * 1024, page.stat().st_size
    sys.stdout.write(
        f"\n{STORED} certificates: {seconds:.1f} s, {memory / MIB:.0f} MiB of memory, a page of {size / MIB:.1f} MiB\n"
    )
    assert process.returncode == 0
    assert seconds < MOST_SECONDS
    assert memory < MOST_MEMORY
    assert size < MOST_BYTES
