"""Where the system's CAs are found when OpenSSL was built for another system."""

import ssl
from pathlib import Path

import pytest

from sectigo_vault_pki.plugin.system_trust import bundle_in_place_of


def looked_for(*, cafile: str | None = None, capath: str | None = None) -> ssl.DefaultVerifyPaths:
    """Return what OpenSSL has found of what it was built to look for."""
    return ssl.DefaultVerifyPaths(cafile, capath, "SSL_CERT_FILE", "/built/cert.pem", "SSL_CERT_DIR", "/built/certs")


@pytest.fixture
def bundles(tmp_path: Path) -> list[str]:
    """Three places, of which the second and the third are there."""
    paths = [tmp_path / name for name in ("missing.pem", "second.pem", "third.pem")]
    for path in paths[1:]:
        path.touch()
    return list(map(str, paths))


def test_the_first_bundle_there_is_is_taken_where_openssl_finds_nothing(bundles: list[str]) -> None:
    assert bundle_in_place_of(looked_for(), {}, bundles) == Path(bundles[1])


def test_no_bundle_is_taken_where_there_is_none(bundles: list[str]) -> None:
    assert bundle_in_place_of(looked_for(), {}, bundles[:1]) is None


@pytest.mark.parametrize("found", [{"cafile": "/built/cert.pem"}, {"capath": "/built/certs"}])
def test_nothing_is_added_to_what_openssl_finds(bundles: list[str], found: dict[str, str]) -> None:
    assert bundle_in_place_of(looked_for(**found), {}, bundles) is None


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_nothing_is_added_where_the_operator_says_what_to_trust(bundles: list[str], variable: str) -> None:
    assert bundle_in_place_of(looked_for(), {variable: "/operators/own"}, bundles) is None
