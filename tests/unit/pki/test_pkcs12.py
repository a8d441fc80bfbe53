from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from sectigo_vault_pki.errors import InvalidPrivateKeyError
from sectigo_vault_pki.pki import (
    CertificateChain,
    Pkcs12Encryption,
    Pkcs12Protection,
    PrivateKey,
    parse_chain,
    pkcs12_file,
)
from tests.support.openssl import openssl

Vector = Callable[[str], str]
PASSWORD = "correct horse: 'battery' $taple"
PROTECTION = Pkcs12Protection(PASSWORD)
SAID = {
    Pkcs12Encryption.MODERN: (
        "MAC: sha256, Iteration 2048",
        "PKCS7 Encrypted data: PBES2, PBKDF2, AES-256-CBC, Iteration 20000, PRF hmacWithSHA256",
        "Shrouded Keybag: PBES2, PBKDF2, AES-256-CBC, Iteration 20000, PRF hmacWithSHA256",
    ),
    Pkcs12Encryption.LEGACY: (
        "MAC: sha1, Iteration 2048",
        "PKCS7 Encrypted data: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048",
        "Shrouded Keybag: pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048",
    ),
}


def opened(data: bytes, *options: str, password: str = PASSWORD, fails: bool = False) -> str:
    return openssl("pkcs12", "-passin", f"pass:{password}", *options, given=data, fails=fails)


@pytest.mark.parametrize("encryption", Pkcs12Encryption)
def test_openssl_opens_the_file_and_finds_leaf_key_and_issuers(
    encryption: Pkcs12Encryption, chain: CertificateChain, rsa_key: PrivateKey, vector: Vector
) -> None:
    made = pkcs12_file(chain, rsa_key.pem, Pkcs12Protection(PASSWORD, encryption))
    said = opened(made, "-info", "-noout")
    assert all(line in said for line in SAID[encryption])
    assert said.count("Certificate bag\n") == 3
    assert vector("leaf.pem") in opened(made, "-clcerts", "-nokeys")
    issuers = opened(made, "-cacerts", "-nokeys")
    assert vector("issuing.pem") in issuers
    assert vector("root.pem") in issuers
    assert vector("rsa.pkcs8.pem") in opened(made, "-nocerts", "-nodes")


def test_another_password_does_not_open_it(chain: CertificateChain, rsa_key: PrivateKey) -> None:
    made = pkcs12_file(chain, rsa_key.pem, PROTECTION)
    assert "invalid password" in opened(made, "-noout", password=PASSWORD.upper(), fails=True)


@pytest.mark.parametrize("stored", ["ec.sec1.pem", "ec.pkcs8.pem"])
def test_an_ec_key_is_written_whatever_it_is_stored_as(stored: str, vector: Vector) -> None:
    key = PrivateKey.parse(vector(stored))
    chain = parse_chain(vector("leaf_ec.pem").encode(), public_key_digest=key.public_key_digest)
    made = pkcs12_file(chain, key.pem, PROTECTION)
    assert vector("ec.pkcs8.pem") in opened(made, "-nocerts", "-nodes")
    assert openssl("x509", "-noout", "-subject", given=opened(made, "-cacerts", "-nokeys").encode(), fails=True)


@pytest.mark.parametrize(
    ("common_name", "shown"),
    [("web.example.test", "web.example.test"), ("Zoë 😀", "Zoë ?"), ("", "{serial}")],
)
def test_the_entry_is_named_by_the_common_name_or_else_the_serial_number(
    common_name: str, shown: str, chain: CertificateChain, rsa_key: PrivateKey
) -> None:
    made = pkcs12_file(replace(chain, common_name=common_name), rsa_key.pem, PROTECTION)
    entry = pkcs12.load_pkcs12(made, PASSWORD.encode()).cert
    assert entry is not None
    assert entry.friendly_name == shown.replace("{serial}", chain.serial_number).encode()


@pytest.mark.parametrize("password", ["x" * 8, "~" * 128, "  spaces  ", "0" * 20])
def test_every_password_that_is_taken_opens_the_file(
    password: str, chain: CertificateChain, rsa_key: PrivateKey, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text(f"{password}\n")
    for encryption in Pkcs12Encryption:
        made = pkcs12_file(chain, rsa_key.pem, Pkcs12Protection(password, encryption))
        openssl("pkcs12", "-noout", "-passin", f"file:{tmp_path / 'password'}", given=made)


def test_two_files_of_one_certificate_differ_by_their_salts(chain: CertificateChain, rsa_key: PrivateKey) -> None:
    one, other = (pkcs12_file(chain, rsa_key.pem, PROTECTION) for _ in range(2))
    assert one != other


def test_neither_key_nor_password_stands_in_it_or_in_what_is_said(chain: CertificateChain, rsa_key: PrivateKey) -> None:
    der = x509.load_pem_x509_certificate(chain.leaf_pem.encode()).public_bytes(Encoding.DER)
    made = pkcs12_file(chain, rsa_key.pem, PROTECTION)
    assert PASSWORD.encode() not in made
    assert der not in made
    assert PASSWORD not in repr(PROTECTION)
    with pytest.raises(InvalidPrivateKeyError) as caught:
        pkcs12_file(chain, "s3cret", PROTECTION)
    assert "s3cret" not in str(caught.value)
