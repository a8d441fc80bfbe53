import itertools
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import ChainError, InvalidInputError
from sectigo_vault_pki.pki import (
    CertificateChain,
    GivenCertificate,
    PrivateKey,
    Subject,
    build_csr,
    format_serial_number,
    parse_chain,
    parse_csr,
)
from tests.support import der
from tests.support.signing import certificate, self_signed, signed_by

Vector = Callable[[str], str]
VECTORS = Path(__file__).parents[2] / "vectors"


@pytest.mark.parametrize("order", list(itertools.permutations(["root", "issuing", "leaf"])))
def test_a_bundle_in_any_order_is_put_leaf_first(order: tuple[str, ...], vector: Vector, rsa_key: PrivateKey) -> None:
    bundle = "".join(vector(f"{name}.pem") for name in order)
    chain = parse_chain(bundle.encode(), public_key_digest=rsa_key.public_key_digest)
    assert chain.leaf_pem == vector("leaf.pem")
    assert chain.issuers_pem == (vector("issuing.pem"), vector("root.pem"))
    assert chain.bundle_pem == vector("leaf.pem") + vector("issuing.pem") + vector("root.pem")


@pytest.mark.parametrize("file_name", ["chain.p7b", "chain.p7b.pem", "chain.ber.p7b"])
def test_pkcs7_gives_the_same_chain(file_name: str, chain: CertificateChain, rsa_key: PrivateKey) -> None:
    collected = (VECTORS / file_name).read_bytes()
    assert parse_chain(collected, public_key_digest=rsa_key.public_key_digest) == chain


def test_crlf_and_text_between_the_blocks_are_taken(
    vector: Vector, chain: CertificateChain, rsa_key: PrivateKey
) -> None:
    other = "-----BEGIN X509 CRL-----\nMAAA\n-----END X509 CRL-----\n"
    bundle = (
        f"\ufeff{other}subject=root\n{vector('root.pem')}\nsubject=Käse\n{vector('issuing.pem')}{vector('leaf.pem')}"
    )
    collected = bundle.replace("\n", "\r\n").encode()
    assert parse_chain(collected, public_key_digest=rsa_key.public_key_digest) == chain


def test_a_chain_tells_what_people_ask_of_it(chain: CertificateChain, rsa_key: PrivateKey) -> None:
    assert chain.serial_number == "f1:a2:b3:c4:d5:e6:f7:08"
    assert chain.not_before == datetime(2026, 1, 1, tzinfo=UTC)
    assert chain.not_after == datetime(2026, 7, 19, tzinfo=UTC)
    assert chain.common_name == "web.example.test"
    assert chain.subject_alt_names == ("web.example.test", "www.web.example.test")
    assert (chain.key_type, chain.key_size) == ("rsa", 2048)
    assert chain.public_key_digest == rsa_key.public_key_digest


def test_a_certificate_that_does_not_name_its_issuers_key_has_no_authority_key_id(chain: CertificateChain) -> None:
    assert chain.authority_key_id == ""


@pytest.mark.parametrize(
    ("policies", "is_public"),
    [
        (["2.23.140.1.2.1"], True),
        (["1.3.6.1.4.1.6449.1.2.1.3.4", "2.23.140.1.2.2"], True),
        (["2.23.140.1.2.3"], True),
        (["2.23.140.1.1"], True),
        (["2.23.140.1.5.3.1"], False),
        (["1.3.6.1.4.1.6449.1.2.1.3.4"], False),
        (["2.23.140.1.11"], False),
        (["2.5.29.32.0"], False),
        ([], False),
    ],
)
def test_a_server_certificate_of_a_public_ca_is_known_by_its_policy(policies: list[str], *, is_public: bool) -> None:
    named = [x509.PolicyInformation(x509.ObjectIdentifier(policy), None) for policy in policies]
    extensions = (x509.CertificatePolicies(named),) if named else ()
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = certificate("web.example.test", "web.example.test", key, key, extensions)
    pem = leaf.public_bytes(Encoding.PEM).decode()
    assert CertificateChain.from_pem(pem).is_public is is_public


def test_certificates_that_do_not_lead_up_from_the_leaf_are_dropped(
    vector: Vector, chain: CertificateChain, rsa_key: PrivateKey
) -> None:
    names = ["leaf_ec", "old_root", "root", "leaf", "issuing", "issuing"]
    bundle = "".join(vector(f"{name}.pem") for name in names)
    assert parse_chain(bundle.encode(), public_key_digest=rsa_key.public_key_digest) == chain


def test_a_cross_signed_issuer_that_leads_on_is_preferred_to_the_root(vector: Vector, rsa_key: PrivateKey) -> None:
    bundle = "".join(vector(f"{name}.pem") for name in ["root", "old_root", "cross", "issuing", "leaf"])
    chain = parse_chain(bundle.encode(), public_key_digest=rsa_key.public_key_digest)
    assert chain.issuers_pem == (vector("issuing.pem"), vector("cross.pem"), vector("old_root.pem"))


def test_a_root_is_preferred_to_a_cross_signed_issuer_that_leads_nowhere(vector: Vector, rsa_key: PrivateKey) -> None:
    bundle = "".join(vector(f"{name}.pem") for name in ["cross", "root", "issuing", "leaf"])
    chain = parse_chain(bundle.encode(), public_key_digest=rsa_key.public_key_digest)
    assert chain.issuers_pem == (vector("issuing.pem"), vector("root.pem"))


def test_a_leaf_without_issuers_is_a_chain(vector: Vector, rsa_key: PrivateKey) -> None:
    chain = parse_chain(vector("leaf.pem").encode(), public_key_digest=rsa_key.public_key_digest)
    assert chain.issuers_pem == ()


def test_a_chain_ends_at_a_gap(vector: Vector, rsa_key: PrivateKey) -> None:
    bundle = vector("root.pem") + vector("leaf.pem")
    assert parse_chain(bundle.encode(), public_key_digest=rsa_key.public_key_digest).issuers_pem == ()


def test_an_issuer_of_the_right_name_and_another_key_is_dropped(vector: Vector, rsa_key: PrivateKey) -> None:
    impostor = self_signed("Vector Issuing CA")
    bundle = vector("leaf.pem").encode() + impostor.public_bytes(Encoding.PEM)
    assert parse_chain(bundle, public_key_digest=rsa_key.public_key_digest).issuers_pem == ()


@pytest.mark.parametrize("order", [["leaf", "leaf_newer"], ["leaf_newer", "leaf"]])
def test_the_newest_of_several_fitting_certificates_counts(
    order: list[str], vector: Vector, rsa_key: PrivateKey
) -> None:
    bundle = "".join(vector(f"{name}.pem") for name in order)
    chain = parse_chain(bundle.encode(), public_key_digest=rsa_key.public_key_digest)
    assert chain.serial_number == "0a"


def test_a_chain_for_another_key_is_refused(vector: Vector, ec_key: PrivateKey) -> None:
    bundle = vector("root.pem") + vector("issuing.pem") + vector("leaf.pem")
    with pytest.raises(ChainError, match="none of the collected certificates belongs to the key"):
        parse_chain(bundle.encode(), public_key_digest=ec_key.public_key_digest)


@pytest.mark.parametrize(
    ("collected", "message"),
    [
        (b"", "holds no certificate"),
        (b"<html>no</html>", "holds no certificate"),
        (b"\x30\x03\x02\x01\x00", "cannot be read"),
        (b"-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        (b"-----BEGIN CERTIFICATE-----\nMAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        (b"-----BEGIN PKCS7-----\nMAAA\n-----END PKCS7-----\n", "cannot be read"),
        (b"x" * (256 * 1024 + 1), "longer than 262144 bytes"),
    ],
)
def test_garbage_is_refused(collected: bytes, message: str) -> None:
    with pytest.raises(ChainError, match=message):
        parse_chain(collected, public_key_digest=b"")


def test_a_flood_of_certificates_is_refused(vector: Vector) -> None:
    with pytest.raises(ChainError, match="more than 32 certificates"):
        parse_chain(vector("root.pem").encode() * 33, public_key_digest=b"")


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(collected: bytes) -> None:
    for content, digest in itertools.product((collected, b"\x30" + collected), (b"", None)):
        with pytest.raises(ChainError):
            parse_chain(content, public_key_digest=digest)


def test_a_chain_for_a_person_names_mail_addresses(vector: Vector) -> None:
    key = PrivateKey.parse(vector("person.pkcs8.pem"))
    chain = parse_chain(vector("person.p7b.pem").encode(), public_key_digest=key.public_key_digest)
    assert chain.common_name == "Jörg M. Doe"
    assert chain.subject_alt_names == ("joerg.doe@example.test", "jdoe@example.test")
    assert chain.bundle_pem == vector("person.pem") + vector("people.pem") + vector("root.pem")
    assert CertificateChain.from_pem(chain.bundle_pem) == chain


@pytest.mark.parametrize("order", list(itertools.permutations(["root", "people", "person"])))
def test_without_a_key_the_certificate_is_the_one_of_no_ca(order: tuple[str, ...], vector: Vector) -> None:
    bundle = "".join(vector(f"{name}.pem") for name in order)
    chain = parse_chain(bundle.encode(), public_key_digest=None)
    assert chain.leaf_pem == vector("person.pem")
    assert chain.issuers_pem == (vector("people.pem"), vector("root.pem"))


@pytest.mark.parametrize("file_name", ["chain.p7b", "chain.p7b.pem"])
def test_without_a_key_a_certificate_that_says_nothing_of_cas_is_found_too(
    file_name: str, chain: CertificateChain
) -> None:
    assert parse_chain((VECTORS / file_name).read_bytes(), public_key_digest=None) == chain


@pytest.mark.parametrize("names", [["leaf"], ["leaf", "leaf"], ["leaf", "root", "old_root", "cross"]])
def test_without_a_key_a_certificate_may_lack_its_issuer(names: list[str], vector: Vector) -> None:
    chain = parse_chain("".join(vector(f"{name}.pem") for name in names).encode(), public_key_digest=None)
    assert (chain.leaf_pem, chain.issuers_pem) == (vector("leaf.pem"), ())


@pytest.mark.parametrize("names", [["leaf", "leaf_newer", "issuing"], ["leaf_newer", "issuing", "leaf"]])
def test_without_a_key_the_newest_of_one_key_counts(names: list[str], vector: Vector) -> None:
    bundle = "".join(vector(f"{name}.pem") for name in names)
    assert parse_chain(bundle.encode(), public_key_digest=None).serial_number == "0a"


def test_without_a_key_certificates_of_two_keys_are_ambiguous(vector: Vector) -> None:
    bundle = "".join(vector(f"{name}.pem") for name in ["leaf", "leaf_ec", "issuing", "root"])
    with pytest.raises(ChainError, match="not clear which one is meant"):
        parse_chain(bundle.encode(), public_key_digest=None)


@pytest.mark.parametrize("names", [["root"], ["root", "issuing"], ["cross", "old_root"]])
def test_without_a_key_the_certificates_of_cas_are_none(names: list[str], vector: Vector) -> None:
    bundle = "".join(vector(f"{name}.pem") for name in names)
    with pytest.raises(ChainError, match="only certificates of CAs"):
        parse_chain(bundle.encode(), public_key_digest=None)


@pytest.mark.parametrize(
    "extensions", [(), (x509.UnrecognizedExtension(x509.BasicConstraints.oid, b"\x05\x00"),)], ids=["none", "malformed"]
)
def test_without_a_key_a_ca_that_does_not_say_so_is_known_by_what_it_signed(
    extensions: tuple[x509.ExtensionType, ...],
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    ca = certificate("Old CA", "Old CA", key, key, extensions)
    leaf = signed_by(key, "Old CA", "Jane Doe")
    bundle = leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM)
    chain = parse_chain(bundle, public_key_digest=None)
    assert (chain.common_name, len(chain.issuers_pem)) == ("Jane Doe", 1)


def test_without_a_key_a_certificate_signed_by_itself_is_one() -> None:
    bundle = self_signed("Jane Doe").public_bytes(Encoding.PEM)
    assert parse_chain(bundle, public_key_digest=None).common_name == "Jane Doe"


@pytest.mark.parametrize("label", ["PKCS7", "PKCS #7 SIGNED DATA", "CMS"])
@pytest.mark.parametrize("file_name", ["chain.p7b", "chain.ber.p7b"])
def test_pkcs7_is_taken_in_every_armour_and_without_a_warning(
    label: str, file_name: str, chain: CertificateChain, rsa_key: PrivateKey
) -> None:
    collected = der.pem(label, (VECTORS / file_name).read_bytes()).encode()
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        assert parse_chain(collected, public_key_digest=rsa_key.public_key_digest) == chain
    assert shown == []


def test_a_chain_that_is_cut_off_is_no_shorter_chain(vector: Vector, chain: CertificateChain) -> None:
    blocks = [vector(f"{name}.pem") for name in ("leaf", "issuing", "root")]
    whole = "".join(blocks)
    ends = {len("".join(blocks[:count])) for count in (1, 2, 3)}
    for length in range(len(blocks[0]), len(whole) + 1):
        cut = whole[:length]
        begun = max(end for end in ends if end <= length + 1)  # the last line end is not missed
        rest = cut[begun:]
        if len(rest) <= len("-----") or whole[length:] == "":
            shorter = parse_chain(cut.encode(), public_key_digest=chain.public_key_digest)
            assert shorter.bundle_pem == whole[:begun]
            continue
        with pytest.raises(ChainError, match="is cut off"):
            parse_chain(cut.encode(), public_key_digest=chain.public_key_digest)


def test_a_certificate_that_lost_its_end_among_others_is_missed(vector: Vector, chain: CertificateChain) -> None:
    lines = vector("issuing.pem").splitlines(keepends=True)
    damaged = vector("leaf.pem") + "".join(lines[:-1]) + vector("root.pem")
    with pytest.raises(ChainError, match="is cut off"):
        parse_chain(damaged.encode(), public_key_digest=chain.public_key_digest)


@pytest.mark.parametrize("lines", [2, 5])
def test_base64_that_is_cut_inside_its_armour_is_refused(lines: int, vector: Vector, chain: CertificateChain) -> None:
    taken = vector("issuing.pem").splitlines(keepends=True)
    damaged = vector("leaf.pem") + "".join([*taken[:-lines], taken[-1]])
    with pytest.raises(ChainError, match="cannot be read as certificates"):
        parse_chain(damaged.encode(), public_key_digest=chain.public_key_digest)


@pytest.mark.parametrize(
    "behind",
    ["\n\n", "\x00", "\x1a", "-----\n", "--\n", "# issued by Sectigo\n", "----------\n", "</body>", "Zürich\n"],
)
def test_what_stands_behind_the_last_certificate_does_not_matter(
    behind: str, vector: Vector, chain: CertificateChain
) -> None:
    collected = (vector("leaf.pem") + vector("issuing.pem") + vector("root.pem") + behind).encode()
    assert parse_chain(collected, public_key_digest=chain.public_key_digest) == chain


def test_a_leaf_that_is_not_its_own_issuer_lacks_one(vector: Vector, chain: CertificateChain) -> None:
    assert not chain.lacks_issuers
    for names in (["leaf"], ["leaf", "root"]):
        bundle = "".join(vector(f"{name}.pem") for name in names)
        alone = parse_chain(bundle.encode(), public_key_digest=chain.public_key_digest)
        assert alone.lacks_issuers
        assert CertificateChain.from_pem(alone.bundle_pem).lacks_issuers
    own = self_signed("Jane Doe").public_bytes(Encoding.PEM).decode()
    assert not CertificateChain.from_pem(own).lacks_issuers
    assert not CertificateChain.from_pem(vector("leaf.pem") + vector("issuing.pem")).lacks_issuers


def test_the_subject_of_a_leaf_is_what_a_csr_is_made_with(ec_key: PrivateKey) -> None:
    printable = 0x13
    subject = [
        ("2.5.4.6", printable, b"DE"),
        ("2.5.4.8", der.UTF8_STRING, "Württemberg".encode()),
        ("2.5.4.7", der.UTF8_STRING, b"Aalen"),
        ("2.5.4.10", der.UTF8_STRING, ("ü" * 64).encode()),
        ("2.5.4.11", der.UTF8_STRING, b"IT"),
        ("2.5.4.11", der.UTF8_STRING, b"PKI"),
        ("1.2.840.113549.1.9.1", 0x16, b"pki@example.test"),
        der.COMMON_NAME,
    ]
    chain = CertificateChain.from_pem(der.pem("CERTIFICATE", der.certificate_der(subject=subject)))
    assert chain.subject == Subject(
        common_name="web.example.test",
        country="DE",
        state="Württemberg",
        locality="Aalen",
        organization="ü" * 64,
        organizational_unit="PKI",
        email_address="pki@example.test",
    )
    again = parse_csr(build_csr(chain.subject, [], ec_key).pem)
    assert ("organization", "ü" * 64) in again.subject_fields


def test_a_certificate_without_a_subject_has_an_empty_one() -> None:
    chain = CertificateChain.from_pem(der.pem("CERTIFICATE", der.certificate_der(subject=())))
    assert (chain.common_name, chain.subject) == ("", Subject(""))


DUPLICATE = (der.alt_names(der.dns_name("a.test")), der.alt_names(der.dns_name("b.test")))


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (der.certificate_der(serial=b"\x85"), "its serial number is negative"),
        (der.certificate_der(*DUPLICATE), "malformed"),
        (der.certificate_der(der.alt_names(der.value(0xA3, der.value(der.SEQUENCE)))), "malformed"),
        (
            der.certificate_der(
                der.extension("1.3.6.1.5.5.7.1.24", der.value(der.SEQUENCE, der.value(der.INTEGER, b"\x63")))
            ),
            "malformed",
        ),
        (der.certificate_der(start=b"00000101000000Z"), "malformed|cannot be read as certificates"),
        (der.certificate_der(version=9), "cannot be read as certificates"),
    ],
    ids=["negative serial", "two SANs", "x400Address", "TLS feature", "year 0", "version"],
)
def test_an_odd_certificate_is_an_error_of_ours(odd: bytes, message: str) -> None:
    pem = der.pem("CERTIFICATE", odd)
    with pytest.raises(ChainError, match=message):
        parse_chain(pem.encode(), public_key_digest=None)
    with pytest.raises(ChainError):
        CertificateChain.from_pem(pem)


def test_an_odd_issuer_does_not_stop_a_chain(vector: Vector, chain: CertificateChain) -> None:
    odd = der.pem("CERTIFICATE", der.certificate_der(*DUPLICATE, serial=b"\x85"))
    bundle = odd + vector("leaf.pem") + vector("issuing.pem") + vector("root.pem")
    assert parse_chain(bundle.encode(), public_key_digest=chain.public_key_digest) == chain


def test_an_empty_name_in_a_certificate_is_left_out() -> None:
    pem = der.pem("CERTIFICATE", der.certificate_der(der.alt_names(der.dns_name(""), der.dns_name("a.test"))))
    assert CertificateChain.from_pem(pem).subject_alt_names == ("a.test",)


def test_a_certificate_is_recognised_by_all_its_bytes(vector: Vector, chain: CertificateChain) -> None:
    given_one = GivenCertificate.parse(vector("leaf.pem").replace("\n", "\r\n"))
    assert given_one.serial_number == chain.serial_number
    assert given_one.is_leaf_of(chain.bundle_pem)
    twin = der.certificate_der(serial=bytes.fromhex("00f1a2b3c4d5e6f708"))
    other = GivenCertificate.parse(der.pem("CERTIFICATE", twin))
    assert other.serial_number == chain.serial_number
    assert not other.is_leaf_of(chain.bundle_pem)


@pytest.mark.parametrize("names", [[], ["leaf", "root"]])
def test_exactly_one_certificate_names_one(names: list[str], vector: Vector) -> None:
    with pytest.raises(InvalidInputError, match="exactly one certificate in PEM is needed"):
        GivenCertificate.parse("".join(vector(f"{name}.pem") for name in names))


def test_a_stored_chain_is_read_back(chain: CertificateChain) -> None:
    assert CertificateChain.from_pem(chain.bundle_pem) == chain


@pytest.mark.parametrize("stored", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_stored_chain_is_refused(stored: str) -> None:
    with pytest.raises(ChainError, match="stored certificate cannot be read"):
        CertificateChain.from_pem(stored)


def test_a_certificate_without_names_has_none() -> None:
    pem = self_signed("Jane Doe").public_bytes(Encoding.PEM).decode()
    chain = CertificateChain.from_pem(pem)
    assert (chain.common_name, chain.subject_alt_names, chain.key_type) == ("Jane Doe", (), "ec")


def test_a_key_that_the_engine_never_orders_has_no_kind() -> None:
    pem = self_signed("Other", ed25519.Ed25519PrivateKey.generate()).public_bytes(Encoding.PEM).decode()
    assert CertificateChain.from_pem(pem).key_type == ""


@given(st.integers(min_value=0, max_value=2**160))
def test_a_serial_number_is_whole_bytes_of_lower_case_hex(number: int) -> None:
    text = format_serial_number(number)
    assert int(text.replace(":", ""), 16) == number
    assert text == text.lower()
    assert all(len(byte) == 2 for byte in text.split(":"))
    assert text == "00" or not text.startswith("00")


@pytest.mark.parametrize("old", [b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"])
def test_a_certificate_with_a_strange_key_is_no_leaf_and_no_obstacle(
    old: bytes, vector: Vector, chain: CertificateChain, rsa_key: PrivateKey
) -> None:
    der = self_signed("Strange").public_bytes(Encoding.DER)
    strange = x509.load_der_x509_certificate(der.replace(old, old[:-1] + b"\x7f")).public_bytes(Encoding.PEM)
    bundle = strange + vector("leaf.pem").encode() + vector("issuing.pem").encode() + vector("root.pem").encode()
    assert parse_chain(bundle, public_key_digest=rsa_key.public_key_digest) == chain
    with pytest.raises(ChainError, match="the stored certificate cannot be read"):
        CertificateChain.from_pem(strange.decode())
