"""A certificate with its chain in the formats of SCM (scm-api.md 3.4), and in PKCS#12 under a password (RFC 7292)."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    PrivateFormat,
    pkcs7,
    pkcs12,
)

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.pki.chain import CertificateChain, PemBundle, certificates_of
from sectigo_vault_pki.pki.keys import stored_key

_MAX_SHOWN = 32


class CertificateFormat(StrEnum):
    """The names of the formats, as SCM spells them."""

    X509 = "x509"
    X509_CERTIFICATE_ONLY = "x509CO"
    X509_ISSUERS_ONLY = "x509IO"
    BASE64 = "base64"
    BIN = "bin"
    X509_ISSUERS_ONLY_REVERSED = "x509IOR"
    X509_REVERSED = "x509R"
    PEM = "pem"
    PEM_CERTIFICATE_ONLY = "pemco"
    PEM_ISSUERS_AFTER = "pemia"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a format's name in any case.

        Raises:
            InvalidInputError: there is no such format.
        """
        wanted = text.strip().lower()
        for member in cls:
            if member.value.lower() == wanted:
                return member
        shown = ascii(text[:_MAX_SHOWN])
        raise InvalidInputError(f"certificate format {shown} is unknown: one of {', '.join(cls)}")


def render(bundle: PemBundle, certificate_format: CertificateFormat) -> str:
    """Write a bundle in a format; `bin`, which is bytes at SCM, comes as base64 text without line ends.

    A format without a leaf is empty where the CA gave no issuers.

    Raises:
        ChainError: the bundle cannot be read.
    """
    return _WRITERS[certificate_format](bundle)


def _leaf(bundle: PemBundle) -> str:
    return bundle.leaf_pem


def _leaf_first(bundle: PemBundle) -> str:
    return bundle.bundle_pem


def _root_first(bundle: PemBundle) -> str:
    return _issuers_root_first(bundle) + bundle.leaf_pem


def _issuers_leafward_first(bundle: PemBundle) -> str:
    return "".join(bundle.issuers_pem)


def _issuers_root_first(bundle: PemBundle) -> str:
    return "".join(reversed(bundle.issuers_pem))


def _pkcs7_pem(bundle: PemBundle) -> str:
    return _pkcs7(bundle, Encoding.PEM).decode("ascii")


def _pkcs7_base64(bundle: PemBundle) -> str:
    return base64.b64encode(_pkcs7(bundle, Encoding.DER)).decode("ascii")


def _pkcs7(bundle: PemBundle, encoding: Encoding) -> bytes:
    return pkcs7.serialize_certificates(certificates_of(bundle), encoding)


_WRITERS: Mapping[CertificateFormat, Callable[[PemBundle], str]] = MappingProxyType(
    {
        CertificateFormat.X509: _root_first,
        CertificateFormat.X509_CERTIFICATE_ONLY: _leaf,
        CertificateFormat.X509_ISSUERS_ONLY: _issuers_root_first,
        CertificateFormat.BASE64: _pkcs7_pem,
        CertificateFormat.BIN: _pkcs7_base64,
        CertificateFormat.X509_ISSUERS_ONLY_REVERSED: _issuers_leafward_first,
        CertificateFormat.X509_REVERSED: _leaf_first,
        CertificateFormat.PEM: _root_first,
        CertificateFormat.PEM_CERTIFICATE_ONLY: _leaf,
        CertificateFormat.PEM_ISSUERS_AFTER: _leaf_first,
    }
)


MIN_PASSWORD_LENGTH = 8
"""Characters, as for any password that people choose (NIST SP 800-63B); what protects is a long one at random."""
MAX_PASSWORD_LENGTH = 128


class Pkcs12Encryption(StrEnum):
    """How the file is encrypted, which decides who can read it."""

    MODERN = "modern"
    """AES-256-CBC and HMAC-SHA-256: OpenSSL 1.1 and newer, Java from 8u301 on, Windows 10 1709 and Server 2019 on."""
    LEGACY = "legacy"
    """Triple DES and HMAC-SHA-1: programs older than those."""


@dataclass(frozen=True, slots=True)
class Pkcs12Protection:
    """What protects the file; the password is in ASCII, as programs do not agree how others are encoded."""

    password: str = field(repr=False)
    encryption: Pkcs12Encryption = Pkcs12Encryption.MODERN


_BEYOND_TWO_BYTES = re.compile("[^\u0000-\uffff]")


class _Scheme(NamedTuple):
    algorithm: pkcs12.PBES
    mac_hash: hashes.HashAlgorithm
    rounds: int


# A guess at the password can be tried on the file's MAC alone, to which `cryptography` gives 2 048 rounds and no
# choice. So more rounds than its default would cost the readers time, and protect nothing.
_SCHEMES: Mapping[Pkcs12Encryption, _Scheme] = MappingProxyType(
    {
        Pkcs12Encryption.MODERN: _Scheme(pkcs12.PBES.PBESv2SHA256AndAES256CBC, hashes.SHA256(), 20_000),
        Pkcs12Encryption.LEGACY: _Scheme(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC, hashes.SHA1(), 2_048),  # noqa: S303 - what they read
    }
)


def pkcs12_file(chain: CertificateChain, stored_key_pem: str, protection: Pkcs12Protection) -> bytes:
    """Write the file; its one entry is named by the common name, or by the serial number where there is none.

    Takes 6 ms of one core (legacy: 4 ms), mostly with the GIL released: call it in a thread.

    Raises:
        InvalidPrivateKeyError: the stored text is no key; the error never shows it.
        ChainError: the stored certificates cannot be read.
    """
    leaf, *issuers = certificates_of(chain)
    return pkcs12.serialize_key_and_certificates(
        _friendly_name(chain).encode(),
        stored_key(stored_key_pem),
        leaf,
        issuers or None,
        _encryption(protection),
    )


def _friendly_name(chain: CertificateChain) -> str:
    """Name the entry in letters that a BMPString can hold (RFC 2985 5.5.1), which are those of two bytes."""
    return _BEYOND_TWO_BYTES.sub("?", chain.common_name) or chain.serial_number


def _encryption(protection: Pkcs12Protection) -> KeySerializationEncryption:
    scheme = _SCHEMES[protection.encryption]
    return (
        PrivateFormat.PKCS12.encryption_builder()
        .key_cert_algorithm(scheme.algorithm)
        .hmac_hash(scheme.mac_hash)
        .kdf_rounds(scheme.rounds)
        .build(protection.password.encode("ascii"))
    )
