"""Where the system's CAs are found when OpenSSL was built for another system."""

import ssl
from pathlib import Path

import pytest

from sectigo_vault_pki.vault_plugin.process.tls import bundle_in_place_of

NOTHING = ssl.DefaultVerifyPaths(
    cafile=None,  # type: ignore[arg-type]  # which it is where there is no such file
    capath=None,  # type: ignore[arg-type]
    openssl_cafile_env="SSL_CERT_FILE",
    openssl_cafile="/built/cert.pem",
    openssl_capath_env="SSL_CERT_DIR",
    openssl_capath="/built/certs",
)
"""What `ssl` says where OpenSSL finds nothing at the places that it was built with."""


@pytest.fixture
def bundles(tmp_path: Path) -> list[str]:
    """Three places, of which the second and the third are there."""
    paths = [tmp_path / name for name in ("missing.pem", "second.pem", "third.pem")]
    for path in paths[1:]:
        path.touch()
    return list(map(str, paths))


def test_the_first_bundle_there_is_is_taken_where_openssl_finds_nothing(bundles: list[str]) -> None:
    assert bundle_in_place_of(NOTHING, {}, bundles) == Path(bundles[1])


def test_no_bundle_is_taken_where_there_is_none(bundles: list[str]) -> None:
    assert bundle_in_place_of(NOTHING, {}, bundles[:1]) is None


@pytest.mark.parametrize("found", [{"cafile": "/built/cert.pem"}, {"capath": "/built/certs"}])
def test_nothing_is_added_to_what_openssl_finds(bundles: list[str], found: dict[str, str]) -> None:
    assert bundle_in_place_of(NOTHING._replace(**found), {}, bundles) is None


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_nothing_is_added_where_the_operator_says_what_to_trust(bundles: list[str], variable: str) -> None:
    assert bundle_in_place_of(NOTHING, {variable: "/operators/own"}, bundles) is None
