import base64
from collections.abc import Callable

import pytest

from sectigo_vault_pki.errors import InvalidPrivateKeyError
from sectigo_vault_pki.pki import KeyFormat, PrivateKey, key_der, key_pem
from tests.support.openssl import openssl

Vector = Callable[[str], str]
FAMILIES = {
    "rsa": {KeyFormat.TRADITIONAL: "rsa.pkcs1.pem", KeyFormat.PKCS8: "rsa.pkcs8.pem"},
    "ec": {KeyFormat.TRADITIONAL: "ec.sec1.pem", KeyFormat.PKCS8: "ec.pkcs8.pem"},
}
CASES = [
    pytest.param(family[stored], family[wanted], wanted, id=f"{family[stored]} to {wanted.value}")
    for family in FAMILIES.values()
    for stored in KeyFormat
    for wanted in KeyFormat
]


@pytest.mark.parametrize(("stored", "expected", "wanted"), CASES)
def test_a_key_is_written_in_either_format_from_either(
    stored: str, expected: str, wanted: KeyFormat, vector: Vector
) -> None:
    written = key_pem(vector(stored), wanted)
    assert written == vector(expected)
    body = "".join(written.splitlines()[1:-1])
    assert key_der(vector(stored), wanted) == base64.b64decode(body, validate=True)


@pytest.mark.parametrize(("stored", "expected", "wanted"), CASES)
def test_openssl_finds_the_same_key_in_it(stored: str, expected: str, wanted: KeyFormat, vector: Vector) -> None:
    public = openssl("pkey", "-pubout", given=vector(stored).encode())
    assert openssl("pkey", "-inform", "DER", "-pubout", given=key_der(vector(stored), wanted)) == public
    assert openssl("pkey", "-pubout", given=vector(expected).encode()) == public


def test_a_text_that_is_no_key_is_refused_without_an_echo() -> None:
    for write in (key_pem, key_der):
        with pytest.raises(InvalidPrivateKeyError) as caught:
            write("s3cret", KeyFormat.PKCS8)
        assert "s3cret" not in str(caught.value)


def test_what_is_written_is_taken_again(rsa_key: PrivateKey) -> None:
    assert PrivateKey.parse(key_pem(rsa_key.pem, KeyFormat.PKCS8)).public_key_digest == rsa_key.public_key_digest
