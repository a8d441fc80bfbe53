"""Mutual TLS: the host's certificate is our only trust anchor, and ours is the host's (plugin-protocol.md 3)."""

import datetime as dt
import ssl
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sectigo_vault_pki.vault_plugin.process.handshake import CredentialsError

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


@dataclass(frozen=True, slots=True)
class Credentials:
    """What both ends of a connection show, and know each other by.

    Attributes:
        identity: what we show, in both roles.
        trusted_pem: what the host shows.
        server_name: the name that both are for.
    """

    identity: Identity
    trusted_pem: str = field(repr=False)
    server_name: str

    def server_context(self, folder: Path) -> ssl.SSLContext:
        """Return what we accept the host's connections with; `folder` is one that only we may enter.

        Raises:
            ssl.SSLError: the host's certificate is no PEM certificate.
        """
        return self._context(ssl.PROTOCOL_TLS_SERVER, folder)

    def client_context(self, folder: Path) -> ssl.SSLContext:
        """Return what we connect to the host's brokered addresses with, verifying `server_name`.

        Raises:
            ssl.SSLError: the host's certificate is no PEM certificate.
        """
        return self._context(ssl.PROTOCOL_TLS_CLIENT, folder)

    def _context(self, role: int, folder: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(role)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols([ALPN])
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=self.trusted_pem)
        identity = self.identity
        pem = identity.certificate.public_bytes(serialization.Encoding.PEM) + identity.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # The ssl module reads a key from a file only; this one is private, one-time, and gone at the end of the block.
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context


def automatic_credentials(host_certificate_pem: str) -> Credentials:
    """Return the credentials of AutoMTLS: each side makes a certificate, and trusts the other's (3.1 there)."""
    return Credentials(new_identity(), trusted_pem=host_certificate_pem, server_name=SERVER_NAME)


def shared_credentials(identity: Identity) -> Credentials:
    """Return the credentials of unwrap-token mode: one certificate for both sides, known by its name (3.3 there).

    Raises:
        CredentialsError: it has no name.
    """
    names = identity.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    name = names[0].value if names else ""
    if not isinstance(name, str) or not name:
        raise CredentialsError("the host's certificate has no common name")
    pem = identity.certificate.public_bytes(serialization.Encoding.PEM).decode()
    return Credentials(identity, trusted_pem=pem, server_name=name)
