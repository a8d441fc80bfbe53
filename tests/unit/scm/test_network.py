"""The client on real sockets: what a mock transport cannot show."""

import asyncio
import logging
import ssl

import pytest
import trustme

from sectigo_vault_pki.errors import InvalidInputError, ScmAnswerLostError, ScmError, ScmUnavailableError
from sectigo_vault_pki.scm import SMIME, SSL, Collected, Order, ScmClient
from sectigo_vault_pki.scm.exchange import MAX_CALLS
from tests.unit.scm.loopback import (
    ACCEPTED,
    Talk,
    answer_every_request,
    answer_with,
    client_of,
    read_request,
    server,
)
from tests.unit.scm.script import PASSWORD, account_at, client_order


async def test_connections_are_used_again() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answer_every_request(reader, writer)

    async with server(talk) as url, client_of(account_at(url)) as client:
        for _ in range(5):
            assert await SSL.collect(client, 55) == Collected(ACCEPTED)
    assert connections == 1


async def test_many_calls_at_once_share_a_bounded_number_of_connections() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answer_every_request(reader, writer)

    async with server(talk) as url, client_of(account_at(url)) as client:
        results = await asyncio.gather(*(SSL.collect(client, number) for number in range(1, 151)))
    assert results == [Collected(ACCEPTED)] * 150
    assert connections <= MAX_CALLS


async def test_an_order_to_a_closed_port_took_nothing(order: Order) -> None:
    async with server(answer_every_request) as url:
        pass
    async with client_of(account_at(url)) as client:
        with pytest.raises(ScmUnavailableError) as caught:
            await SSL.enroll(client, order)
    assert str(caught.value) == f"SCM is not available for enroll: connection refused ({url})"


async def cut_at_once(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def cut_within_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(answer_with(ACCEPTED)[:-3])


async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(b"220 mail.example.test ESMTP\r\n")


@pytest.mark.parametrize("talk", [cut_at_once, cut_within_the_answer, talk_nonsense])
async def test_an_order_whose_connection_fails_after_sending_is_lost(talk: Talk, order: Order) -> None:
    async with server(talk) as url, client_of(account_at(url)) as client:
        with pytest.raises(ScmAnswerLostError):
            await SSL.enroll(client, order)


async def test_an_answer_that_drips_in_is_given_up() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with server(drip) as url, client_of(account_at(url, request_timeout=0.3)) as client:
        with pytest.raises(ScmUnavailableError, match="the whole answer did not come within the time limit"):
            await SSL.collect(client, 55)


async def test_a_silent_server_is_given_up() -> None:
    async def be_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with server(be_silent) as url, client_of(account_at(url, request_timeout=0.5)) as client:
        with pytest.raises(ScmUnavailableError, match="no answer came within the time limit"):
            await SSL.collect(client, 55)


async def test_a_flood_is_not_read_to_its_end() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    async with server(flood) as url, client_of(account_at(url)) as client:
        with pytest.raises(ScmUnavailableError, match="longer than 1048576 bytes"):
            await SSL.collect(client, 55)


async def test_a_cancelled_call_ends_at_once_and_frees_its_slot(order: Order) -> None:
    received = asyncio.Event()

    async def hold_orders(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await read_request(reader):
            if head.startswith(b"POST"):
                received.set()
                await asyncio.Event().wait()
            writer.write(answer_with(ACCEPTED))

    async with server(hold_orders) as url, client_of(account_at(url)) as client:
        for _ in range(MAX_CALLS + 1):
            received.clear()
            task = asyncio.create_task(SSL.enroll(client, order))
            await received.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert await SSL.collect(client, 55) == Collected(ACCEPTED)


async def test_closing_ends_an_order_under_way_as_a_lost_one(order: Order) -> None:
    received = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        received.set()
        await asyncio.Event().wait()

    async with server(hold) as url:
        client = ScmClient(account_at(url))
        task = asyncio.create_task(SSL.enroll(client, order))
        await received.wait()
        await client.aclose()
        with pytest.raises(ScmAnswerLostError):
            await task


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls_server(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_exactly_the_given_bundle_is_trusted(authority: trustme.CA) -> None:
    bundle = authority.cert_pem.bytes().decode()
    async with (
        server(answer_every_request, tls=tls_server(authority, "localhost")) as url,
        client_of(account_at(url, ca_bundle_pem=bundle)) as client,
    ):
        assert await SSL.collect(client, 55) == Collected(ACCEPTED)


@pytest.mark.parametrize(
    ("name", "own_bundle", "reason"),
    [
        ("localhost", None, "unable to get local issuer certificate"),
        ("localhost", "other", "unable to get local issuer certificate"),
        ("elsewhere.test", "same", "Hostname mismatch"),
    ],
)
async def test_a_server_that_is_not_trusted_gets_no_order(
    name: str, own_bundle: str | None, reason: str, authority: trustme.CA, order: Order
) -> None:
    heard = False

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard = True
        await answer_every_request(reader, writer)

    bundles = {None: None, "other": trustme.CA().cert_pem, "same": authority.cert_pem}
    bundle = bundles[own_bundle]
    pem = None if bundle is None else bundle.bytes().decode()
    async with (
        server(listen, tls=tls_server(authority, name)) as url,
        client_of(account_at(url, ca_bundle_pem=pem)) as client,
    ):
        with pytest.raises(ScmUnavailableError, match=f"the server's certificate is not trusted: .*{reason}"):
            await SSL.enroll(client, order)
    assert not heard


async def test_a_server_without_tls_is_a_failed_handshake(order: Order) -> None:
    async def talk_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with server(talk_plainly) as url, client_of(account_at(url.replace("http://", "https://"))) as client:
        with pytest.raises(ScmUnavailableError, match="the TLS handshake failed: "):
            await SSL.enroll(client, order)


async def test_redirects_are_not_followed(order: Order) -> None:
    requests: list[bytes] = []

    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await read_request(reader):
            requests.append(head)
            writer.write(b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    async with server(redirect) as url, client_of(account_at(url)) as client:
        with pytest.raises(ScmError, match="check the base URL"):
            await SSL.enroll(client, order)
    assert len(requests) == 1


async def test_no_cookie_is_ever_sent_back() -> None:
    requests: list[bytes] = []

    async def set_cookie(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await read_request(reader):
            requests.append(head)
            writer.write(answer_with(ACCEPTED, b"Set-Cookie: JSESSIONID=1; Path=/\r\n"))

    async with server(set_cookie) as url, client_of(account_at(url)) as client:
        await SSL.collect(client, 55)
        await SSL.collect(client, 55)
    assert len(requests) == 2
    assert b"cookie" not in requests[1].lower()


async def test_a_login_without_tls_passes_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async with server(answer_every_request) as url, server(cut_at_once) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("ALL_PROXY", proxy)
        async with client_of(account_at(url)) as client:
            assert await SSL.collect(client, 55) == Collected(ACCEPTED)


async def test_a_proxy_that_refuses_took_nothing(monkeypatch: pytest.MonkeyPatch, order: Order) -> None:
    heard: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await read_request(reader))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async with server(refuse) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with client_of(account_at("https://scm.example.test")) as client:
            with pytest.raises(ScmUnavailableError, match="the proxy refused the connection"):
                await SSL.enroll(client, order)
    assert heard[0].startswith(b"CONNECT scm.example.test:443 ")
    assert b"login" not in heard[0]


def test_proxy_settings_that_cannot_be_used_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://user:s3cret@proxy.test")
    with pytest.raises(InvalidInputError, match="proxy settings") as caught:
        ScmClient(account_at("https://scm.example.test"))
    assert "s3cret" not in str(caught.value)


async def test_a_revocation_that_is_cut_off_is_sent_again_and_found_done() -> None:
    body = b'{"code":-159,"description":"Your certificate already revoked"}'
    requests: list[bytes] = []

    async def cut_the_first(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))
        if len(requests) > 1:
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with server(cut_the_first) as url, client_of(account_at(url)) as client:
        await SSL.revoke(client, 55, "lost", None)
    assert len(requests) == 2


async def test_a_renewal_that_is_cut_off_is_not_sent_again() -> None:
    requests: list[bytes] = []

    async def cut(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        requests.append(await read_request(reader))

    async with server(cut) as url, client_of(account_at(url)) as client:
        with pytest.raises(ScmAnswerLostError, match="renew was lost"):
            await SMIME.renew(client, 55, client_order())
    (head,) = requests
    assert head.startswith(b"POST /api/smime/v2/renew/order/55 HTTP/1.1\r\n")
    assert b"\r\ncontent-length: 0\r\n" in head.lower()


async def test_no_secret_reaches_a_log_an_error_or_a_repr(caplog: pytest.LogCaptureFixture, order: Order) -> None:
    caplog.set_level(logging.DEBUG)
    account = account_at("http://127.0.0.1:1", request_timeout=1)
    texts = [repr(account)]
    async with server(answer_every_request) as url, client_of(account_at(url)) as client:
        await SSL.enroll(client, order)
        texts.append(repr(vars(client)))
    async with server(cut_at_once) as url, client_of(account_at(url)) as client:
        with pytest.raises(ScmAnswerLostError) as caught:
            await SSL.enroll(client, order)
        texts.append(repr(caught.value))
    texts.extend(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    own = [record for record in caplog.records if record.name == "sectigo_vault_pki.scm.exchange"]
    assert [record.__dict__["kv"]["operation"] for record in own] == ["enroll", "enroll"]
    assert own[0].__dict__["kv"]["status"] == 200
    assert "trouble" in own[1].__dict__["kv"]
    for text in texts:
        assert PASSWORD not in text
        assert ascii(PASSWORD)[1:-1] not in text
        assert repr(PASSWORD.encode())[2:-1] not in text
        assert "CERTIFICATE REQUEST" not in text
