"""What comes out of the one seam around parsing: results and errors of ours."""

import asyncio
import base64
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from sectigo_vault_pki.errors import ChainError, InvalidCsrError, InvalidInputError, InvalidPrivateKeyError
from sectigo_vault_pki.pki import (
    CertificateChain,
    CertificateFormat,
    GivenCertificate,
    PrivateKey,
    Subject,
    build_csr,
    parse_chain,
    parse_csr,
    render,
)
from sectigo_vault_pki.pki.der import decoded
from tests.support import der
from tests.support.fuzzing import examples

VECTORS = Path(__file__).parents[2] / "vectors"


class PanicException(BaseException):
    """The class under which pyo3 raises a panic, which cannot be imported."""

    __module__ = "pyo3_runtime"


def raising(error: BaseException) -> Callable[[], None]:
    def read() -> None:
        raise error

    return read


@pytest.mark.parametrize(
    "error",
    [
        ValueError("s3cret"),
        KeyError(99),
        TypeError(),
        OverflowError(),
        RecursionError(),
        AssertionError(),
        UnsupportedAlgorithm("s3cret"),
        x509.DuplicateExtension("s3cret", x509.ObjectIdentifier("1.2.3")),
        x509.InvalidVersion("s3cret", 5),
        PanicException("s3cret"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_becomes_the_error_that_the_caller_names(error: BaseException) -> None:
    with pytest.raises(ChainError, match=r"^it cannot be read$") as caught:
        decoded(raising(error), ChainError, "it cannot be read")
    assert caught.value.__context__ is None  # a traceback would show what was given


@pytest.mark.parametrize(
    "error", [InvalidCsrError("ours"), MemoryError(), KeyboardInterrupt(), SystemExit(), asyncio.CancelledError()]
)
def test_our_own_errors_and_those_that_are_not_about_the_bytes_are_passed_on(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        decoded(raising(error), ChainError, "it cannot be read")
    assert caught.value is error


def test_warnings_are_neither_shown_nor_raised() -> None:
    def read() -> int:
        warnings.warn("a negative serial number", DeprecationWarning, stacklevel=1)
        return 1

    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        assert decoded(read, ChainError, "") == 1
        warnings.warn("afterwards", UserWarning, stacklevel=1)
    assert [str(warning.message) for warning in shown] == ["afterwards"]


def body(file_name: str) -> bytes:
    lines = (VECTORS / file_name).read_text().splitlines()
    return base64.b64decode("".join(line for line in lines if not line.startswith("-")))


def certificates() -> Sequence[x509.Certificate]:
    return [x509.load_der_x509_certificate(body(f"{name}.pem")) for name in ("issuing", "leaf", "root")]


EXTENSIONS = (
    der.alt_names(
        der.dns_name("a.test"),
        der.value(0x86, b"urn:a"),
        der.value(0x87, b"\x0a\x00\x00\x01"),
        der.value(0x88, b"\x2a\x03"),
        der.value(0xA0, der.identifier("1.2.3"), der.value(0xA0, der.value(0x0C, b"x"))),
        der.value(0xA4, der.name(der.COMMON_NAME)),
    ),
    der.extension("2.5.29.19", der.value(der.SEQUENCE, der.value(der.BOOLEAN, b"\xff"))),
    der.extension("2.5.29.15", der.value(der.BIT_STRING, b"\x05\xa0")),
    der.extension("2.5.29.37", der.value(der.SEQUENCE, der.identifier("1.3.6.1.5.5.7.3.1"))),
    der.extension("1.3.6.1.5.5.7.1.24", der.value(der.SEQUENCE, der.value(der.INTEGER, b"\x05"))),
)
KEY = ec.generate_private_key(ec.SECP256R1())
KEY_INFO = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
CSRS = [body("rsa.csr.pem"), body("ec.csr.pem")]
REQUESTED = [der.extension_request(*EXTENSIONS), der.attribute("1.2.840.113549.1.9.7", der.value(0x0C, b"x"))]
SUBJECT = der.name(("2.5.4.6", 0x13, b"DE"), ("2.5.4.45", der.BIT_STRING, b"\x00\xff"), der.COMMON_NAME)
CERTIFICATES = [body("leaf.pem"), body("person.pem"), body("root.pem"), der.certificate_der(*EXTENSIONS)]
KEYS = [
    ("RSA PRIVATE KEY", body("rsa.pkcs1.pem")),
    ("PRIVATE KEY", body("rsa.pkcs8.pem")),
    ("EC PRIVATE KEY", body("ec.sec1.pem")),
    ("PRIVATE KEY", body("ec.pkcs8.pem")),
]
BUNDLES = [(VECTORS / "chain.p7b").read_bytes(), (VECTORS / "chain.ber.p7b").read_bytes()]


@st.composite
def damaged(draw: st.DrawFn, sources: Sequence[bytes]) -> bytes:
    """Bytes that were sound: some changed, cut off, taken out, repeated, or with values in between."""
    content = bytearray(draw(st.sampled_from(sources)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["bit", "byte", "cut", "out", "in", "again"])):
            case "bit" if content:
                content[place] ^= 1 << draw(st.integers(0, 7))
            case "byte" if content:
                content[place] = draw(st.integers(0, 255))
            case "cut":
                del content[place:]
            case "out":
                del content[place : place + draw(st.integers(1, 8))]
            case "in":
                content[place:place] = der.value(draw(st.integers(0, 255)), draw(st.binary(max_size=6)))
            case "again":
                content[place:place] = content[place : place + draw(st.integers(1, 40))]
    return bytes(content)


@settings(max_examples=examples(200))
@given(csr=damaged(CSRS))
def test_a_damaged_csr_is_refused_in_words(csr: bytes) -> None:
    try:
        parse_csr(der.pem("CERTIFICATE REQUEST", csr))
    except InvalidCsrError:
        return


@settings(max_examples=examples(300))
@given(
    subject=st.just(SUBJECT) | damaged([SUBJECT]),
    requested=st.just(b"".join(REQUESTED)) | damaged([b"".join(REQUESTED), *REQUESTED]),
    version=st.sampled_from([b"\x00", b"\x00", b"\x01", b"\xff", b""]),
)
def test_a_csr_of_odd_content_and_a_right_signature_is_read_or_refused_in_words(
    subject: bytes, requested: bytes, version: bytes
) -> None:
    attributes = der.value(der.CONTEXT_0, requested)
    info = der.value(der.SEQUENCE, der.value(der.INTEGER, version), subject, KEY_INFO, attributes)
    try:
        parse_csr(der.pem("CERTIFICATE REQUEST", der.signed(info, KEY)))
    except InvalidCsrError:
        return


@settings(max_examples=examples(200))
@given(key=st.sampled_from(KEYS), data=st.data())
def test_a_damaged_key_is_refused_in_words_or_works(key: tuple[str, bytes], data: st.DataObject) -> None:
    label, sound = key
    pem = der.pem(label, data.draw(damaged([sound])))
    try:
        parsed = PrivateKey.parse(pem)
    except InvalidPrivateKeyError:
        return
    assert parse_csr(build_csr(Subject("a.test"), [], parsed).pem).public_key_digest == parsed.public_key_digest


@settings(max_examples=examples(300))
@given(collected=damaged(BUNDLES))
def test_a_damaged_pkcs7_is_read_or_refused_in_words(collected: bytes) -> None:
    for content in (collected, der.pem("PKCS7", collected).encode()):
        try:
            chain = parse_chain(content, public_key_digest=None)
        except ChainError:
            continue
        assert CertificateChain.from_pem(chain.bundle_pem) == chain


@settings(max_examples=examples(300))
@given(certificate=damaged(CERTIFICATES), other=st.sampled_from(CERTIFICATES))
def test_a_damaged_certificate_is_read_or_refused_in_words(certificate: bytes, other: bytes) -> None:
    pem = der.pem("CERTIFICATE", certificate)
    for collected in (pem, pem + der.pem("CERTIFICATE", other)):
        try:
            parse_chain(collected.encode(), public_key_digest=None)
        except ChainError:
            continue
    try:
        stored = CertificateChain.from_pem(pem)
        shown = [stored.subject, stored.lacks_issuers, *(render(stored, known) for known in CertificateFormat)]
    except ChainError:
        return
    assert shown
    assert GivenCertificate.parse(pem).serial_number == stored.serial_number


@settings(max_examples=examples(200))
@given(certificate=damaged(CERTIFICATES))
def test_a_damaged_certificate_that_names_one_is_read_or_refused_in_words(certificate: bytes) -> None:
    try:
        GivenCertificate.parse(der.pem("CERTIFICATE", certificate))
    except InvalidInputError:
        return
