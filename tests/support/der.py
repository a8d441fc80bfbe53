"""DER written by hand, for what no library writes: odd CSRs, odd certificates, PKCS#7 in BER."""

import base64
from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, IDENTIFIER, UTF8_STRING = 0x01, 0x02, 0x03, 0x04, 0x06, 0x0C
SEQUENCE, SET, CONTEXT_0, CONTEXT_3 = 0x30, 0x31, 0xA0, 0xA3
DNS_NAME = 0x82
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
MICROSOFT_EXTENSIONS = "1.3.6.1.4.1.311.2.1.14"
SUBJECT_ALT_NAME = "2.5.29.17"
_ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"
_SIGNED_DATA, _DATA = "1.2.840.113549.1.7.2", "1.2.840.113549.1.7.1"


def value(tag: int, *contents: bytes) -> bytes:
    content = b"".join(contents)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    octets = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def identifier(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    return value(IDENTIFIER, bytes([first * 40 + second]), *map(_base_128, rest))


def _base_128(number: int) -> bytes:
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(0x80 | number & 0x7F)
    return bytes(reversed(octets))


def name(*parts: tuple[str, int, bytes]) -> bytes:
    """A subject of attributes, each an identifier, a string's tag and its content."""
    return value(
        SEQUENCE, *(value(SET, value(SEQUENCE, identifier(kind), value(tag, text))) for kind, tag, text in parts)
    )


def extension(dotted: str, content: bytes) -> bytes:
    return value(SEQUENCE, identifier(dotted), value(OCTET_STRING, content))


def alt_names(*names: bytes, dotted: str = SUBJECT_ALT_NAME) -> bytes:
    return extension(dotted, value(SEQUENCE, *names))


def dns_name(text: str) -> bytes:
    return value(DNS_NAME, text.encode())


def attribute(dotted: str, *values: bytes) -> bytes:
    return value(SEQUENCE, identifier(dotted), value(SET, *values))


def extension_request(*extensions: bytes, dotted: str = EXTENSION_REQUEST) -> bytes:
    return attribute(dotted, value(SEQUENCE, *extensions))


COMMON_NAME = ("2.5.4.3", UTF8_STRING, b"web.example.test")


def csr_der(
    *attributes: bytes,
    subject: Iterable[tuple[str, int, bytes]] = (COMMON_NAME,),
    version: int = 0,
    key_info: bytes | None = None,
) -> bytes:
    """A CSR whose signature is right, whatever else is wrong with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    info = value(
        SEQUENCE,
        value(INTEGER, bytes([version])),
        name(*subject),
        key_info or own,
        value(CONTEXT_0, *attributes),
    )
    return signed(info, key)


def pem(label: str, der: bytes) -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(der).decode()}-----END {label}-----\n"


def csr_pem(*attributes: bytes, subject: Iterable[tuple[str, int, bytes]] = (COMMON_NAME,), version: int = 0) -> str:
    return pem("CERTIFICATE REQUEST", csr_der(*attributes, subject=subject, version=version))


def certificate_der(
    *extensions: bytes,
    serial: bytes = b"\x05",
    version: int = 2,
    subject: Iterable[tuple[str, int, bytes]] = (COMMON_NAME,),
    start: bytes = b"260101000000Z",
    key_info: bytes | None = None,
) -> bytes:
    """A certificate of an issuer of its own, valid until 2027."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    start_tag = 0x17 if len(start) == len(b"260101000000Z") else 0x18
    info = value(
        SEQUENCE,
        value(CONTEXT_0, value(INTEGER, bytes([version]))),
        value(INTEGER, serial),
        value(SEQUENCE, identifier(_ECDSA_WITH_SHA256)),
        name(("2.5.4.3", UTF8_STRING, b"Odd CA")),
        value(SEQUENCE, value(start_tag, start), value(0x17, b"270101000000Z")),
        name(*subject),
        key_info or own,
        *([value(CONTEXT_3, value(SEQUENCE, *extensions))] if extensions else []),
    )
    return signed(info, key)


def signed(info: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    signature = key.sign(info, ec.ECDSA(hashes.SHA256()))
    return value(SEQUENCE, info, value(SEQUENCE, identifier(_ECDSA_WITH_SHA256)), value(BIT_STRING, b"\x00", signature))


def ber_pkcs7(certificates: Iterable[x509.Certificate]) -> bytes:
    """Signed data without a signer, as some CAs stream it: lengths are not said, each value is ended by two zeros."""
    inner = _indefinite(
        SEQUENCE,
        value(INTEGER, b"\x01"),
        value(SET),
        _indefinite(SEQUENCE, identifier(_DATA)),
        _indefinite(CONTEXT_0, *(certificate.public_bytes(Encoding.DER) for certificate in certificates)),
        value(SET),
    )
    return _indefinite(SEQUENCE, identifier(_SIGNED_DATA), _indefinite(CONTEXT_0, inner))


def _indefinite(tag: int, *contents: bytes) -> bytes:
    return bytes([tag, 0x80]) + b"".join(contents) + b"\x00\x00"
