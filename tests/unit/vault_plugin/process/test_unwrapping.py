"""Fetching the certificate of unwrap-token mode from the host's API."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec

from sectigo_vault_pki.vault_plugin.process import unwrapping
from sectigo_vault_pki.vault_plugin.process.handshake import CredentialsError
from sectigo_vault_pki.vault_plugin.process.tls import Credentials
from sectigo_vault_pki.vault_plugin.testing.host_identity import HostIdentity, new_shared_identity
from sectigo_vault_pki.vault_plugin.testing.host_services import HostApi, unwrapped, wrapping_token

CLAIMS = (b"[]", b"{}", b"null", b"[" * 10_000)


@pytest.fixture
def identity(tmp_path: Path) -> HostIdentity:
    return new_shared_identity(tmp_path)


@pytest.fixture
async def api(identity: HostIdentity) -> AsyncIterator[HostApi]:
    async with HostApi(identity) as api:
        yield api


async def fetch(token: str, *arguments: str) -> Credentials:
    return await unwrapping.fetched_credentials(token, arguments, {})


async def refusal(token: str, *arguments: str) -> str:
    with pytest.raises(CredentialsError) as caught:
        await fetch(token, *arguments)
    assert not token or token not in str(caught.value)
    return str(caught.value)


async def test_token_is_exchanged_for_the_certificate_of_both_sides(api: HostApi, identity: HostIdentity) -> None:
    credentials = await fetch(api.token)
    assert credentials.identity.der == identity.der
    assert credentials.identity.key.private_numbers() == identity.key.private_numbers()
    assert (credentials.trusted_pem, credentials.server_name) == (identity.pem, identity.name)
    (call,) = api.calls
    assert (call.method, call.path) == ("PUT", "/v1/sys/wrapping/unwrap")
    assert call.headers["x-vault-token"] == api.token
    assert "x-vault-namespace" not in call.headers


async def test_secrets_of_the_exchange_show_in_no_repr(api: HostApi) -> None:
    shown = repr(await fetch(api.token))
    assert "BEGIN" not in shown
    assert "PrivateKey" not in shown


async def test_token_that_was_spent_is_refused_by_the_host(api: HostApi) -> None:
    await fetch(api.token)
    assert "HTTP 400" in await refusal(api.token)


@pytest.mark.parametrize("claims", ["a", "bcd", *(base64.b64encode(claims).decode().strip("=") for claims in CLAIMS)])
async def test_token_without_an_address_is_refused(claims: str) -> None:
    assert "names no address of the host's API" in await refusal(f"e30.{claims}.e30")


@pytest.mark.parametrize("change", ["", "s.OldKindOfToken", "{}\n", "{}\r\nX-Other: y", "{}é", "{}.e30", "Bearer {}"])
async def test_token_that_is_none_is_refused_and_not_quoted(api: HostApi, change: str) -> None:
    assert "is none of a host's" in await refusal(change.format(api.token))
    assert api.calls == []


@pytest.mark.parametrize("address", ["", None, 5, "vault:8200", "ftp://vault", "unix:///run/vault", "http://"])
async def test_address_that_is_none_is_refused(address: object) -> None:
    assert "address of the host's API" in await refusal(wrapping_token(address))


async def test_address_may_have_a_path(api: HostApi) -> None:
    await refusal(wrapping_token(f"{api.address}/behind/proxy/"))
    assert api.calls[0].path == "/behind/proxy/v1/sys/wrapping/unwrap"


async def test_host_that_cannot_be_reached_is_named(unused_tcp_port: int) -> None:
    assert f"http://127.0.0.1:{unused_tcp_port}" in await refusal(wrapping_token(f"http://127.0.0.1:{unused_tcp_port}"))


async def test_host_that_never_answers_is_not_waited_for_for_ever(
    api: HostApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unwrapping, "_SECONDS", 0.2)
    api.mute = True
    assert "gave no answer" in await refusal(api.token)


async def test_host_that_dies_within_its_answer_gave_none(identity: HostIdentity) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "gave no answer" in await refusal(wrapping_token(f"http://127.0.0.1:{port}"))


def changed(identity: HostIdentity, **values: object) -> bytes:
    body = json.loads(unwrapped(identity))
    return json.dumps({"data": {**body["data"], **values}}).encode()


async def test_answer_that_is_no_certificate_with_its_key_is_refused(identity: HostIdentity, tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP521R1())
    for answer, what in [
        (b"", "no certificate"),
        (b"null", "no certificate"),
        (b"[" * 10_000, "no certificate"),
        (b'{"data": null}', "no certificate"),
        (changed(identity, ServerCert=None), "no certificate"),
        (changed(identity, ServerCert="%%%"), "no certificate"),
        (changed(identity, ServerKey=base64.b64encode(b"junk").decode()), "no certificate"),
        (unwrapped(identity, key=other), "the key of another"),
        (b" " * 70_000, "more than a certificate"),
    ]:
        async with HostApi(identity, answer=answer) as api:
            assert what in await refusal(api.token)


async def test_certificate_without_a_name_is_refused(tmp_path: Path) -> None:
    async with HostApi(new_shared_identity(tmp_path, common_name="")) as api:
        assert "no common name" in await refusal(api.token)


async def test_redirect_to_nowhere_is_refused(identity: HostIdentity) -> None:
    async with HostApi(identity, redirect_to="http://[nowhere]:x") as api:
        assert "gave no answer: Invalid URL" in await refusal(api.token)


async def test_one_redirect_is_followed_with_the_token(api: HostApi, identity: HostIdentity) -> None:
    async with HostApi(identity, redirect_to=api.address) as standby:
        api.token = standby.token
        assert (await fetch(standby.token)).identity.der == identity.der
    async with HostApi(identity, redirect_to=api.address) as standby:
        api.redirect_to = api.address
        assert "HTTP 307" in await refusal(standby.token)


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, str]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    return ca, str(tmp_path / "ca.pem")


def server_tls(ca: trustme.CA, *names: str) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(tls)
    return tls


async def test_api_with_tls_is_trusted_by_the_given_ca_only(
    identity: HostIdentity, authority: tuple[trustme.CA, str]
) -> None:
    ca, file = authority
    async with HostApi(identity, tls=server_tls(ca, "127.0.0.1")) as api:
        assert "CERTIFICATE_VERIFY_FAILED" in await refusal(api.token)
        assert api.calls == []
        assert (await fetch(api.token, "-ca-cert", file)).identity.der == identity.der


@pytest.mark.parametrize("arguments", [["-tls-server-name=vault.example.test"], ["-tls-skip-verify"]])
async def test_api_of_another_name_is_known_by_that_name_or_not_looked_at(
    identity: HostIdentity, authority: tuple[trustme.CA, str], arguments: Sequence[str]
) -> None:
    ca, file = authority
    async with HostApi(identity, tls=server_tls(ca, "vault.example.test")) as api:
        assert "CERTIFICATE_VERIFY_FAILED" in await refusal(api.token, "-ca-cert", file)
        assert (await fetch(api.token, "-ca-cert", file, *arguments)).identity.der == identity.der
        assert api.calls[0].server_name == ("vault.example.test" if "name" in arguments[0] else "")


async def test_client_certificate_is_shown_where_one_is_given(
    identity: HostIdentity, authority: tuple[trustme.CA, str], tmp_path: Path
) -> None:
    ca, file = authority
    leaf = ca.issue_cert("client.example.test")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "c.pem")
    leaf.private_key_pem.write_to_path(tmp_path / "k.pem")
    tls = server_tls(ca, "127.0.0.1")
    tls.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(tls)
    async with HostApi(identity, tls=tls) as api:
        assert "gave no answer" in await refusal(api.token, "-ca-cert", file)
        shown = ("-client-cert", str(tmp_path / "c.pem"), "-client-key", str(tmp_path / "k.pem"))
        assert (await fetch(api.token, "-ca-cert", file, *shown)).identity.der == identity.der


async def test_token_goes_to_no_address_without_tls_from_one_with_it(
    api: HostApi, identity: HostIdentity, authority: tuple[trustme.CA, str]
) -> None:
    ca, file = authority
    async with HostApi(identity, tls=server_tls(ca, "127.0.0.1"), redirect_to=api.address) as secure:
        assert "without TLS" in await refusal(secure.token, "-ca-cert", file)
    assert api.calls == []


async def test_no_proxy_of_the_environment_sees_the_token(
    api: HostApi, identity: HostIdentity, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await fetch(api.token)).identity.der == identity.der
