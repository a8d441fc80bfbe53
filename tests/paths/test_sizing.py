"""What docs/sizing.md says a certificate takes in storage."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.mount import Mount

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sizing.md"
_ROW = re.compile(r"^\| (?P<what>[^|]+) \| (?P<entries>\d+) \| (?P<kilobytes>[\d.]+) kB \|$", re.MULTILINE)
TOLERANCE = 0.15
"""As the names in a certificate differ."""


def printed() -> dict[str, tuple[int, float]]:
    """Return the entries and kilobytes of each row of the page's table."""
    return {row["what"]: (int(row["entries"]), float(row["kilobytes"])) for row in _ROW.finditer(PAGE.read_text())}


async def size(mount: Mount) -> tuple[int, int]:
    """Return how many entries are stored, and their bytes, when everything is written."""
    await mount.tick()
    entries = {key: value for key, value in mount.storage.snapshot().items() if not key.startswith("event/")}
    return len(entries), sum(len(key) + len(value) for key, value in entries.items())


async def grown(mount: Mount, before: tuple[int, int], number: int) -> tuple[int, float]:
    """Return the entries and kilobytes that each of so many has added."""
    after = await size(mount)
    return round((after[0] - before[0]) / number), (after[1] - before[1]) / number / 1000


@pytest.mark.parametrize(
    ("what", "order"),
    [
        ("certificate with an RSA key of 2048 bits", {"sectigo_csr_key_algo": "RSA"}),
        ("certificate with an RSA key of 4096 bits", {"sectigo_csr_key_algo": "RSA", "sectigo_csr_key_size": 4096}),
        ("certificate with an EC key", {}),
    ],
)
async def test_a_certificate_takes_what_the_page_says(ready: Mount, what: str, order: Mapping[str, Any]) -> None:
    number = 3
    await ready.enroll()
    before = await size(ready)
    for _ in range(number):
        await ready.enroll(**order)
    assert_as_printed(what, await grown(ready, before, number))


async def test_a_replacement_takes_what_the_page_says(ready: Mount) -> None:
    unique_id = (await ready.enroll())["cert_unique_id"]
    before = await size(ready)
    await ready.write(f"replace/web/{unique_id}", {"sectigo_reason": "superseded"})
    assert_as_printed("each replaced version of one with an EC key, at most 10", await grown(ready, before, 1))


def assert_as_printed(what: str, measured: tuple[int, float]) -> None:
    entries, kilobytes = printed()[what]
    assert measured[0] == entries
    assert measured[1] == pytest.approx(kilobytes, rel=TOLERANCE)


async def test_a_renewal_makes_as_many_calls_as_the_page_says(ready: Mount) -> None:
    number = 6
    for _ in range(number):
        await ready.enroll()
    ready.clock.advance(days=360)
    calls = len(ready.simulator.calls)
    await ready.tick()
    (each,) = re.findall(r"^A renewal takes (\d) calls", PAGE.read_text(), re.MULTILINE)
    few_for_all = number - 1
    made = len(ready.simulator.calls) - calls
    assert number * int(each) <= made <= number * int(each) + few_for_all
