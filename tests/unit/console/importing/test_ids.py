"""The ids to import, as a person has them."""

from io import StringIO

import pytest

from sectigo_vault_pki.console.failures import SettingsError
from sectigo_vault_pki.console.importing.ids import MOST_CHARACTERS, bounded_lines, ids_from


def test_one_id_a_line_without_comments_and_each_once() -> None:
    lines = ["\ufeff# ours\n", "101\n", "\n", "  102_example  # the shop's\n", "101\r\n", "order-7\n"]
    assert ids_from(lines) == ["101", "102_example", "order-7"]


def test_a_column_of_a_table_is_found_by_its_name() -> None:
    lines = ["\ufeffName,SSL ID\n", '"www, and more",101\n', "shop,\n", "mail,102\n", "api,101\n"]
    assert ids_from(lines, "SSL ID") == ["101", "102"]


def test_an_unknown_column_names_those_that_there_are() -> None:
    with pytest.raises(SettingsError, match='no column "id", but: Name, SSL ID'):
        ids_from(["Name,SSL ID\n"], "id")
    with pytest.raises(SettingsError, match="but: nothing"):
        ids_from([], "id")


@pytest.mark.parametrize("text", ["../../sys/raw", "1 2", "a@file", "x" * 300, "1\x00"])
def test_what_is_no_id_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(SettingsError, match=r"line 2: .* is no id"):
        ids_from(["1\n", f"{text}\n"])


def test_a_column_that_is_no_csv_is_refused_with_its_line() -> None:
    with pytest.raises(SettingsError, match=r"line \d+ is no line of a CSV: field larger"):
        ids_from(["id\n", '"', *["x" * 60_000] * 3], "id")


def test_lines_are_read_one_by_one_up_to_a_number_and_a_length() -> None:
    assert list(bounded_lines(StringIO("1\n2\n3"), most=3)) == ["1\n", "2\n", "3"]
    with pytest.raises(SettingsError, match="more than 2 lines: divide the list"):
        list(bounded_lines(StringIO("1\n2\n3"), most=2))
    with pytest.raises(SettingsError, match="line 2 has more than"):
        list(bounded_lines(StringIO("1\n" + "2" * MOST_CHARACTERS + "\n")))
