from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from sectigo_vault_pki.errors import InvalidCsrError, InvalidInputError, KeyMismatchError
from sectigo_vault_pki.pki import KeyParameters, PrivateKey, Subject, build_csr, check_key_fits, parse_csr

Vector = Callable[[str], str]


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


@pytest.mark.parametrize("line_end", ["\r\n", "\\n", "\n\n"])
def test_a_pasted_csr_is_normalised(line_end: str, vector: Vector) -> None:
    pem = vector("rsa.csr.pem")
    csr = parse_csr(" " + pem.replace("\n", line_end).replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"))
    assert csr.pem == pem
    assert csr.subject_alt_names == ("web.example.test", "www.web.example.test")
    assert (csr.common_name, csr.key_type, csr.key_size) == ("web.example.test", "rsa", 2048)


def test_a_csr_that_the_key_did_not_make_does_not_fit(vector: Vector, rsa_key: PrivateKey, ec_key: PrivateKey) -> None:
    csr = parse_csr(vector("rsa.csr.pem"))
    check_key_fits(csr, rsa_key)
    with pytest.raises(KeyMismatchError, match="does not belong to the CSR"):
        check_key_fits(csr, ec_key)


def signed(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    names: list[x509.GeneralName] | None = None,
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode()


def test_a_csr_without_a_subject_has_an_empty_common_name() -> None:
    csr = parse_csr(signed(ec.generate_private_key(ec.SECP256R1()), [x509.DNSName("a.test")]))
    assert (csr.common_name, csr.subject_alt_names) == ("", ("a.test",))


def test_names_of_other_kinds_in_a_csr_are_left_out() -> None:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier("urn:a"), x509.DNSName("A.test")]
    assert parse_csr(signed(ec.generate_private_key(ec.SECP256R1()), names)).subject_alt_names == ("a.test",)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "", "exactly one PEM block CERTIFICATE REQUEST is needed, there are 0"),
        (lambda: "x" * 32_768, "longer than 32767 characters"),
        (lambda: signed(ec.generate_private_key(ec.SECP256R1())) * 2, "there are 2"),
        (lambda: "-----BEGIN CERTIFICATE REQUEST-----\nMAA\n-----END CERTIFICATE REQUEST-----", "no base64"),
        (lambda: "-----BEGIN CERTIFICATE REQUEST-----\nMAAA\n-----END CERTIFICATE REQUEST-----", "cannot be read"),
        (lambda: signed(rsa.generate_private_key(65537, 1024)), "2048 to 8192 bits"),
        (lambda: signed(ec.generate_private_key(ec.SECP256K1())), "P-256, P-384 or P-521"),
        (lambda: signed(ed25519.Ed25519PrivateKey.generate()), "RSA or EC is needed"),
        (
            lambda: signed(ec.generate_private_key(ec.SECP256R1()), [x509.DNSName("a.test,b.test")]),
            "unusable subject alternative name: name 1 is not a host name",
        ),
    ],
)
def test_other_texts_are_refused(make: Callable[[], str], message: str) -> None:
    with pytest.raises(InvalidCsrError, match=message):
        parse_csr(make())


def test_a_csr_with_a_foreign_signature_is_refused(vector: Vector) -> None:
    der = bytearray(load(vector("ec.csr.pem")).public_bytes(Encoding.DER))
    der[-1] ^= 1
    pem = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()
    with pytest.raises(InvalidCsrError, match="signature is wrong"):
        parse_csr(pem)
