import pytest
from cryptography.x509 import ReasonFlags
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.pki import reason_code_of

CODES = {
    ReasonFlags.unspecified: 0,
    ReasonFlags.key_compromise: 1,
    ReasonFlags.affiliation_changed: 3,
    ReasonFlags.superseded: 4,
    ReasonFlags.cessation_of_operation: 5,
}


@pytest.mark.parametrize(("reason", "code"), CODES.items())
def test_a_word_of_the_standard_has_its_code_in_any_case(reason: ReasonFlags, code: int) -> None:
    for word in (reason.value, reason.value.upper(), reason.name, reason.name.upper(), f" {reason.value}\n", str(code)):
        assert reason_code_of(word) == code


@pytest.mark.parametrize("reason", [reason for reason in ReasonFlags if reason not in CODES])
def test_a_reason_that_is_not_ours_to_give_has_none(reason: ReasonFlags) -> None:
    assert reason_code_of(reason.value) is None
    assert reason_code_of(reason.name) is None


@pytest.mark.parametrize("reason", ["", "2", "04", "4.", "key compromise", "superseded by a newer one"])
def test_a_text_in_other_words_has_none(reason: str) -> None:
    assert reason_code_of(reason) is None


@given(st.text(min_size=1), st.sampled_from(list(CODES)))
def test_a_word_within_a_text_has_none(text: str, reason: ReasonFlags) -> None:
    assert reason_code_of(f"{reason.value}{text}x") is None
