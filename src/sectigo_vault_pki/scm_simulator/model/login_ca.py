"""Client certificates for the certificate login (scm-api.md 1.1): not the CA that signs the orders."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sectigo_vault_pki.scm_simulator.model.ca import key_usage

_CA_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sectigo SCM Simulator Login CA")])
_LIFE = timedelta(days=90)
_CLOCK_SKEW = timedelta(days=1)


@dataclass(frozen=True)
class LoginCertificate:
    """A client certificate and its key."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)

    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def private_key_pem(self) -> str:
        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()


class LoginCa:
    """Signs client certificates; a certificate of it logs nobody in before it is trusted.

    Args:
        now: The start of this simulator, in UTC.
    """

    def __init__(self, *, now: datetime) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._start = now.replace(microsecond=0)
        public_key = self._key.public_key()
        self.root = (
            self._builder(_CA_NAME, public_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(key_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def issue(self, login: str) -> LoginCertificate:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, login[:64])])
        certificate = (
            self._builder(subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return LoginCertificate(certificate, key)

    def _builder(self, subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(_CA_NAME)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._start - _CLOCK_SKEW)
            .not_valid_after(self._start + _LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
            .add_extension(issuer_key, critical=False)
        )
