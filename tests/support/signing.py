"""Certificates that are signed on the spot."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519


def self_signed(
    common_name: str, own_key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | None = None
) -> x509.Certificate:
    key = own_key or ec.generate_private_key(ec.SECP256R1())
    return certificate(common_name, common_name, key, key)


def signed_by(issuer_key: ec.EllipticCurvePrivateKey, issuer: str, common_name: str) -> x509.Certificate:
    return certificate(common_name, issuer, ec.generate_private_key(ec.SECP256R1()), issuer_key)


def certificate(
    common_name: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    extensions: tuple[x509.ExtensionType, ...] = (),
) -> x509.Certificate:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder().subject_name(name(common_name)).issuer_name(name(issuer))
    builder = builder.public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(start).not_valid_after(start + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(issuer_key, None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
