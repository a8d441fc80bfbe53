"""What a user would do with an answer: read its PEM."""

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID


def leaf_of(data: Mapping[str, Any]) -> x509.Certificate:
    """Return the answered certificate itself."""
    return x509.load_pem_x509_certificate(data["leaf_certificate"].encode())


def key_of(data: Mapping[str, Any]) -> PrivateKeyTypes:
    """Return the answered private key."""
    return load_pem_private_key(data["private_key"].encode(), password=None)


def key_fits(data: Mapping[str, Any]) -> bool:
    """Whether the answered key, certificate and CSR belong together."""
    csr = x509.load_pem_x509_csr(data["csr"].encode())
    return key_of(data).public_key() == leaf_of(data).public_key() == csr.public_key()


def names_of(certificate: x509.Certificate | x509.CertificateSigningRequest) -> set[str]:
    """Return the subject alternative names as text."""
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}


def pem_of(key: PrivateKeyTypes, private_format: PrivateFormat = PrivateFormat.PKCS8) -> str:
    """Return a key as PEM."""
    return key.private_bytes(Encoding.PEM, private_format, NoEncryption()).decode()


def public_bytes(data: Mapping[str, Any]) -> bytes:
    """Return what tells one key from another."""
    return key_of(data).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def common_name_of(csr_pem: str) -> str:
    """Return the common name in a CSR."""
    (attribute,) = x509.load_pem_x509_csr(csr_pem.encode()).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attribute.value)


def subject_of(csr_pem: str) -> str:
    """Return the subject in a CSR, as RFC 4514 writes it."""
    return x509.load_pem_x509_csr(csr_pem.encode()).subject.rfc4514_string()
