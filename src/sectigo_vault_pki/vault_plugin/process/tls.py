"""TLS with the host, and with the host's HTTP API.

Mutual TLS with the host: its certificate is our only trust anchor, and ours is the host's (plugin-protocol.md 3).

The host's API is asked for a certificate in unwrap-token mode. Its settings are the arguments that plugins of Go's SDK
take, as the operator registered them (plugin-protocol.md 1.6). If one is missing, the variable that the host's own
command line knows counts (`BAO_CACERT`, `VAULT_CACERT`, …). Only an argument can turn verification off.
"""

import datetime as dt
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sectigo_vault_pki.vault_plugin.process.handshake import CredentialsError, host_variable

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


_VARIABLES = {
    "ca-cert": "CACERT",
    "ca-path": "CAPATH",
    "client-cert": "CLIENT_CERT",
    "client-key": "CLIENT_KEY",
    "tls-server-name": "TLS_SERVER_NAME",
}
_GROUPS = (("ca-cert", "ca-path"), ("client-cert", "client-key"), ("tls-server-name",))
"""Where one of a group is given as an argument, no variable counts for the others."""

_SKIP_VERIFY = "tls-skip-verify"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""What Go's `strconv.ParseBool` takes."""

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # the same, older
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine without its package of CAs
)


@dataclass(frozen=True, slots=True)
class HostApiTls:
    """The settings for one call.

    Attributes:
        ca_cert: a PEM file of what to trust in place of the system's CAs, or empty.
        ca_path: a folder of such files, where there is no `ca_cert`, or empty.
        client_cert: a PEM file with the certificate to show, or empty.
        client_key: a PEM file with its key, or empty.
        server_name: the name that the host's certificate has to be for, in place of its address, or empty.
        skip_verify: whether to accept any certificate of the host.
    """

    ca_cert: str = ""
    ca_path: str = ""
    client_cert: str = ""
    client_key: str = field(default="", repr=False)
    server_name: str = ""
    skip_verify: bool = False

    def context(self) -> ssl.SSLContext:
        """Return the TLS settings.

        Raises:
            CredentialsError: a file cannot be used, or one of certificate and key is missing.
        """
        if self.ca_cert or self.ca_path:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            for file in [Path(self.ca_cert)] if self.ca_cert else _files_below(Path(self.ca_path)):
                _load(context.load_verify_locations, file, what="CA certificates")
        else:
            context = system_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if bool(self.client_cert) is not bool(self.client_key):
            raise CredentialsError("-client-cert and -client-key are only of use together")
        if self.client_cert:
            _load(lambda file: context.load_cert_chain(file, self.client_key, password=""), Path(self.client_cert))
        return context


def read_host_api_tls(arguments: Sequence[str], environ: Mapping[str, str]) -> HostApiTls:
    """Read the settings; arguments that mean nothing here are passed over.

    Raises:
        CredentialsError: an argument has no value, or none that it can have.
    """
    given: dict[str, str] = dict(_flags(arguments))
    skip = given.pop(_SKIP_VERIFY, "false")
    if skip not in _TRUE | _FALSE:
        raise CredentialsError(f"-{_SKIP_VERIFY} is either true or false")
    values = dict.fromkeys(_VARIABLES, "") | given
    for group in _GROUPS:
        if not given.keys() & set(group):
            values |= {name: host_variable(environ, _VARIABLES[name]) for name in group}
    return HostApiTls(
        ca_cert=values["ca-cert"],
        ca_path=values["ca-path"],
        client_cert=values["client-cert"],
        client_key=values["client-key"],
        server_name=values["tls-server-name"],
        skip_verify=skip in _TRUE,
    )


def _flags(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the flags among the arguments in Go's spelling: one dash or two, `-x=y` or `-x y`, a switch alone."""
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.removeprefix("-").removeprefix("-").partition("=")
        if not argument.startswith("-"):
            continue
        if name == _SKIP_VERIFY:
            yield name, value if equals else "true"
        elif name in _VARIABLES:
            following = value if equals else next(rest, None)
            if following is None:
                raise CredentialsError(f"-{name} has no value")
            yield name, following


def _files_below(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise CredentialsError(f"there are no CA certificates below {folder}")
    return files


def _load(load: Callable[[Path], object], file: Path, *, what: str = "a certificate with its key") -> None:
    try:
        load(file)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "it is not PEM"
        raise CredentialsError(f"{what} cannot be read from {file}: {reason}") from None


def system_context() -> ssl.SSLContext:
    """Return settings for a client that trusts what the system trusts.

    OpenSSL looks where it was built to look. The single-file program brings an OpenSSL from another machine.
    """
    context = ssl.create_default_context()
    bundle = bundle_in_place_of(ssl.get_default_verify_paths(), os.environ)
    if bundle is not None:
        context.load_verify_locations(bundle)
    return context


def bundle_in_place_of(
    paths: ssl.DefaultVerifyPaths, environ: Mapping[str, str], bundles: Sequence[str] = BUNDLES
) -> Path | None:
    """Return the system's bundle if OpenSSL finds none and no variable names one, else None."""
    is_found = paths.cafile is not None or paths.capath is not None
    if is_found or {paths.openssl_cafile_env, paths.openssl_capath_env} & environ.keys():
        return None
    return next((file for file in map(Path, bundles) if file.is_file()), None)
