import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from sectigo_vault_pki.errors import InvalidInputError, InvalidPrivateKeyError
from sectigo_vault_pki.pki import KeyAlgorithm, KeyFormat, KeyParameters, PrivateKey, key_pem
from tests.support.openssl import openssl

Vector = Callable[[str], str]
VECTOR_KEYS = ["rsa.pkcs1.pem", "rsa.pkcs8.pem", "ec.sec1.pem", "ec.pkcs8.pem"]


@pytest.mark.parametrize(
    ("algorithm", "size", "expected"),
    [
        (None, None, KeyParameters(KeyAlgorithm.RSA, 2048)),
        ("", "", KeyParameters(KeyAlgorithm.RSA, 2048)),
        ("rsa", "3072", KeyParameters(KeyAlgorithm.RSA, 3072)),
        ("RSA", 4096, KeyParameters(KeyAlgorithm.RSA, 4096)),
        ("Ec", None, KeyParameters(KeyAlgorithm.EC, 256)),
        ("EC", 384, KeyParameters(KeyAlgorithm.EC, 384)),
        ("ec", "P521", KeyParameters(KeyAlgorithm.EC, 521)),
        ("ec", "p-256", KeyParameters(KeyAlgorithm.EC, 256)),
    ],
)
def test_parameters_are_taken_in_every_spelling(
    algorithm: str | None, size: str | int | None, expected: KeyParameters
) -> None:
    assert KeyParameters.parse(algorithm, size) == expected


@pytest.mark.parametrize(
    ("algorithm", "size", "message"),
    [
        ("DSA", None, "the key algorithm is not supported: RSA or EC"),
        ("RSA", 1024, "the key size is not supported for RSA: 2048, 3072 or 4096"),
        ("RSA", "P-256", "the key size is not supported for RSA: 2048, 3072 or 4096"),
        ("EC", 2048, "the key size is not supported for EC: 256, 384 or 521"),
        ("RSA", "9" * 100, "the key size is not supported for RSA: 2048, 3072 or 4096"),
        ("ecc", None, "the key algorithm is not supported: RSA or EC; did you mean EC?"),
        ("ECDSA", 256, "the key algorithm is not supported: RSA or EC; did you mean EC?"),
        ("RSA", "2048-bit", "the key size is not supported for RSA: 2048, 3072 or 4096; did you mean 2048?"),
        ("RSA", "4096 bits", "the key size is not supported for RSA: 2048, 3072 or 4096; did you mean 4096?"),
        ("EC", "256bit", "the key size is not supported for EC: 256, 384 or 521; did you mean 256?"),
        ("RSA", "1024-bit", "the key size is not supported for RSA: 2048, 3072 or 4096"),
    ],
)
def test_other_parameters_are_refused_with_what_is_allowed(
    algorithm: str, size: str | int | None, message: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        KeyParameters.parse(algorithm, size)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("key_type", "size", "expected"),
    [
        ("rsa", 2048, KeyParameters(KeyAlgorithm.RSA, 2048)),
        ("rsa", 1024, KeyParameters(KeyAlgorithm.RSA, 2048)),
        ("rsa", 2049, KeyParameters(KeyAlgorithm.RSA, 3072)),
        ("rsa", 4096, KeyParameters(KeyAlgorithm.RSA, 4096)),
        ("rsa", 8192, KeyParameters(KeyAlgorithm.RSA, 4096)),
        ("ec", 224, KeyParameters(KeyAlgorithm.EC, 256)),
        ("ec", 384, KeyParameters(KeyAlgorithm.EC, 384)),
        ("ec", 521, KeyParameters(KeyAlgorithm.EC, 521)),
        ("", 0, KeyParameters(KeyAlgorithm.RSA, 2048)),
    ],
)
def test_a_key_is_made_like_another_or_the_next_stronger(key_type: str, size: int, expected: KeyParameters) -> None:
    assert KeyParameters.like(key_type, size) == expected


@pytest.mark.parametrize(
    ("algorithm", "size", "key_type", "label"),
    [
        ("RSA", 2048, "rsa", "RSA PRIVATE KEY"),
        ("EC", 256, "ec", "EC PRIVATE KEY"),
        ("EC", 384, "ec", "EC PRIVATE KEY"),
        ("EC", 521, "ec", "EC PRIVATE KEY"),
    ],
)
def test_a_generated_key_is_what_was_asked_for(algorithm: str, size: int, key_type: str, label: str) -> None:
    key = PrivateKey.generate(KeyParameters.parse(algorithm, size))
    assert (key.key_type, key.key_size) == (key_type, size)
    assert key.pem.startswith(f"-----BEGIN {label}-----\n")
    assert PrivateKey.parse(key.pem) == key


@pytest.mark.parametrize("name", VECTOR_KEYS)
def test_a_key_keeps_the_format_it_came_in(name: str, vector: Vector) -> None:
    assert PrivateKey.parse(vector(name)).pem == vector(name)


def test_one_key_in_two_formats_has_one_digest(vector: Vector) -> None:
    one, other = PrivateKey.parse(vector("ec.sec1.pem")), PrivateKey.parse(vector("ec.pkcs8.pem"))
    assert one.public_key_digest == other.public_key_digest
    assert len(one.public_key_digest) == 32


@pytest.mark.parametrize("line_end", ["\r\n", "\\n", "\n\n", " \n "])
@pytest.mark.parametrize("name", VECTOR_KEYS)
def test_a_pasted_key_is_normalised(name: str, line_end: str, vector: Vector) -> None:
    assert PrivateKey.parse("  " + vector(name).replace("\n", line_end)).pem == vector(name)


def test_ec_parameters_in_front_of_a_key_are_left_out(vector: Vector) -> None:
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert PrivateKey.parse(parameters + vector("ec.sec1.pem")).pem == vector("ec.sec1.pem")


def test_a_key_shows_itself_nowhere(rsa_key: PrivateKey) -> None:
    for shown in (repr(rsa_key), str(rsa_key), f"{rsa_key}", repr([rsa_key])):
        assert "<PrivateKey rsa 2048>" in shown
        assert "BEGIN" not in shown


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def encrypted(private_format: PrivateFormat) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, private_format, BestAvailableEncryption(b"pass phrase")).decode()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: "", "cannot be read"),
        (lambda: "s3cret", "cannot be read"),
        (lambda: "x" * 20_000, "longer than 16384 characters"),
        (lambda: "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----", "cannot be read"),
        (lambda: "-----BEGIN PRIVATE KEY-----\ns3cretAA\n-----END PRIVATE KEY-----", "cannot be read"),
        (lambda: "-----BEGIN PUBLIC KEY-----\ns3cretAA\n-----END PUBLIC KEY-----", "cannot be read"),
        (lambda: pem_of(ec.generate_private_key(ec.SECP256R1())) * 2, "more than one private key"),
        (lambda: encrypted(PrivateFormat.PKCS8), "is encrypted"),
        (lambda: encrypted(PrivateFormat.TraditionalOpenSSL), "is encrypted"),
        (lambda: pem_of(rsa.generate_private_key(65537, 1024)), "2048 to 8192 bits, this one has 1024"),
        (lambda: pem_of(ec.generate_private_key(ec.SECP256K1())), "P-256, P-384 or P-521"),
        (lambda: pem_of(ed25519.Ed25519PrivateKey.generate()), "RSA or EC is needed"),
        (lambda: pem_of(dsa.generate_private_key(2048)), "RSA or EC is needed"),
    ],
)
def test_other_texts_are_refused_without_an_echo(make: Callable[[], str], message: str) -> None:
    text = make()
    with pytest.raises(InvalidPrivateKeyError, match=message) as caught:
        PrivateKey.parse(text)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def pss_key() -> str:
    return openssl("genpkey", "-quiet", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048")


def test_a_key_for_rsa_pss_is_refused_for_that_without_an_echo() -> None:
    with pytest.raises(InvalidPrivateKeyError, match=r"^the private key is for RSA-PSS only, which CAs") as caught:
        PrivateKey.parse(pss_key())
    assert caught.value.__context__ is None


def test_a_stored_key_for_rsa_pss_can_still_be_exported() -> None:
    assert key_pem(pss_key(), KeyFormat.TRADITIONAL).startswith("-----BEGIN RSA PRIVATE KEY-----")


def tampered(pem: str, attribute: str) -> str:
    """The key with one of its numbers changed, in place in its DER."""
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    value = getattr(key.private_numbers(), attribute)
    old = value.to_bytes((value.bit_length() + 7) // 8, "big")
    new = (value ^ 0b110).to_bytes(len(old), "big")
    der = base64.b64decode("".join(pem.splitlines()[1:-1]))
    assert der.count(old) == 1
    body = base64.encodebytes(der.replace(old, new)).decode()
    return f"-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize("attribute", ["p", "q", "d", "dmp1", "dmq1", "iqmp"])
def test_a_damaged_rsa_key_is_refused(attribute: str, vector: Vector) -> None:
    with pytest.raises(InvalidPrivateKeyError, match=r"damaged|cannot be read"):
        PrivateKey.parse(tampered(vector("rsa.pkcs1.pem"), attribute))


def test_an_rsa_key_on_a_composite_number_is_refused() -> None:
    composite = rsa.generate_private_key(
        65537, 1040
    ).private_numbers()  # with 1024, the key may fall short of 2048 bits
    p, q = composite.p * composite.q, rsa.generate_private_key(65537, 2048).private_numbers().p
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q)
    )
    key = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    with pytest.raises(InvalidPrivateKeyError, match="damaged"):
        PrivateKey.parse(pem_of(key))
