"""TLS settings for the host's HTTP API in unwrap-token mode, as the operator registered them.

The arguments are those that plugins of Go's SDK take (plugin-protocol.md 1.6). Where one is missing, the variable that
the host's own command line knows counts (`BAO_CACERT`, `VAULT_CACERT`, …). Only an argument can turn verification off.
"""

import os
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sectigo_vault_pki.vault_plugin.process.handshake import CredentialsError, host_variable

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
