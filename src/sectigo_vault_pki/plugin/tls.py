"""AutoMTLS: each side's one-time certificate is the other side's only trust anchor (plugin-protocol.md 3.1)."""

import datetime as dt
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVER_NAME = "localhost"
ALPN = "h2"
_CLOCK_SKEW = dt.timedelta(hours=1)
_LIFETIME = dt.timedelta(days=30 * 365)


@dataclass(frozen=True, slots=True)
class Identity:
    """Our certificate for the life of this process, with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def new_identity() -> Identity:
    """Make a self-signed certificate that serves in both roles."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER_NAME)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)]), critical=False)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    return Identity(certificate, key)


def server_context(identity: Identity, *, trusted_pem: str, folder: Path) -> ssl.SSLContext:
    """Return what we accept the host's connections with.

    Raises:
        ssl.SSLError: the host's certificate is no PEM certificate.
    """
    return _context(ssl.PROTOCOL_TLS_SERVER, identity, trusted_pem, folder)


def client_context(identity: Identity, *, trusted_pem: str, folder: Path) -> ssl.SSLContext:
    """Return what we connect to the host's brokered addresses with; the name to verify is `SERVER_NAME`.

    Raises:
        ssl.SSLError: the host's certificate is no PEM certificate.
    """
    return _context(ssl.PROTOCOL_TLS_CLIENT, identity, trusted_pem, folder)


def _context(role: int, identity: Identity, trusted_pem: str, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(role)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([ALPN])
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=trusted_pem)
    pem = identity.certificate.public_bytes(serialization.Encoding.PEM) + identity.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The ssl module reads a key from a file only; this one is private, one-time, and gone at the end of the block.
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context
