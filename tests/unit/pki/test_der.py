"""The frame of DER, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.pki import der
from tests.support.der import value

TAGS = st.integers(0, 255).filter(lambda tag: tag & 0x1F != 0x1F)
VALUES = st.lists(st.tuples(TAGS, st.binary(max_size=300)), max_size=8)


@given(VALUES)
def test_values_are_found_as_they_were_written(values: list[tuple[int, bytes]]) -> None:
    written = b"".join(value(tag, content) for tag, content in values)
    assert list(der.elements(written)) == values
    assert der.contents(written, *(tag for tag, _ in values)) == tuple(content for _, content in values)


def test_a_long_value_is_found() -> None:
    assert der.contents(value(der.SEQUENCE, bytes(70_000)), der.SEQUENCE) == (bytes(70_000),)


@pytest.mark.parametrize(
    "broken",
    [
        b"\x30",
        b"\x30\x01",
        b"\x30\x02\x00",
        b"\x30\x82\x01",
        b"\x30\x80\x00\x00",
        b"\x30\x85\x00\x00\x00\x00\x01\x00",
        b"\x3f\x81\x00\x00",
    ],
    ids=["tag", "header", "content", "length", "indefinite", "too long", "high tag"],
)
def test_what_is_no_der_is_refused(broken: bytes) -> None:
    with pytest.raises(ValueError, match="DER"):
        list(der.elements(broken))


@pytest.mark.parametrize("tags", [(), (der.SET,), (der.SEQUENCE, der.SET)])
def test_other_values_than_expected_are_refused(tags: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="unexpected"):
        der.contents(value(der.SEQUENCE), *tags)


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        found = list(der.elements(content))
    except ValueError:
        return
    assert sum(len(element.content) + 2 for element in found) <= len(content)
