from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scripts.guide_examples import DOCUMENTS, STEP
from scripts.guide_words import GUIDE_NOW, Words, abridged, folded

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIBleaf\nabcd=\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHcCsecret\n-----END EC PRIVATE KEY-----\n"
TABLE = "Key       Value\n---       -----\ndomain    www.example.com\nstatus    Issued\n"
WARNING = "WARNING! The following warnings were returned from OpenBao:\n\n  * be\n  careful\n\n"


@pytest.fixture
def words() -> Words:
    words = Words({"https://cert-manager.com": "http://127.0.0.1:4001"}, NOW)
    words.orders(ssl=[900_001, 283_801], client=[1_000_000_007])
    return words


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_every_block_of_commands_is_run(document: Path) -> None:
    text = document.read_text()
    steps = list(STEP.finditer(text))
    assert sum(1 for step in steps if step["command"]) == text.count("```sh\n")
    assert sum(1 for step in steps if step["between"]) == text.count("```text\n")
    assert sum(1 for step in steps if step["method"]) == text.count("<!-- simulator:")
    assert sum(1 for step in steps if step["before"]) == text.count("<!-- run:")


def test_ids_of_the_guide_are_those_of_the_run_counted_by_their_order(words: Words) -> None:
    assert words.of_run("certs/web/283801_acme certs/web/283802_acme") == "certs/web/900001_acme certs/web/283801_acme"
    assert words.of_run("certs/people/1632880001_acme") == "certs/people/1000000007_acme"
    assert words.of_guide("ssl_id 283801, 900001\n") == "ssl_id 283802, 283801\n"


def test_addresses_are_exchanged_as_whole_words(words: Words) -> None:
    assert words.of_guide("http://127.0.0.1:4001/api http://127.0.0.1:40012\n") == (
        "https://cert-manager.com/api http://127.0.0.1:40012\n"
    )


def test_orders_without_an_id_are_counted_as_they_come_up(words: Words) -> None:
    first, second = "11111111-aaaa-4bbb-8ccc-222222222222", "33333333-aaaa-4bbb-8ccc-444444444444"
    shown = words.of_guide(f"order-{first} order-{second} order-{first}\n").split()
    assert shown == [f"order-6f9c1a2e-5b7d-4c3a-9e10-00000000000{number}" for number in (1, 2, 1)]
    assert words.of_run(shown[1]) == f"order-{second}"


def test_moments_are_moved_to_the_guides_own_time(words: Words) -> None:
    later = NOW + timedelta(days=365, minutes=3)
    shown = words.of_guide(f"not_after {later:%Y-%m-%dT%H:%M:%SZ}\nexpiration            {int(later.timestamp())}\n")
    expected = GUIDE_NOW + timedelta(days=365)
    unix = words.of_guide(f'"not_before": {int(NOW.timestamp())},\nrevocation_time    {int(NOW.timestamp())}\n')
    assert unix.split() == [
        '"not_before":',
        f"{int(GUIDE_NOW.timestamp())},",
        "revocation_time",
        str(int(GUIDE_NOW.timestamp())),
    ]
    assert shown.split() == [
        "not_after",
        f"{expected:%Y-%m-%dT%H:%M:%SZ}",
        "expiration",
        str(int(expected.timestamp())),
    ]


def test_what_is_drawn_at_random_is_left_out(words: Words) -> None:
    serials = [":".join(["ab"] * 19 + [last]) for last in ("01", "02", "01")]
    assert words.of_guide(" ".join(serials) + "\n") == "4c:1d:…:01 4c:1d:…:02 4c:1d:…:01\n"
    assert words.of_guide('"renew_id": "aWjEn1HjTyT7h4L1Vmsa",\n') == '"renew_id": "…",\n'
    assert words.of_guide('"request_id": "852721f8-331a-6640-4666-97e45e123048",\n') == '"request_id": "…",\n'


def test_pem_is_shortened_and_nothing_of_a_key_is_shown(words: Words) -> None:
    assert words.of_guide(f"certificate    {CERTIFICATE}{CERTIFICATE}csr    n/a\nprivate_key    {KEY}") == (
        "certificate    -----BEGIN CERTIFICATE-----… (2 of them)\ncsr    n/a\n"
        "private_key    -----BEGIN EC PRIVATE KEY-----…\n"
    )
    escaped = KEY.replace("\n", "\\n")
    assert words.of_guide(f'{{"private_key": "{escaped}"}}\n') == (
        '{"private_key": "-----BEGIN EC PRIVATE KEY-----…"}\n'
    )


def test_answer_is_kept_whole_unless_the_guide_leaves_lines_out() -> None:
    assert abridged(TABLE, "stale\n") == TABLE
    assert abridged(TABLE, "Key  ?\nstatus  ?\n…\n") == "Key       Value\nstatus    Issued\n…\n"


def test_json_list_is_left_out_to_its_end() -> None:
    left_out = '        "a": [\n            "x"\n        ],\n'
    printed = '    "data": {\n        "b": [\n            "x"\n        ]\n    }\n'
    answer = printed.replace("{\n", f"{{\n{left_out}", 1)
    assert abridged(answer, f"{printed}…\n") == f"{printed}…\n"


def test_warnings_are_never_left_out(words: Words) -> None:
    assert "be careful" in abridged(words.of_guide(WARNING + TABLE), "status\n…\n")


def test_warnings_are_folded_by_the_guides_own_words(words: Words) -> None:
    run = "  * " + " ".join(["http://127.0.0.1:4001"] * 3) + "\n  http://127.0.0.1:4001\n\nKey       Value\n"
    in_guide = "  * " + " ".join(["https://cert-manager.com"] * 3) + "\n  https://cert-manager.com\n\nKey       Value\n"
    assert folded(words.of_guide(run)) == in_guide
