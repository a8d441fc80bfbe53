"""What is sent to the server, and what becomes of its answers."""

import ssl
import traceback
from pathlib import Path

import httpx
import pytest
import trustme

from sectigo_vault_pki.console.connection import Connection
from sectigo_vault_pki.console.failures import RefusedError, SettingsError, UnreachableError, UntrustedError
from sectigo_vault_pki.console.server import Server, required_token
from tests.support.console import TOKEN, answering, scripted


def test_a_request_carries_the_token_the_namespace_and_the_header_of_vaults_clients() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"data": {"keys": ["a b"]}})

    answer = answering(handler, namespace="team").listing("pki/certs/a b", limit=5)
    assert answer.keys == ["a b"]
    assert answer.request == "LIST pki/certs/a b"
    (request,) = seen
    assert str(request.url) == "http://vault.example.test/v1/pki/certs/a%20b?list=true&limit=5"
    assert request.headers["x-vault-token"] == TOKEN
    assert request.headers["x-vault-namespace"] == "team"
    assert request.headers["x-vault-request"] == "true"


def test_a_read_is_repeated_for_what_passes_and_a_write_is_not() -> None:
    asked: list[str] = []
    server = scripted({"sys/mounts": 503}, asked)
    assert server.read("sys/mounts").status == 503
    assert len(asked) == 3
    server.write("sys/mounts", {})
    assert len(asked) == 4


def test_a_refusal_names_the_request_and_the_servers_text() -> None:
    with pytest.raises(RefusedError, match=r"GET sys/mounts: HTTP 403: scripted 403"):
        scripted({"sys/mounts": 403}).read("sys/mounts").expect(200)


def test_one_redirect_is_followed_as_bao_does() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "vault.example.test":
            return httpx.Response(307, headers={"location": "http://active.example.test/v1/sys/health"})
        assert request.headers["x-vault-token"] == TOKEN
        assert request.headers["host"] == "active.example.test"
        return httpx.Response(200, json={"version": "1"})

    assert answering(handler).read("sys/health").data == {"version": "1"}


def test_a_redirect_that_gives_up_tls_is_not_followed() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(307, headers={"location": "http://evil.example.test/"})

    with pytest.raises(UnreachableError, match="without TLS"):
        answering(handler, address="https://vault.example.test").read("sys/health")


@pytest.mark.parametrize(
    ("cause", "kind", "word"),
    [
        (httpx.ConnectError("Connection refused"), UnreachableError, "Connection refused"),
        (httpx.ReadTimeout("timed out"), UnreachableError, "no answer within 60 s"),
    ],
)
def test_no_answer_is_said_with_the_reason(cause: httpx.HTTPError, kind: type[Exception], word: str) -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise cause

    with pytest.raises(kind, match=word) as caught:
        answering(handler).read("sys/health")
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_a_certificate_that_is_not_trusted_is_told_from_no_answer() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        inner = ssl.SSLCertVerificationError(1, "self-signed")
        inner.verify_message = "self-signed certificate"
        raise httpx.ConnectError("[SSL]") from inner

    with pytest.raises(UntrustedError, match="self-signed certificate"):
        answering(handler).read("sys/health")


def test_an_answer_that_is_no_json_has_no_data() -> None:
    answer = answering(lambda _: httpx.Response(200, text="<html>proxy</html>")).read("sys/health")
    assert (answer.data, answer.errors) == ({}, [])


def test_certificates_to_trust_are_taken_from_a_file_or_a_folder(tmp_path: Path) -> None:
    file = tmp_path / "ca.txt"
    trustme.CA().cert_pem.write_to_path(file)
    for connection in (Connection(ca_cert=file), Connection(ca_path=tmp_path)):
        with Server(connection):
            pass
    file.write_text("nothing")
    with pytest.raises(SettingsError, match="certificates"):
        Server(Connection(ca_cert=file))
    with pytest.raises(SettingsError, match="CAPATH"):
        Server(Connection(ca_path=tmp_path))


def test_without_a_token_it_says_how_to_log_in() -> None:
    with pytest.raises(SettingsError, match="bao login"):
        required_token(Connection())


@pytest.mark.parametrize("location", ["http://[::1", "http://xn--/", "http://host\x01/"])
def test_a_redirect_to_no_address_is_no_answer(location: str) -> None:
    server = answering(lambda _: httpx.Response(307, headers={"location": location}))
    with pytest.raises(UnreachableError, match=r"no address|Invalid URL"):
        server.read("sys/health")


@pytest.mark.parametrize("proxy", ["nonsense://ann:hunter2@proxy", "http://ann:hunter2@[::1"])
def test_a_proxy_that_cannot_be_used_is_named_without_its_password(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(SettingsError, match="HTTPS_PROXY") as caught:
        Server(Connection())
    assert "hunter2" not in str(caught.value)


def test_a_path_of_bytes_that_are_no_text_is_asked_for_as_it_is() -> None:
    seen: list[bytes] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path)
        return httpx.Response(404)

    answering(handler).read("p\udcff/status")
    assert seen == [b"/v1/p%FF/status"]
