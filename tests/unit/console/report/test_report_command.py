"""`sectigo-vault-pki report` against a server that lists made-up certificates."""

import csv
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from tests.support.console import TOKEN, Ran, run
from tests.support.inventory import inventory, serving

FOUND = inventory(500, now=datetime.now(UTC))


def report(address: str, home: Path, *options: str) -> Ran:
    return run("report", *options, home=home, BAO_ADDR=address, BAO_TOKEN=TOKEN)


def test_each_format_has_every_certificate(tmp_path: Path) -> None:
    with serving(FOUND, ["entry web: the login is refused"]) as address:
        as_json = report(address, tmp_path, "-format=json")
        as_csv = report(address, tmp_path, "-format", "csv")
        page = tmp_path / "page.html"
        as_page = report(address, tmp_path, f"-output={page}")
    assert [ran.status for ran in (as_json, as_csv, as_page)] == [0, 0, 0]
    assert len(as_json.json["certificates"]) == 500
    assert as_json.json["warnings"] == ["entry web: the login is refused"]
    assert len(list(csv.DictReader(StringIO(as_csv.output)))) == 500
    assert as_page.errors == f"500 certificates in {page}\n"
    assert TOKEN not in page.read_text()


def test_one_entry_alone_can_be_asked_for(tmp_path: Path) -> None:
    with serving(FOUND) as address:
        ran = report(address, tmp_path, "-format=json", "-config=mail")
    assert {row["config"] for row in ran.json["certificates"]} == {"mail"}


def test_a_page_goes_to_a_file_named_after_the_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(FOUND) as address:
        assert report(address, tmp_path).status == 0
    assert (tmp_path / "sectigo-vault-pki-report.html").exists()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with serving(FOUND) as address:
        ran = report(address, tmp_path, f"-output={tmp_path}/no/such/page.html")
    assert ran.status == 1
    assert "cannot be written" in ran.errors
