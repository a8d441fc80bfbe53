"""The host's one-time certificates, as Vault and OpenBao make them (plugin-protocol.md 3.1 and 3.3)."""

import datetime as dt
import ssl
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


@dataclass(frozen=True)
class HostIdentity:
    """A certificate in PEM, and a file with it and its key.

    Attributes:
        name: what it is for.
        key: its key.
    """

    pem: str
    file: Path
    name: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.pem)


def new_host_identity(folder: Path, *, name: str = "host.pem") -> HostIdentity:
    """Make the self-signed P-521 certificate of AutoMTLS, with its key in a file of `folder`."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "localhost"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "HashiCorp"),
        ]
    )
    authority = x509.BasicConstraints(ca=True, path_length=None)
    return _new_identity(folder / name, subject, "localhost", key_cert_sign=True, authority=authority)


def new_shared_identity(folder: Path, *, name: str = "shared.pem", common_name: str | None = None) -> HostIdentity:
    """Make the self-signed P-521 certificate that both sides show in unwrap-token mode; it is for a name of its own."""
    common_name = str(uuid.uuid4()) if common_name is None else common_name
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
    return _new_identity(folder / name, subject, common_name, key_cert_sign=False, authority=None)


def _new_identity(
    file: Path, subject: x509.Name, name: str, *, key_cert_sign: bool, authority: x509.BasicConstraints | None
) -> HostIdentity:
    key = ec.generate_private_key(ec.SECP521R1())
    now = dt.datetime.now(dt.UTC)
    usage = {
        "digital_signature": True,
        "key_encipherment": True,
        "key_agreement": True,
        "key_cert_sign": key_cert_sign,
        "content_commitment": False,
        "data_encipherment": False,
        "crl_sign": False,
        "encipher_only": False,
        "decipher_only": False,
    }
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(seconds=30))
        .not_valid_after(now + dt.timedelta(hours=262980))
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    if authority is not None:
        builder = builder.add_extension(authority, critical=True)
    pem = builder.sign(key, hashes.SHA512()).public_bytes(serialization.Encoding.PEM)
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    file.write_bytes(pem + key_pem)
    return HostIdentity(pem.decode(), file, name, key)


def host_context(
    role: int,
    *,
    identity: HostIdentity | None,
    plugin_der: bytes,
    alpn: str | None = "h2",
    version: ssl.TLSVersion | None = None,
) -> ssl.SSLContext:
    """Return the host's TLS settings for one role, trusting only the plugin's certificate."""
    context = ssl.SSLContext(role)
    context.minimum_version = version or ssl.TLSVersion.TLSv1_2
    if version is not None:
        context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(plugin_der))
    if identity is not None:
        context.load_cert_chain(identity.file)
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    return context
