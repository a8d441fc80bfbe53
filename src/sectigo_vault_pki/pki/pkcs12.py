"""A certificate, its key and its issuers in one file under a password (PKCS#12, RFC 7292)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import KeySerializationEncryption, PrivateFormat, pkcs12

from sectigo_vault_pki.pki.chain import CertificateChain, certificates_of
from sectigo_vault_pki.pki.keys import stored_key

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
# choice. So more rounds of the encryption than it takes by itself would cost the readers time, and protect nothing.
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
