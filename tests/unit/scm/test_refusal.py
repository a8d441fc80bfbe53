import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.scm import hint_for
from sectigo_vault_pki.scm.codes import Verdict, verdict
from sectigo_vault_pki.scm.exchange import Answer
from sectigo_vault_pki.scm.refusal import presentable, refusal_from


def answered(status: int, body: object) -> Answer:
    return Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            answered(401, {"code": -16, "description": "Unknown user"}),
            f"SCM refused enroll: Unknown user (code -16); {hint_for('enroll', -16)}",
        ),
        (
            answered(400, {"code": -99999, "description": "Something new"}),
            "SCM refused enroll: Something new (code -99999)",
        ),
        (answered(400, {"code": "-99999", "description": None}), "SCM refused enroll: Bad Request (code -99999)"),
        (answered(403, {"description": "Go away"}), "SCM refused enroll: Go away (HTTP 403)"),
        (
            answered(404, b"<html>Not here</html>"),
            "SCM refused enroll: Not Found (HTTP 404); what answered may not be SCM: check the base URL",
        ),
        (
            answered(302, b""),
            "SCM refused enroll: Found (HTTP 302); what answered may not be SCM: check the base URL",
        ),
        (
            answered(499, b"[]"),
            "SCM refused enroll: unknown status (HTTP 499); what answered may not be SCM: check the base URL",
        ),
    ],
)
def test_a_refusal_says_what_and_why_and_what_to_do(answer: Answer, text: str) -> None:
    error = refusal_from("enroll", answer)
    assert str(error) == text
    assert error.status == answer.status
    assert error.operation == "enroll"


def test_the_hint_is_not_part_of_the_description() -> None:
    error = refusal_from("enroll", answered(400, {"code": -36, "description": "The validity period is invalid"}))
    assert (error.code, error.description) == (-36, "The validity period is invalid")
    assert error.hint == "choose a validity in days that the certificate profile offers"


def test_a_code_means_something_only_for_its_operation() -> None:
    assert hint_for("enroll", -107) != hint_for("collect", -107)
    assert hint_for("collect", -110) is not None
    assert hint_for("list", -16) == hint_for("enroll", -16)


@given(st.text(max_size=1000))
def test_foreign_text_is_bounded_and_has_no_control_characters(text: str) -> None:
    shown = presentable(text)
    assert len(shown) <= 512
    assert shown.isprintable()
    assert presentable(shown) == shown


def test_line_ends_and_direction_marks_cannot_forge_a_log_line() -> None:
    assert presentable("a\r\n\x1b[31mb\u202ec\u2028d") == "a [31mb c d"


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Verdict.ACCEPTED),
        (201, Verdict.ACCEPTED),
        (204, Verdict.ACCEPTED),
        (302, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (408, Verdict.UNCLEAR),
        (429, Verdict.BUSY),
        (500, Verdict.UNCLEAR),
        (503, Verdict.UNCLEAR),
        (599, Verdict.UNCLEAR),
        (700, Verdict.UNCLEAR),
        (101, Verdict.UNCLEAR),
    ],
)
def test_a_status_is_a_yes_a_no_a_later_or_unclear(status: int, expected: Verdict) -> None:
    assert verdict(status) is expected
