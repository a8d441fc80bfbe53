from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import InvalidInputError, KeyMismatchError
from sectigo_vault_pki.pki import KeyParameters, PrivateKey, Subject, build_csr, check_key_fits, parse_csr

Vector = Callable[[str], str]
VECTOR_KEY = (Path(__file__).parents[2] / "vectors" / "ec.sec1.pem").read_text()


def load(pem: str) -> x509.CertificateSigningRequest:
    return x509.load_pem_x509_csr(pem.encode())


def test_a_built_csr_carries_the_whole_subject(rsa_key: PrivateKey) -> None:
    subject = Subject(
        common_name="web.example.test",
        country="de",
        state="Baden-Württemberg",
        locality="Aalen",
        organization="Beispiel GmbH",
        organizational_unit="IT",
        email_address="pki@Example.test",
    )
    csr = load(build_csr(subject, [], rsa_key).pem)
    assert [(part.oid, part.value) for part in csr.subject] == [
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.STATE_OR_PROVINCE_NAME, "Baden-Württemberg"),
        (NameOID.LOCALITY_NAME, "Aalen"),
        (NameOID.ORGANIZATION_NAME, "Beispiel GmbH"),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, "IT"),
        (NameOID.COMMON_NAME, "web.example.test"),
        (NameOID.EMAIL_ADDRESS, "pki@example.test"),
    ]


@pytest.mark.parametrize(
    "subject",
    [
        Subject(" web.example.test "),
        Subject("Ann Bücher"),
        Subject("192.0.2.9"),
        Subject("x", email_address="a@b.test"),
    ],
)
def test_what_is_said_of_a_built_csr_is_what_reading_it_says(subject: Subject, ec_key: PrivateKey) -> None:
    built = build_csr(subject, ["b.Example.test.", "*.c.test", "2001:DB8::1", "ann@Example.test"], ec_key)
    assert built == parse_csr(built.pem)


def test_empty_parts_of_a_subject_are_left_out(ec_key: PrivateKey) -> None:
    csr = load(build_csr(Subject("web.example.test", country="", state=""), [], ec_key).pem)
    assert [part.oid for part in csr.subject] == [NameOID.COMMON_NAME]


def test_a_built_csr_is_read_back(ec_key: PrivateKey) -> None:
    pem = build_csr(Subject("WEB.example.test"), ["b.test", "192.0.2.1", "B.test", "a@b.test", "::1"], ec_key).pem
    csr = parse_csr(pem)
    assert csr.pem == pem
    assert csr.common_name == "WEB.example.test"
    assert csr.subject_alt_names == ("web.example.test", "b.test", "192.0.2.1", "a@b.test", "::1")
    assert (csr.key_type, csr.key_size) == ("ec", 256)
    check_key_fits(csr, ec_key)


@pytest.mark.parametrize(
    ("common_name", "names", "expected"),
    [
        ("web.example.test", ["web.example.test", "b.test"], ("web.example.test", "b.test")),
        ("web.example.test", ["b.test", "web.example.test"], ("b.test", "web.example.test")),
        ("Jane Doe", [], ()),
        ("192.0.2.1", ["b.test"], ("192.0.2.1", "b.test")),
    ],
)
def test_the_common_name_joins_the_names_once_and_only_if_it_is_a_host(
    common_name: str, names: list[str], expected: tuple[str, ...], ec_key: PrivateKey
) -> None:
    assert parse_csr(build_csr(Subject(common_name), names, ec_key).pem).subject_alt_names == expected


@pytest.mark.parametrize("person", ["Jane Doe", "Dr. Jörg M. Doe", "Jürgen", "山田 太郎"])
def test_a_csr_for_a_person_has_the_name_as_written_and_the_mail_address_as_name(
    person: str, ec_key: PrivateKey
) -> None:
    csr = parse_csr(build_csr(Subject(person, email_address="jdoe@example.test"), ["jdoe@Example.test"], ec_key).pem)
    assert (csr.common_name, csr.subject_alt_names) == (person, ("jdoe@example.test",))


def test_a_csr_without_names_has_no_extension(ec_key: PrivateKey) -> None:
    assert not list(load(build_csr(Subject("Jane Doe"), [], ec_key).pem).extensions)


@pytest.mark.parametrize(
    ("algorithm", "size", "name"),
    [("RSA", 2048, "sha256"), ("EC", 256, "sha256"), ("EC", 384, "sha384"), ("EC", 521, "sha512")],
)
def test_the_hash_is_as_strong_as_the_key(algorithm: str, size: int, name: str) -> None:
    key = PrivateKey.generate(KeyParameters.parse(algorithm, size))
    used = load(build_csr(Subject("web.example.test"), [], key).pem).signature_hash_algorithm
    assert used is not None
    assert used.name == name


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        (Subject(""), "common name is missing"),
        (Subject("  "), "common name consists of blanks only"),
        (Subject("a" * 65), "common name is longer than 64 characters"),
        (Subject("a\nb"), "common name contains control characters"),
        (Subject("münchen.example"), "common name has characters outside ASCII: write international names as xn--…"),
        (Subject("a", country="D"), "country is not a code of exactly 2 letters, such as DE"),
        (Subject("a", country="DEU"), "country is not a code of exactly 2 letters, such as DE"),
        (Subject("a", country="Ü1"), "country is not a code of exactly 2 letters, such as DE"),
        (Subject("a", state="s" * 129), "state is longer than 128 characters"),
        (Subject("a", locality="l" * 129), "locality is longer than 128 characters"),
        (Subject("a", organization="o" * 65), "organization is longer than 64 characters"),
        (Subject("a", organizational_unit="u" * 65), "organizational unit is longer than 64 characters"),
        (Subject("a", email_address="no address"), "e-mail address is not an e-mail address"),
        (Subject("a", email_address="e" * 256), "e-mail address is longer than 255 characters"),
    ],
)
def test_a_subject_that_fits_no_certificate_is_refused(subject: Subject, message: str, ec_key: PrivateKey) -> None:
    with pytest.raises(InvalidInputError) as caught:
        build_csr(subject, [], ec_key)
    assert str(caught.value) == message


def test_the_longest_parts_are_taken(ec_key: PrivateKey) -> None:
    subject = Subject(
        "c" * 64, state="s" * 128, locality="l" * 128, organization="ö" * 64, organizational_unit="u" * 64
    )
    assert parse_csr(build_csr(subject, [], ec_key).pem).common_name == "c" * 64


def test_more_names_than_a_csr_can_hold_are_refused(ec_key: PrivateKey) -> None:
    with pytest.raises(InvalidInputError, match="too many subject alternative names"):
        build_csr(Subject("web.example.test"), [f"{'a' * 50}{number}.test" for number in range(500)], ec_key)


def test_a_csr_that_the_key_did_not_make_does_not_fit(vector: Vector, rsa_key: PrivateKey, ec_key: PrivateKey) -> None:
    csr = parse_csr(vector("rsa.csr.pem"))
    check_key_fits(csr, rsa_key)
    with pytest.raises(KeyMismatchError, match="does not belong to the CSR"):
        check_key_fits(csr, ec_key)


@pytest.mark.parametrize("letter", ["ü", "山", "😀"])
def test_the_bounds_of_x_520_count_characters_however_many_bytes_they_take(letter: str, ec_key: PrivateKey) -> None:
    subject = Subject(letter * 64, organization=letter * 64, state=letter * 128)
    built = build_csr(subject, [], ec_key)
    assert built.common_name == letter * 64
    assert built == parse_csr(built.pem)
    with pytest.raises(InvalidInputError, match="common name is longer than 64 characters"):
        build_csr(Subject(letter * 65), [], ec_key)


@given(
    common_name=st.text(st.characters(exclude_categories=()), min_size=1, max_size=70),
    organization=st.text(st.characters(exclude_categories=()), max_size=70),
)
def test_any_text_makes_a_csr_that_can_be_read_or_is_refused(common_name: str, organization: str) -> None:
    key = PrivateKey.parse(VECTOR_KEY)
    try:
        built = build_csr(Subject(common_name, organization=organization), [], key)
    except InvalidInputError:
        return
    assert parse_csr(built.pem) == built
