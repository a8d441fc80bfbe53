"""The shapes in which SCM hands out an SSL certificate, rendered from a bundle in hand (scm-api.md 3.4)."""

import base64
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Self

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.pki.chain import PemBundle, certificates_of

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
