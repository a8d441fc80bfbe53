import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given
from hypothesis import strategies as st

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.pki import CertificateChain, CertificateFormat, PrivateKey, parse_chain, render

Vector = Callable[[str], str]

# scm-api.md 3.4
BLOCKS = {
    "x509": ["root", "issuing", "leaf"],
    "pem": ["root", "issuing", "leaf"],
    "x509R": ["leaf", "issuing", "root"],
    "pemia": ["leaf", "issuing", "root"],
    "x509CO": ["leaf"],
    "pemco": ["leaf"],
    "x509IO": ["root", "issuing"],
    "x509IOR": ["issuing", "root"],
}


@pytest.mark.parametrize(("name", "blocks"), BLOCKS.items())
def test_a_pem_format_has_its_blocks_in_scm_order(
    name: str, blocks: list[str], chain: CertificateChain, vector: Vector
) -> None:
    expected = "".join(vector(f"{block}.pem") for block in blocks)
    assert render(chain, CertificateFormat(name)) == expected


def test_base64_is_pkcs7_in_pem(chain: CertificateChain, vector: Vector) -> None:
    rendered = render(chain, CertificateFormat.BASE64)
    assert rendered.startswith("-----BEGIN PKCS7-----\n")
    certificates = pkcs7.load_pem_pkcs7_certificates(rendered.encode())
    found = {certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates}
    assert found == {vector("leaf.pem"), vector("issuing.pem"), vector("root.pem")}


def test_bin_is_the_same_pkcs7_as_base64_text(chain: CertificateChain, rsa_key: PrivateKey) -> None:
    rendered = render(chain, CertificateFormat.BIN)
    der = base64.b64decode(rendered, validate=True)
    assert parse_chain(der, public_key_digest=rsa_key.public_key_digest) == chain
    assert rendered in render(chain, CertificateFormat.BASE64).replace("\n", "")


@given(st.sampled_from(list(CertificateFormat)), st.data())
def test_a_format_is_taken_in_any_case(expected: CertificateFormat, data: st.DataObject) -> None:
    spelled = "".join(data.draw(st.sampled_from([letter.lower(), letter.upper()])) for letter in expected)
    assert CertificateFormat.parse(f" {spelled} ") is expected


@pytest.mark.parametrize("text", ["", "pkcs12", "x" * 1000])
def test_another_format_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InvalidInputError, match="x509, x509CO, x509IO, base64, bin, x509IOR, x509R, pem, pemco, pemia"):
        CertificateFormat.parse(text)


def test_every_format_can_be_rendered_without_issuers(vector: Vector, rsa_key: PrivateKey) -> None:
    alone = parse_chain(vector("leaf.pem").encode(), public_key_digest=rsa_key.public_key_digest)
    without_leaf = {CertificateFormat.X509_ISSUERS_ONLY, CertificateFormat.X509_ISSUERS_ONLY_REVERSED}
    for certificate_format in CertificateFormat:
        assert bool(render(alone, certificate_format)) is (certificate_format not in without_leaf)
