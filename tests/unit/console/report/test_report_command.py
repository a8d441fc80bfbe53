"""`sectigo-vault-pki report` against a server that lists made-up certificates."""

import csv
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from tests.support.console import TOKEN, Ran, run
from tests.support.inventory import inventory, serving
from tests.unit.console.report.test_formats import data_of

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


@pytest.mark.parametrize(
    ("option", "word"),
    [("-mount=foo", "no handler for route"), ("-config=nope", "no config entry"), ("-config=", "no name of a config")],
)
@pytest.mark.parametrize("kind", ["csv", "json", "html"])
def test_a_mount_or_an_entry_that_is_not_there_is_no_empty_report(
    option: str, word: str, kind: str, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    with serving(FOUND) as address:
        ran = report(address, tmp_path, option, f"-format={kind}", f"-output={page}")
    assert ran.status != 0
    assert ran.output == ""
    assert word in ran.errors
    assert not page.exists()


def test_an_entry_without_certificates_is_an_empty_report(tmp_path: Path) -> None:
    with serving({"web": {}}) as address:
        ran = report(address, tmp_path, "-format=json")
    assert (ran.status, ran.errors) == (0, "")
    assert ran.json["certificates"] == []


def test_an_entry_that_is_named_twice_is_listed_once(tmp_path: Path) -> None:
    with serving(FOUND) as address:
        ran = report(address, tmp_path, "-format=json", "-config=mail", "-config=mail")
    assert len(ran.json["certificates"]) == len(FOUND["mail"])


def test_what_a_deleted_entry_leaves_is_counted_and_listed_by_its_name(tmp_path: Path) -> None:
    page, count = tmp_path / "page.html", len(FOUND["mail"])
    said = f"{count} certificates of deleted config entries are left out: only -config=NAME lists"
    with serving(FOUND, deleted=["mail"]) as address:
        as_json = report(address, tmp_path, "-format=json")
        as_csv = report(address, tmp_path, "-format=csv")
        as_page = report(address, tmp_path, f"-output={page}")
        by_name = report(address, tmp_path, "-format=json", "-config=mail")
    assert [ran.status for ran in (as_json, as_csv, as_page, by_name)] == [0, 0, 0, 0]
    assert all(ran.errors.startswith(said) for ran in (as_json, as_csv, as_page))
    assert as_json.json["left_out"] == count
    assert as_json.json["warnings"][0].startswith(said)
    assert data_of(page.read_text())["warnings"] == as_json.json["warnings"]
    assert len(as_csv.output.splitlines()) == 1 + 500 - count
    assert (len(by_name.json["certificates"]), by_name.json["left_out"], by_name.errors) == (count, 0, "")
