"""A throwaway CA for the simulator's own https: not the CA that signs the orders."""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sectigo_vault_pki.scm_simulator.model.orders import general_name
from sectigo_vault_pki.scm_simulator.serve.uvicorn_server import ServerCertificate

_LIFE = timedelta(days=90)
_CLOCK_SKEW = timedelta(days=1)
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def write_server_certificate(folder: Path, host: str) -> tuple[ServerCertificate, Path]:
    """Make a CA and a server certificate for the host and for loopback; return its files and the CA's file.

    The CA's key is forgotten at once.
    """
    now = datetime.now(UTC)
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Sectigo SCM Simulator TLS CA")
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key(), ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_CA_USAGE, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = [general_name(name) for name in dict.fromkeys((*_LOOPBACK_NAMES, *_specific(host)))]
    server = (
        _builder(_name("Sectigo SCM Simulator"), ca_name, server_key.public_key(), ca_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    files = ServerCertificate(certificate=folder / "server.pem", private_key=folder / "server-key.pem")
    ca_file = folder / "server-ca.pem"
    write_private(ca_file, ca.public_bytes(serialization.Encoding.PEM))
    write_private(files.certificate, server.public_bytes(serialization.Encoding.PEM))
    write_private(
        files.private_key,
        server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    return files, ca_file


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only we may read; it is there whole or not at all.

    Raises:
        OSError: The folder is missing or not ours to write to.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _specific(host: str) -> tuple[str, ...]:
    try:
        return () if ipaddress.ip_address(host).is_unspecified else (host,)
    except ValueError:
        return (host,)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    now: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


_CA_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
