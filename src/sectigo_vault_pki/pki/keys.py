"""Private keys: made, read and written, and never shown in logs or errors."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from sectigo_vault_pki.errors import InvalidInputError, InvalidPrivateKeyError
from sectigo_vault_pki.pki import der
from sectigo_vault_pki.pki.der import decoded
from sectigo_vault_pki.pki.pem import PemBlock, normalise_pem, pem_blocks

MAX_PRIVATE_KEY_LENGTH = 16 * 1024  # characters; RSA 8192 in PKCS#8 takes 6 400
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
RSASSA_PSS = bytes.fromhex("2a864886f70d01010a")
"""The content of the object identifier 1.2.840.113549.1.1.10 in DER: an RSA key for PSS only (RFC 4055 1.2)."""

_CURVES: Mapping[int, ec.EllipticCurve] = MappingProxyType(
    {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
)
_PKCS8_LABEL = "PRIVATE KEY"
_KEY_LABELS = frozenset({"RSA PRIVATE KEY", _PKCS8_LABEL, "EC PRIVATE KEY"})
_FORMATS = "an unencrypted PEM key in PKCS#1, PKCS#8 or SEC1 is needed"
_UNREADABLE = f"the private key cannot be read: {_FORMATS}"

SupportedPrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class KeyAlgorithm(StrEnum):
    """What a new key can be."""

    RSA = "RSA"
    EC = "EC"


OTHER_NAMES_OF_EC = frozenset({"ECC", "ECDSA"})
_SIZE_WITH_UNIT = re.compile(r"([0-9]{3,4})[ -]?BITS?")

_SIZES: Mapping[KeyAlgorithm, tuple[int, ...]] = MappingProxyType(
    {KeyAlgorithm.RSA: (2048, 3072, 4096), KeyAlgorithm.EC: tuple(_CURVES)}
)


@dataclass(frozen=True, slots=True)
class KeyParameters:
    """What a new key is to be: RSA of so many bits, or EC on the NIST curve of so many bits."""

    algorithm: KeyAlgorithm
    size: int

    @classmethod
    def parse(cls, algorithm: str | None = None, size: str | int | None = None) -> Self:
        """Read what a user wrote, in any case; a curve may be `256`, `P256` or `P-256`.

        Absent or empty: RSA, and the algorithm's smallest size.

        Raises:
            InvalidInputError: the algorithm or the size is none of the allowed ones.
        """
        parsed = _parse_algorithm(algorithm)
        return cls(parsed, _parse_size(parsed, size))

    @classmethod
    def like(cls, key_type: str, key_size: int) -> Self:
        """Return the parameters of a key of the same kind, and of the same size where such keys are made.

        Otherwise of the next larger size, or of the largest; RSA's smallest for a kind that is never made.

        Args:
            key_type: `rsa`, `ec`, or empty for another kind.
            key_size: bits.
        """
        if not key_type:
            return cls.parse()
        algorithm = _parse_algorithm(key_type)
        sizes = _SIZES[algorithm]
        return cls(algorithm, next((size for size in sizes if size >= key_size), sizes[-1]))


def _parse_algorithm(text: str | None) -> KeyAlgorithm:
    if not text:
        return KeyAlgorithm.RSA
    name = text.strip().upper()
    if name in KeyAlgorithm.__members__:
        return KeyAlgorithm[name]
    hint = "; did you mean EC?" if name in OTHER_NAMES_OF_EC else ""
    raise InvalidInputError(f"the key algorithm is not supported: {' or '.join(KeyAlgorithm)}{hint}")


def _parse_size(algorithm: KeyAlgorithm, size: str | int | None) -> int:
    sizes = _SIZES[algorithm]
    if size is None or size == "":
        return sizes[0]
    text = str(size).strip().upper()
    if algorithm is KeyAlgorithm.EC:
        text = text.removeprefix("P").removeprefix("-")
    for allowed in sizes:
        if text == str(allowed):
            return allowed
    listed = f"{', '.join(map(str, sizes[:-1]))} or {sizes[-1]}"
    meant = _SIZE_WITH_UNIT.fullmatch(text)
    hint = f"; did you mean {meant[1]}?" if meant and int(meant[1]) in sizes else ""
    raise InvalidInputError(f"the key size is not supported for {algorithm}: {listed}{hint}")


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A private key, which no repr, log or error shows.

    Attributes:
        pem: exactly one PEM block, in the format the key came in; a new key is PKCS#1 or SEC1, as Vault's pki answers.
        key_type: `rsa` or `ec`.
        key_size: bits of the modulus or of the curve.
        public_key_digest: SHA-256 of the public key's SubjectPublicKeyInfo in DER.
    """

    pem: str
    key_type: str
    key_size: int
    public_key_digest: bytes
    signer: SupportedPrivateKey = field(compare=False)

    def __repr__(self) -> str:
        return f"<PrivateKey {self.key_type} {self.key_size}>"

    @classmethod
    def generate(cls, parameters: KeyParameters) -> Self:
        """Make a new key. RSA takes 0.01 to 1 s of one core, with the GIL released: call it in a thread."""
        key: SupportedPrivateKey
        if parameters.algorithm is KeyAlgorithm.RSA:
            key = rsa.generate_private_key(public_exponent=65537, key_size=parameters.size)
        else:
            key = ec.generate_private_key(_CURVES[parameters.size])
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return cls._of(key, pem.decode("ascii"))

    @classmethod
    def parse(cls, pem: str) -> Self:
        """Read a key that a user gave or that was stored: PKCS#1, PKCS#8 or SEC1, unencrypted.

        Takes about 1 ms for RSA 2048, 10 ms for RSA 4096.

        Raises:
            InvalidPrivateKeyError: anything else; the text never shows what was given.
        """
        block = _key_block(pem)
        return decoded(lambda: cls._of(_proven(block), block.text), InvalidPrivateKeyError, _UNREADABLE)

    @classmethod
    def _of(cls, key: SupportedPrivateKey, pem: str) -> Self:
        key_type, key_size = key_kind(key.public_key())
        return cls(pem, key_type, key_size, public_key_digest(key.public_key()), key)


def stored_key(pem: str) -> SupportedPrivateKey:
    """Read a key that `PrivateKey` made or read before, without proving it again, in 0.1 ms.

    Raises:
        InvalidPrivateKeyError: it is none any more; the text never shows what was stored.
    """
    block = _key_block(pem)
    return decoded(lambda: _load(block), InvalidPrivateKeyError, _UNREADABLE)


def _key_block(pem: str) -> PemBlock:
    if len(pem) > MAX_PRIVATE_KEY_LENGTH:
        raise InvalidPrivateKeyError(f"the private key is longer than {MAX_PRIVATE_KEY_LENGTH} characters")
    text = normalise_pem(pem)
    if "ENCRYPTED" in text:
        raise InvalidPrivateKeyError(f"the private key is encrypted: {_FORMATS}")
    try:
        blocks = [block for block in pem_blocks(text) if block.label in _KEY_LABELS]
    except ValueError:
        blocks = []
    if not blocks:
        raise InvalidPrivateKeyError(_UNREADABLE)
    if len(blocks) > 1:
        raise InvalidPrivateKeyError("there is more than one private key: exactly one is needed")
    return blocks[0]


def _proven(block: PemBlock) -> SupportedPrivateKey:
    # An RSA key that is marked for PSS: the CSR and every other format would forget the mark.
    if block.label == _PKCS8_LABEL and _algorithm_of(block.der) == RSASSA_PSS:
        raise InvalidPrivateKeyError(
            "the private key is for RSA-PSS only, which CAs do not certify: use an RSA key without that restriction"
        )
    key = _load(block)
    _check_strength(key)
    if isinstance(key, rsa.RSAPrivateKey):
        _check_rsa_numbers(key)
    return key


def _algorithm_of(pkcs8: bytes) -> bytes:
    """Return the content of the object identifier in a PrivateKeyInfo (RFC 5958 2)."""
    (info,) = der.contents(pkcs8, der.SEQUENCE)
    _, algorithm, *_ = der.elements(info)
    return next(der.elements(algorithm.content)).content


def _load(block: PemBlock) -> SupportedPrivateKey:
    # The library's own check of RSA keys holds the GIL for 0.2 s (4096 bits) to 3 s (8192 bits), which would stop the
    # event loop even from a thread. `_check_rsa_numbers` takes its place.
    key = load_pem_private_key(block.text.encode("ascii"), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise InvalidPrivateKeyError("the private key is of an unsupported kind: RSA or EC is needed")
    return key


def _check_strength(key: SupportedPrivateKey) -> None:
    problem = weakness(key.public_key())
    if problem is not None:
        raise InvalidPrivateKeyError(f"the private key is not supported: {problem}")


def _check_rsa_numbers(key: rsa.RSAPrivateKey) -> None:
    """Refuse numbers that are no RSA key (RFC 8017 3.2), then let the key prove itself by a signature."""
    numbers = key.private_numbers()
    p, q, d = numbers.p, numbers.q, numbers.d
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    sound = (
        p * q == n
        and min(p, q) > 1
        and e * d % (p - 1) == 1
        and e * d % (q - 1) == 1
        and numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and numbers.iqmp * q % p == 1
    )
    if not (sound and _signs(key)):
        raise InvalidPrivateKeyError("the private key is damaged: its numbers do not fit together")


def _signs(key: rsa.RSAPrivateKey) -> bool:
    try:
        signature = key.sign(b"proof", padding.PKCS1v15(), hashes.SHA256())
        key.public_key().verify(signature, b"proof", padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, InvalidSignature):
        return False
    return True


def public_key_digest(key: PublicKeyTypes) -> bytes:
    """Return the SHA-256 of a public key's SubjectPublicKeyInfo in DER."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def key_kind(key: PublicKeyTypes) -> tuple[str, int]:
    """Return Vault's word for the kind of a key, empty for a kind the engine has no use for, and its bits."""
    if isinstance(key, rsa.RSAPublicKey):
        return "rsa", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ec", key.curve.key_size
    return "", 0


def weakness(key: PublicKeyTypes) -> str | None:
    """Say why a key may not be used in a CSR, or None if it may."""
    if isinstance(key, rsa.RSAPublicKey):
        if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
            return f"an RSA key has {MIN_RSA_BITS} to {MAX_RSA_BITS} bits, this one has {key.key_size}"
        return None
    if isinstance(key, ec.EllipticCurvePublicKey):
        named = {type(curve) for curve in _CURVES.values()}
        return None if type(key.curve) in named else "an EC key lies on the curve P-256, P-384 or P-521"
    return "RSA or EC is needed"


class KeyFormat(Enum):
    """What stands inside the PEM or DER of a private key."""

    TRADITIONAL = "traditional"
    """PKCS#1 (RFC 8017 A.1.2) for RSA, SEC1 (RFC 5915) for EC."""
    PKCS8 = "pkcs8"
    """RFC 5958, the same for every kind of key."""


_PRIVATE_FORMATS: Mapping[KeyFormat, PrivateFormat] = MappingProxyType(
    {KeyFormat.TRADITIONAL: PrivateFormat.TraditionalOpenSSL, KeyFormat.PKCS8: PrivateFormat.PKCS8}
)


def key_pem(pem: str, key_format: KeyFormat) -> str:
    """Write a stored key as one PEM block in a format, whichever it is in.

    Raises:
        InvalidPrivateKeyError: the text is no key; the error never shows it.
    """
    return _written(pem, key_format, Encoding.PEM).decode("ascii")


def key_der(pem: str, key_format: KeyFormat) -> bytes:
    """Write a stored key as DER in a format.

    Raises:
        InvalidPrivateKeyError: the text is no key; the error never shows it.
    """
    return _written(pem, key_format, Encoding.DER)


def _written(pem: str, key_format: KeyFormat, encoding: Encoding) -> bytes:
    return stored_key(pem).private_bytes(encoding, _PRIVATE_FORMATS[key_format], NoEncryption())
