"""The CAs that the system trusts, also where its OpenSSL is not the one that is used here."""

import os
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # the same, older
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine without its package of CAs
)


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
    """Return the system's own bundle where OpenSSL finds nothing and nobody has told it where to look, else None."""
    is_found = paths.cafile is not None or paths.capath is not None
    if is_found or {paths.openssl_cafile_env, paths.openssl_capath_env} & environ.keys():
        return None
    return next((file for file in map(Path, bundles) if file.is_file()), None)
