"""The shapes of Vault's pki, as OpenBao 2.7 answered them."""

import base64
from collections.abc import Callable
from itertools import product

import pytest

from sectigo_vault_pki.paths.answers.pki_answer import issued_as
from sectigo_vault_pki.paths.fields.pki_fields import IssuedFormat, PrivateKeyFormat
from sectigo_vault_pki.pki import CertificateChain, PrivateKey, parse_chain

Vector = Callable[[str], str]
LABELS = {False: "RSA PRIVATE KEY", True: "PRIVATE KEY"}


def labels(text: str) -> list[str]:
    return [line[11:-5] for line in text.splitlines() if line.startswith("-----BEGIN ")]


def body(pem: str) -> str:
    return "".join(pem.splitlines()[1:-1])


@pytest.mark.parametrize("stored", ["rsa.pkcs1.pem", "rsa.pkcs8.pem"])
@pytest.mark.parametrize("key_format", PrivateKeyFormat)
def test_pem_has_no_newline_at_its_end(
    stored: str, key_format: PrivateKeyFormat, chain: CertificateChain, vector: Vector
) -> None:
    issued = issued_as(chain, vector(stored), IssuedFormat.PEM, key_format)
    assert issued.certificate == vector("leaf.pem").strip()
    assert issued.issuing_ca == vector("issuing.pem").strip()
    assert issued.ca_chain == (vector("issuing.pem").strip(), vector("root.pem").strip())
    name = "rsa.pkcs8.pem" if key_format is PrivateKeyFormat.PKCS8 else "rsa.pkcs1.pem"
    assert issued.private_key == vector(name).strip()


@pytest.mark.parametrize("key_format", PrivateKeyFormat)
def test_der_is_base64_of_each(key_format: PrivateKeyFormat, chain: CertificateChain, vector: Vector) -> None:
    issued = issued_as(chain, vector("rsa.pkcs1.pem"), IssuedFormat.DER, key_format)
    assert issued.certificate == body(vector("leaf.pem"))
    assert issued.issuing_ca == body(vector("issuing.pem"))
    assert issued.ca_chain == (body(vector("issuing.pem")), body(vector("root.pem")))
    name = "rsa.pkcs8.pem" if key_format is PrivateKeyFormat.PKCS8 else "rsa.pkcs1.pem"
    assert issued.private_key == body(vector(name))
    assert base64.b64decode(issued.private_key, validate=True).startswith(b"\x30\x82")


@pytest.mark.parametrize("key_format", PrivateKeyFormat)
def test_a_bundle_is_the_traditional_key_the_leaf_and_its_issuers(
    key_format: PrivateKeyFormat, chain: CertificateChain, vector: Vector
) -> None:
    issued = issued_as(chain, vector("rsa.pkcs8.pem"), IssuedFormat.PEM_BUNDLE, key_format)
    assert issued.certificate == "\n".join(
        vector(name).strip() for name in ("rsa.pkcs1.pem", "leaf.pem", "issuing.pem", "root.pem")
    )
    assert labels(issued.private_key) == [LABELS[key_format is PrivateKeyFormat.PKCS8]]
    assert issued.ca_chain == (vector("issuing.pem").strip(), vector("root.pem").strip())


@pytest.mark.parametrize(("issued_format", "key_format"), list(product(IssuedFormat, PrivateKeyFormat)))
def test_without_a_key_the_rest_is_the_same(
    issued_format: IssuedFormat, key_format: PrivateKeyFormat, chain: CertificateChain, vector: Vector
) -> None:
    without = issued_as(chain, None, issued_format, key_format)
    assert without.private_key == ""
    assert without.ca_chain == issued_as(chain, vector("rsa.pkcs1.pem"), issued_format, key_format).ca_chain
    assert "PRIVATE KEY" not in without.certificate


def test_what_nobody_chose_is_pem(chain: CertificateChain, vector: Vector) -> None:
    issued = issued_as(chain, vector("ec.pkcs8.pem"))
    assert labels(issued.certificate) == ["CERTIFICATE"]
    assert labels(issued.private_key) == ["EC PRIVATE KEY"]


def test_a_leaf_without_issuers_has_no_chain(vector: Vector, rsa_key: PrivateKey) -> None:
    alone = parse_chain(vector("leaf.pem").encode(), public_key_digest=rsa_key.public_key_digest)
    issued = issued_as(alone, None, IssuedFormat.DER)
    assert (issued.issuing_ca, issued.ca_chain) == ("", ())


def test_its_repr_shows_no_key(chain: CertificateChain, vector: Vector) -> None:
    for issued_format in IssuedFormat:
        shown = repr(issued_as(chain, vector("rsa.pkcs1.pem"), issued_format))
        assert "PRIVATE KEY" not in shown
        assert body(vector("rsa.pkcs1.pem"))[:40] not in shown
