from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sectigo_vault_pki.errors import InvalidInputError
from sectigo_vault_pki.scm import PasswordLogin, parse_base_url, parse_ca_bundle
from sectigo_vault_pki.scm.account import is_plain_http
from tests.unit.scm.script import BASE_URL, PASSWORD, account_at

ENDS = ["", "/", "/api", "/api/", "/api/ssl/v1", "/api/ssl/v1/", "//api//ssl/v1", "/api/smime/v1/"]


@pytest.mark.parametrize("end", ENDS)
def test_every_end_of_an_address_leads_to_its_root(end: str) -> None:
    assert parse_base_url(f" https://cert-manager.com{end} ") == "https://cert-manager.com"
    assert parse_base_url(f"https://cert-manager.com/private{end}") == "https://cert-manager.com/private"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTPS://Hard.Cert-Manager.COM:443", "https://hard.cert-manager.com"),
        ("https://scm.example.test:8443/api", "https://scm.example.test:8443"),
        ("https://scm.example.test.", "https://scm.example.test"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080/api", "http://[::1]:8080"),
    ],
)
def test_an_address_gets_its_one_form(text: str, expected: str) -> None:
    assert parse_base_url(text) == expected
    assert parse_base_url(expected) == expected
    assert is_plain_http(expected) is text.startswith("http://")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("https://", "no valid host name"),
        ("cert-manager.com", "no valid host name"),
        ("http://cert-manager.com", "has to begin with https://"),
        ("http://127.0.0.1.example.test", "has to begin with https://"),
        ("http://localhost.example.test", "has to begin with https://"),
        ("ftp://localhost", "has to begin with https://"),
        ("https://user@cert-manager.com", "a user name or a password"),
        ("https://:s3cret@cert-manager.com", "a user name or a password"),
        ("https://cert-manager.com?a=b", "a query or a fragment"),
        ("https://cert-manager.com?", "a query or a fragment"),
        ("https://cert-manager.com/#", "a query or a fragment"),
        ("https://cert-manager.com/api/v2", "the URL's path"),
        ("https://cert-manager.com/api/ssl", "the URL's path"),
        ("https://cert-manager.com/ssl/v1", "the URL's path"),
        ("https://cert-manager.com/api/../x", "the URL's path"),
        ("https://cert-manager.com/private/private", "the URL's path"),
        ("https://cert-manager.com:port", "malformed host or port"),
        ("https://cert-manager.com:99999", "malformed host or port"),
        ("https://[::1", "malformed host or port"),
        ("https://[fe80::1%25eth0]", "no valid host name"),
        ("https://münchen.example", "characters that no URL has"),
        ("https://a b.example", "characters that no URL has"),
        ("https://a\nb.example", "characters that no URL has"),
        ("https://a.example\\@b.example", "characters that no URL has"),
        ("https://-a.example", "no valid host name"),
        ("https://a..example", "no valid host name"),
        ("https://" + "a" * 1100, "longer than 1024 characters"),
    ],
)
def test_another_address_is_refused_without_an_echo(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message) as caught:
        parse_base_url(text)
    assert "s3cret" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parse_base_url(f"https://user:{text}@a.example")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"user": ""}, "user is empty"),
        ({"user": "a\r\nX: b"}, "user contains control characters"),
        ({"password": SecretStr("")}, "password is empty"),
        ({"password": SecretStr("s3cret\n")}, "password contains control characters"),
        ({"password": SecretStr(" s3cret")}, "password begins or ends with a blank"),
        ({"customer_uri": "acme\x00"}, "customer URI contains control characters"),
    ],
)
def test_what_fits_no_header_is_refused(changes: dict[str, Any], message: str) -> None:
    values: dict[str, Any] = {"user": "api-user", "password": SecretStr(PASSWORD), "customer_uri": "acme", **changes}
    with pytest.raises(InvalidInputError) as caught:
        account_at(
            BASE_URL, login=PasswordLogin(values["user"], values["password"]), customer_uri=values["customer_uri"]
        )
    assert str(caught.value) == message


def test_an_account_does_not_show_its_password() -> None:
    assert PASSWORD not in repr(account_at(BASE_URL))


def test_a_bundle_of_certificates_is_taken_as_it_is() -> None:
    pem = trustme.CA().cert_pem.bytes().decode()
    assert parse_ca_bundle(pem) == pem


@pytest.mark.parametrize(
    "pem", ["", "nonsense", "ä", "-----BEGIN CERTIFICATE-----\nMAAA\n-----END CERTIFICATE-----\n", "x" * 300_000]
)
def test_a_bundle_that_tls_cannot_trust_is_refused(pem: str) -> None:
    with pytest.raises(InvalidInputError, match="CA bundle"):
        parse_ca_bundle(pem)
