from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.vault_plugin.framework import Field, Kind, KindError, kinds
from sectigo_vault_pki.vault_plugin.logical import BadRequestError

DAY = timedelta(days=1)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
all_kinds: list[Kind[object]] = [
    kinds.text(max_length=10),
    kinds.name(),
    kinds.whole_number(),
    kinds.boolean(),
    kinds.choice("RSA", "EC"),
    kinds.duration(unit=DAY),
    kinds.string_list(max_length=20),
]


@pytest.mark.parametrize(("value", "parsed"), [(2048, 2048), ("2048", 2048), (" 7 ", 7), ("-1", -1), ("+3", 3)])
def test_a_whole_number_is_taken_as_number_or_decimal_text(value: object, parsed: int) -> None:
    assert kinds.whole_number().parse(value) == parsed


@pytest.mark.parametrize("value", [True, 1.5, 2.0, "0x10", "1.5", "1e3", "ten", "١٢", "1_000", "9" * 30, {}, None])
def test_a_whole_number_refuses_everything_else(value: object) -> None:
    with pytest.raises(KindError, match="must be a whole number"):
        kinds.whole_number().parse(value)


def test_a_bounded_number_says_what_is_allowed() -> None:
    with pytest.raises(KindError, match=r"^must be a whole number of at least 1$"):
        kinds.whole_number(minimum=1).parse("one")
    with pytest.raises(KindError, match=r"^must be a whole number from 1 to 5$"):
        kinds.whole_number(minimum=1, maximum=5).parse("six")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [(0, "must be at least 1, it is 0"), ("-7", "must be at least 1, it is -7"), (6, "must be at most 5, it is 6")],
)
def test_a_number_out_of_bounds_is_told_with_the_bound_and_itself(value: object, complaint: str) -> None:
    with pytest.raises(KindError, match=f"^{complaint}$"):
        kinds.whole_number(minimum=1, maximum=5).parse(value)


@pytest.mark.parametrize("value", [10**400, -(10**400), 2**53, "9" * 23, f" {'9' * 5000}", str(2**53), f"-{'9' * 19}"])
def test_a_number_beyond_what_the_host_can_carry_is_refused_without_its_digits(value: object) -> None:
    with pytest.raises(KindError, match=r"^must be a whole number from 1 to 9007199254740991$"):
        kinds.whole_number(minimum=1).parse(value)


@pytest.mark.parametrize("value", [True, "true", "True", "TRUE", "t", "1", 1])
def test_true_has_vaults_spellings(value: object) -> None:
    assert kinds.boolean().parse(value) is True


@pytest.mark.parametrize("value", [False, "false", "False", "f", "0", 0])
def test_false_has_vaults_spellings(value: object) -> None:
    assert kinds.boolean().parse(value) is False


@pytest.mark.parametrize("value", ["yes", 2, "", {}, 0.0])
def test_a_boolean_refuses_everything_else(value: object) -> None:
    with pytest.raises(KindError, match="must be true or false"):
        kinds.boolean().parse(value)


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        (7, timedelta(days=7)),
        ("7", timedelta(days=7)),
        ("36h", timedelta(hours=36)),
        ("30d", timedelta(days=30)),
        ("1d12h", timedelta(hours=36)),
        ("90s", timedelta(seconds=90)),
        (0, timedelta(0)),
        (1.5, timedelta(hours=36)),
        ("1.1574074074074074", timedelta(seconds=100_000)),
    ],
)
def test_a_duration_is_a_number_of_its_unit_or_says_its_own(value: object, parsed: timedelta) -> None:
    assert kinds.duration(unit=DAY).parse(value) == parsed


@pytest.mark.parametrize(
    "value", ["1.5d", "h", "7 days", True, 10**400, [], 0.000001, 1e300, float("inf"), float("nan")]
)
def test_a_duration_refuses_everything_else(value: object) -> None:
    with pytest.raises(KindError, match=r"must be a number of days|takes one value"):
        kinds.duration(unit=DAY).parse(value)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (-1, "must be at least 0 days, it is -1"),
        ("-1", "must be at least 0 days, it is -1"),
        (10**12, "must be at most 36500 days"),
        ("9" * 14 + "d", "must be at most 36500 days"),
        ("36501d", "must be at most 36500 days"),
    ],
)
def test_a_duration_out_of_bounds_is_told_with_the_bound(value: object, complaint: str) -> None:
    with pytest.raises(KindError, match=f"^{complaint}$"):
        kinds.duration(unit=DAY).parse(value)


def test_a_duration_in_whole_days_refuses_hours_that_are_none() -> None:
    kind = kinds.duration(unit=DAY, whole_units=True, minimum=DAY)
    assert kind.parse("48h") == timedelta(days=2)
    with pytest.raises(KindError, match="must be whole days"):
        kind.parse("36h")
    with pytest.raises(KindError, match=r"^must be at least 1 day, it is 0$"):
        kind.parse(0)


def test_a_list_where_one_value_belongs_is_refused() -> None:
    for kind in (kinds.text(), kinds.whole_number(), kinds.boolean(), kinds.choice("a"), kinds.duration(unit=DAY)):
        with pytest.raises(KindError, match="takes one value"):
            kind.parse(["a", "b"])


def test_a_choice_is_taken_in_any_case_and_answered_in_its_own() -> None:
    assert kinds.choice("x509CO", "bin").parse(" X509co") == "x509CO"
    with pytest.raises(KindError, match="must be one of x509CO, bin"):
        kinds.choice("x509CO", "bin").parse("der")


@pytest.mark.parametrize(
    "value",
    ["<organization>", " <first name> <last name> ", ["a", "<b>"], {"x": [["<deep>"]]}, ("a", ("b", "<value_1>"))],
)
def test_sample_text_is_found_however_deep_it_stands(value: object) -> None:
    with pytest.raises(KindError, match="still holds the sample's text in angle brackets"):
        kinds.refuse_sample_text(value)


@pytest.mark.parametrize("value", ["", "a <b> c", "<>", "x < y > z", "Ada <ada@example.test>", 7, None, ["a"], {}])
def test_text_with_brackets_of_its_own_is_no_sample_text(value: object) -> None:
    kinds.refuse_sample_text(value)


def test_sample_text_among_comma_separated_items_is_refused() -> None:
    with pytest.raises(KindError, match="still holds the sample's text"):
        kinds.string_list().parse("a.example,<your domain>")


def test_text_that_is_too_long_is_told_with_its_length() -> None:
    with pytest.raises(KindError, match=r"^must have at most 4 characters, it has 5$"):
        kinds.text(max_length=4).parse("12345")
    with pytest.raises(KindError, match=r"^must have at most 4 characters in all, it has 7$"):
        kinds.string_list(max_length=4).parse("abc,def")


def test_a_string_list_is_comma_text_or_a_json_list() -> None:
    kind = kinds.string_list()
    assert kind.parse("a.example, b.example,,") == kind.parse(["a.example", " b.example"]) == ("a.example", "b.example")
    with pytest.raises(KindError, match="comma-separated text or a list of texts"):
        kind.parse(["a", 1])


@pytest.mark.parametrize("value", ["", "-a", ".a", "a/b", "a b", "ä", "a" * 129])
def test_a_name_is_bounded_in_letters_and_length(value: str) -> None:
    with pytest.raises(KindError):
        kinds.name().parse(value)


@given(value=json_values, kind=st.sampled_from(all_kinds))
def test_any_json_value_is_parsed_or_refused_without_being_repeated(value: object, kind: Kind[object]) -> None:
    marked = f"secret-{value}" if isinstance(value, str) else value
    complaint = ""
    try:
        kind.parse(marked)
    except KindError as error:
        complaint = str(error)
    assert "secret-" not in complaint


def test_a_field_names_itself_in_its_complaint() -> None:
    field = Field(name="size", kind=kinds.whole_number(), description="How large.")
    with pytest.raises(BadRequestError, match=r"^size must be a whole number$"):
        field.parse("large")


@pytest.mark.parametrize("value", ["nul \x00", "lone \ud800 surrogate"])
def test_text_that_cannot_be_stored_is_refused(value: str) -> None:
    with pytest.raises(KindError, match="must be Unicode text without NUL characters"):
        kinds.text().parse(value)


@pytest.mark.parametrize("value", ["two\nlines", "\x1b[31m", "   ", "bell\x07"])
def test_a_line_is_printable_and_not_blank(value: str) -> None:
    with pytest.raises(KindError, match="must be one line of printable text"):
        kinds.line(max_length=64).parse(value)


def test_a_line_is_taken_without_the_blanks_around_it() -> None:
    assert kinds.line(max_length=64).parse("  M\u00fcller GmbH ") == "M\u00fcller GmbH"
