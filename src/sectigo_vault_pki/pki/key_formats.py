"""One private key in the two formats that programs read, as text and as bytes. Nothing here is encrypted."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sectigo_vault_pki.pki.keys import stored_key


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
