import contextlib
import ipaddress

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.pki import normalise_email, normalise_name, normalise_names
from sectigo_vault_pki.pki.names import general_name, host_of_common_name, is_host_name, names_of

labels = st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,10}[a-zA-Z0-9])?", fullmatch=True)
host_names = st.lists(labels, min_size=1, max_size=5).map(lambda parts: ".".join([*parts, "test"]))
addresses = st.ip_addresses().map(str)
emails = st.tuples(st.from_regex(r"[A-Za-z0-9+_]{1,20}", fullmatch=True), host_names).map("@".join)
names = st.one_of(host_names, host_names.map("*.{}".format), addresses, emails)


@given(names)
def test_normalising_twice_changes_nothing_more(name: str) -> None:
    assert normalise_name(normalise_name(name)) == normalise_name(name)


@given(st.lists(names, max_size=10))
def test_names_are_the_same_in_any_order_and_number(listed: list[str]) -> None:
    assert set(normalise_names(listed)) == set(normalise_names([*reversed(listed), *listed]))
    assert len(set(normalise_names(listed))) == len(normalise_names(listed))


@given(st.text(max_size=80))
def test_any_text_is_normalised_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidInputError):
        name = normalise_name(text)
        assert name.isascii()
        assert not set(name) & set(", \t\r\n")


@given(names)
def test_a_name_survives_the_way_through_a_certificate(name: str) -> None:
    normal = normalise_name(name)
    assert names_of(x509.SubjectAlternativeName([general_name(normal)])) == (normal,)


@given(st.ip_addresses(v=6))
def test_every_spelling_of_an_ip_address_is_one_name(address: ipaddress.IPv6Address) -> None:
    assert normalise_name(address.exploded.upper()) == normalise_name(address.compressed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("WWW.Example.Test", "www.example.test"),
        (" www.example.test.\n", "www.example.test"),
        ("*.Example.test", "*.example.test"),
        ("xn--mnchen-3ya.example", "xn--mnchen-3ya.example"),
        ("*.MÜNCHEN.Example", "*.xn--mnchen-3ya.example"),
        ("mu\u0308nchen\u3002example\uff0e", "xn--mnchen-3ya.example"),
        ("straße.test", "xn--strae-oqa.test"),
        ("Ann@münchen.example", "Ann@xn--mnchen-3ya.example"),
        ("_dmarc.example.test", "_dmarc.example.test"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("Jane.Doe+x@Example.Test", "Jane.Doe+x@example.test"),
    ],
)
def test_a_name_gets_its_one_form(text: str, expected: str) -> None:
    assert normalise_name(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "a..b",
        "-a.test",
        "a-.test",
        "a b.test",
        "a,b.test",
        "www.*.test",
        "*",
        "*.*.test",
        "w*.test",
        "☃.test",
        "münchen_1.example",
        "ab--ü.test",
        "ü" * 254,
        "*.*.münchen.example",
        "*\u3002münchen.example",
        "änn@example.test",
        "ann@*.münchen.example",
        "\uff11.2.3.4",
        "\ud800.test",
        "1.2.3",
        "256.1.1.1",
        "010.0.0.1",
        "192.0.2.0/24",
        "fe80::1%eth0",
        "https://example.test",
        "a" * 64 + ".test",
        ".".join(["a" * 63] * 4) + ".test",
        "@example.test",
        "a@",
        "a@b@example.test",
        'a"b@example.test',
        "a@*.example.test",
        "a" * 65 + "@example.test",
        "www\x00.example.test",
    ],
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        normalise_name(text)


def test_a_refusal_shows_at_most_the_start_of_the_name() -> None:
    with pytest.raises(InvalidInputError) as caught:
        normalise_name("!" * 1000)
    assert len(str(caught.value)) < 150


def test_an_email_address_is_no_host_name() -> None:
    assert normalise_email(" A@B.test ") == "A@b.test"
    with pytest.raises(InvalidInputError, match="not an e-mail address"):
        normalise_email("www.example.test")


def test_other_kinds_of_names_are_left_out() -> None:
    extension = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier("urn:a"), x509.DNSName("a.test"), x509.RFC822Name("b@a.test")]
    )
    assert names_of(extension) == ("a.test", "b@a.test")


@pytest.mark.parametrize(
    ("common_name", "host"),
    [
        ("WWW.example.test", "www.example.test"),
        ("*.example.test", "*.example.test"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("Jane Doe", None),
        ("printserver", None),
        ("jane@example.test", None),
        ("münchen.example", None),
    ],
)
def test_a_common_name_that_is_a_host_joins_the_names(common_name: str, host: str | None) -> None:
    assert host_of_common_name(common_name) == host


def test_a_wildcard_is_no_host() -> None:
    assert is_host_name("Example.test")
    assert not is_host_name("*.example.test")
