from scripts.demo_terminal import WIDTH, Answer, shown

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBleaf\nabcd=\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCsecret\n-----END EC PRIVATE KEY-----\n"
TABLE = f"""Key              Value
---              -----
certificate      {CERTIFICATE}{CERTIFICATE.replace("leaf", "root")}
domain           web.example.test
private_key      {KEY}
status           Issued"""


def test_pem_of_a_table_is_shortened_to_one_line() -> None:
    assert (
        shown(TABLE).splitlines()[2] == "certificate      -----BEGIN CERTIFICATE-----MIIBleaf... (2 of them, shortened)"
    )


def test_pem_of_json_is_shortened_inside_its_text() -> None:
    escaped = CERTIFICATE.replace("\n", "\\n")
    assert shown(f'{{"certificate": "{escaped}"}}') == (
        '{"certificate": "-----BEGIN CERTIFICATE-----MIIBleaf... (shortened)"}'
    )


def test_nothing_of_a_private_key_is_shown() -> None:
    assert "MHcC" not in shown(TABLE)
    assert "-----BEGIN EC PRIVATE KEY-----... (shortened)" in shown(TABLE)


def test_what_follows_a_shortened_value_stays() -> None:
    assert shown(TABLE).splitlines()[-1] == "status           Issued"


def test_long_lines_are_folded_below_their_value() -> None:
    line = "state      " + "[map[status:Applied] " * 8
    folded = shown(line).splitlines()
    assert len(folded) > 1
    assert max(map(len, folded)) <= WIDTH
    assert all(part.startswith(" " * 11) for part in folded[1:])


def test_lines_beyond_the_wanted_ones_are_counted() -> None:
    assert shown("a\nb\nc\nd", lines=2) == "a\nb\n... (2 more lines)"


def test_row_of_a_table_is_found_by_its_name() -> None:
    answer = Answer(TABLE, 0)
    assert answer.row("domain") == "web.example.test"
    assert answer.row("stat") == ""


def test_pem_blocks_are_found_by_the_end_of_their_label() -> None:
    answer = Answer(TABLE, 0)
    assert answer.pem("PRIVATE KEY") == [KEY.strip()]
    assert len(answer.pem("CERTIFICATE")) == 2


def test_only_the_wanted_rows_of_a_table_are_shown_and_the_others_counted() -> None:
    assert shown(f"WARNING! Mind this\n\n{TABLE}", rows=("domain", "status")) == (
        "WARNING! Mind this\n\n"
        "Key              Value\n"
        "---              -----\n"
        "domain           web.example.test\n"
        "status           Issued\n"
        "... (2 more rows)"
    )


def test_answer_without_a_table_is_shown_whole_whatever_rows_are_wanted() -> None:
    assert shown("No value found", rows=("domain",)) == "No value found"
