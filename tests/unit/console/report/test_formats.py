"""The report as a page, as CSV and as JSON."""

import base64
import csv
import hashlib
import json
import re
import zlib
from io import StringIO
from itertools import accumulate
from typing import Any

import pytest

from sectigo_vault_pki.console.report.certificates import Certificate
from sectigo_vault_pki.console.report.columns import packed
from sectigo_vault_pki.console.report.html_page import write_page
from sectigo_vault_pki.console.report.summary import Report, sorted_by_end, summary_of
from sectigo_vault_pki.console.report.tables import harmless, write_csv, write_json
from tests.unit.console.report.test_certificates import NOW, certificate

EVIL = "</script><script>alert(1)</script>"


def report(*rows: Certificate, warnings: tuple[str, ...] = ()) -> Report:
    return Report("https://vault.example.test", "sectigo-vault-pki", NOW, "0.1.0", sorted_by_end(rows), warnings)


def written(content: Report, write: Any) -> str:
    out = StringIO()
    write(content, out)
    return out.getvalue()


ROWS = (
    certificate(left=200)._replace(unique_id="9_example"),
    certificate(left=-1)._replace(unique_id="8_example", renewed_to="9_example"),
    certificate(left=3)._replace(unique_id="order-7", renewed_to="77_example", requested_by="userpass-ann"),
    certificate(not_after="", not_before="", status="Applied", serial_number="", issuer=""),
)


def test_the_counts_are_those_of_the_states_and_of_each_word() -> None:
    summary = summary_of(report(*ROWS))
    assert (summary.total, summary.in_use) == (4, 1)
    assert {state: count for state, count in summary.states.items() if count} == {
        "renewed": 2,
        "valid": 1,
        "pending": 1,
    }
    assert summary.by["requested_by"] == {"automatic": 3, "userpass-ann": 1}
    assert summary.by["key"] == {"EC 256": 4}


def test_json_is_one_object_with_everything() -> None:
    content = json.loads(written(report(*ROWS, warnings=("careful",)), write_json))
    assert content["generated"] == "2027-01-15T08:00:00Z"
    assert content["warnings"] == ["careful"]
    assert content["summary"]["total"] == 4
    assert [row["unique_id"] for row in content["certificates"]] == ["8_example", "order-7", "9_example", "7_example"]
    assert content["certificates"][0]["state"] == "renewed"
    assert content["certificates"][-1]["not_after"] == ""


def test_json_without_certificates_is_an_object_too() -> None:
    assert json.loads(written(report(), write_json))["certificates"] == []


def test_csv_has_a_line_for_each_and_the_names_in_one_cell() -> None:
    rows = list(csv.DictReader(StringIO(written(report(*ROWS), write_csv))))
    assert len(rows) == 4
    assert rows[0]["dns_names"] == "www.example.test example.test"
    assert rows[2]["not_after"] == "2027-08-03T08:00:00Z"
    assert rows[2]["state"] == "valid"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_begins_a_formula_is_text_in_csv(text: str) -> None:
    assert harmless(text) == f"'{text}"
    row = certificate()._replace(common_name=text, dns_names=(text,), requested_by=text)
    (read,) = csv.DictReader(StringIO(written(report(row), write_csv), newline=""))
    assert {read["common_name"], read["dns_names"], read["requested_by"]} == {f"'{text}"}
    assert harmless("www.example.test") == "www.example.test"


def data_of(page: str) -> Any:
    match = re.search(r'id="data">([A-Za-z0-9+/=]*)</script>', page)
    assert match is not None
    return json.loads(zlib.decompress(base64.b64decode(match[1])))


def test_the_page_carries_the_rows_in_columns() -> None:
    data = data_of(written(report(*ROWS), write_page))
    columns = data["columns"]

    def words(name: str) -> list[str]:
        return [columns[name]["words"][at] for at in columns[name]["at"]]

    ids = [head + tail for head, tail in zip(columns["number"], words("customer"), strict=True)]
    assert ids == ["8_example", "order-7", "9_example", "7_example"]
    assert columns["successor"] == [3, "77_example", 0, 0]
    steps = columns["end"]["steps"]
    ends = list(accumulate(steps, initial=columns["end"]["first"]))[1:]
    assert ends == [(NOW - 86400) // 60, (NOW + 3 * 86400) // 60, (NOW + 200 * 86400) // 60, -1]
    assert words("life") == ["525600", "525600", "525600", "-1"]
    assert words("state") == ["renewed", "renewed", "valid", "pending"]
    assert columns["serial"][0] == "01ab"
    assert columns["others"][0] == "example.test"


def test_a_page_without_certificates_is_a_page_too() -> None:
    assert data_of(written(report(), write_page))["count"] == 0


def test_a_name_that_is_no_text_does_not_end_the_report() -> None:
    assert packed(report(certificate()._replace(common_name="\ud800")))


def test_nothing_of_the_data_stands_in_the_markup() -> None:
    row = certificate()._replace(common_name=EVIL, issuer=EVIL, config=EVIL, unique_id=EVIL, dns_names=(EVIL,))
    content = Report(EVIL, EVIL, NOW, EVIL, [row], [EVIL])
    page = written(content, write_page)
    assert "alert(1)</script>" not in page
    assert page.count("<script") == 2


def test_the_page_allows_its_own_program_and_style_alone() -> None:
    page = written(report(*ROWS), write_page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]
    for tag, kind in (("script", "script-src"), ("style", "style-src")):
        inline = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert inline is not None
        digest = base64.b64encode(hashlib.sha256(inline[1].encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in policy[1]
    assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page) == []
