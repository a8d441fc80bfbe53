import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import ScmRefusedError
from sectigo_vault_pki.scm import hint_for
from sectigo_vault_pki.scm.call import Answer
from sectigo_vault_pki.scm.codes import Verdict, verdict
from sectigo_vault_pki.scm.failures import (
    LONGEST_READ,
    Said,
    is_in_scms_shape,
    is_page,
    presentable,
    refusal_from,
    said_in,
)


def answered(status: int, body: object) -> Answer:
    return Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())


def refused(status: int, body: object) -> ScmRefusedError:
    answer = answered(status, body)
    said = said_in(answer, str)
    assert said is not None
    assert said.is_scms
    return refusal_from("enroll", answer, said)


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (
            401,
            {"code": -16, "description": "Unknown user"},
            f"SCM refused enroll: Unknown user (code -16); {hint_for('enroll', -16)}",
        ),
        (400, {"code": -99999, "description": "Something new"}, "SCM refused enroll: Something new (code -99999)"),
        (400, {"code": "-99999", "description": None}, "SCM refused enroll: Bad Request (code -99999)"),
        (403, {"description": "Go away"}, "SCM refused enroll: Go away (HTTP 403)"),
    ],
)
def test_a_refusal_says_what_and_why_and_what_to_do(status: int, body: object, text: str) -> None:
    error = refused(status, body)
    assert str(error) == text
    assert error.status == status
    assert error.operation == "enroll"


def test_the_hint_is_not_part_of_the_description() -> None:
    error = refused(400, {"code": -36, "description": "The validity period is invalid"})
    assert (error.code, error.description) == (-36, "The validity period is invalid")
    assert error.hint == "choose a validity in days that the certificate profile offers"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": -5, "description": ["a", "b"]}, Said(-5, "a; b", is_scms=True)),
        ({"code": -5.0, "description": "x", "items": ["y", "x"]}, Said(-5, "x; y", is_scms=True)),
        ({"description": "x", "errors": [{"field": "csr", "message": "y"}]}, Said(None, "x; csr; y", is_scms=True)),
        ({"code": True, "description": "x"}, Said(None, "x", is_scms=True)),
        ({"code": 10**400, "description": "x"}, Said(None, "x", is_scms=True)),
        ({"code": 0.5, "description": "x"}, Said(None, "x", is_scms=True)),
        (b'{"code":NaN,"description":"x"}', Said(None, "x", is_scms=True)),
        (b'{"code":1e999,"description":"x"}', Said(None, "x", is_scms=True)),
        (b'{"code":0,"code":-16,"description":"x"}', Said(-16, "x", is_scms=True)),
        (b'\xef\xbb\xbf {"code":-5,"description":"Z\xfcrich"}', Said(-5, "Z\ufffdrich", is_scms=True)),
        (b'{"code":-5,"description":"a\\ud800b"}', Said(-5, "a b", is_scms=True)),
        ({"code": 403, "message": "Forbidden"}, Said(403, "Forbidden", is_scms=False)),
        ({"message": "Forbidden"}, Said(None, "Forbidden", is_scms=False)),
        ({"description": ["a"]}, Said(None, "a", is_scms=False)),
        ({"description": " "}, Said(None, "", is_scms=False)),
        ({"sslId": 55}, Said(None, "", is_scms=False)),
    ],
)
def test_words_are_read_from_every_shape_and_count_as_scms_only_in_its_own(body: object, expected: Said) -> None:
    answer = answered(400, body)
    assert said_in(answer, str) == expected
    assert is_in_scms_shape(answer) is expected.is_scms


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"OK",
        b"[]",
        b"<html>Not here</html>",
        b"\xff\xfe",
        b'{"a":' * 100_000,
        b'{"code":' + b"9" * 5000 + b',"description":"x"}',
        b'{"description":"x"',
    ],
)
@pytest.mark.parametrize("status", [200, 302, 400, 500])
def test_what_is_no_object_says_nothing(body: bytes, status: int) -> None:
    answer = Answer(status, body)
    assert said_in(answer, str) is None
    assert not is_in_scms_shape(answer)


def test_a_description_alone_is_an_error_only_where_the_status_says_so() -> None:
    assert is_in_scms_shape(answered(400, {"description": "x"}))
    assert not is_in_scms_shape(answered(200, {"description": "x"}))
    assert is_in_scms_shape(answered(200, {"code": -9, "description": "x"}))


@given(st.binary(max_size=200) | st.from_regex(rb'\{"(code|description)":.{0,30}\}', fullmatch=True))
def test_any_body_is_read_without_an_exception(body: bytes) -> None:
    said = said_in(Answer(400, body), str)
    assert said is None or said.description.isprintable()


def test_words_without_end_are_bounded() -> None:
    said = said_in(answered(400, {"code": -5, "description": [f"{'x' * 50_000}{n}" for n in range(15)]}), str)
    assert said is not None
    assert len(said.description) == 512
    assert len(presentable("ab " * LONGEST_READ)) == 512


@pytest.mark.parametrize("body", [b"<html>", b" \r\n<!DOCTYPE html>", b"\xef\xbb\xbf<?xml version='1.0'?>"])
def test_a_page_is_told_from_a_certificate(body: bytes) -> None:
    assert is_page(Answer(200, body))
    assert not is_page(Answer(200, b"-----BEGIN CERTIFICATE-----\n<"))


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
        (302, Verdict.REDIRECTED),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (399, Verdict.REDIRECTED),
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
